"""
The server's settings without which an acknowledged record could be lost.

The embedded server's file is written from `REQUIRED`, and every server, embedded or external, is
asked at start and from time to time whether it still runs so: CONFIG SET needs no restart.
"""

from collections.abc import Callable
from typing import Any

import msgspec
import redis
import redis.asyncio

from exchange.log.asking import asking
from exchange.log.errors import ConfigurationDiffers

REQUIRED = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "auto-aof-rewrite-percentage": "0",
    "aof-load-truncated": "no",
    "maxmemory-policy": "noeviction",
    "save": "",
    "enable-debug-command": "no",
}
"""
Rewrites of the append-only file are asked for, on a schedule, and never begin by themselves. DEBUG
can put an old log in the place of this one without telling those who watch it.
"""
MIN_VERSION = (7, 2)
_LIMITED = "maxmemory"
_READ_ONLY = "replica-read-only"
REPLICA_QUESTION = ("CONFIG", "GET", *REQUIRED, _LIMITED, _READ_ONLY)
"""A replica in which anybody can write holds another history soon."""
_WHAT = "the server's configuration"


class Difference(msgspec.Struct, frozen=True):
    """One setting that is not as it must be."""

    setting: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.setting} is {self.found!r}, wanted {self.wanted!r}"


def differences(
    settings: dict[str, str], info: dict[str, Any], role: str = "master"
) -> list[Difference]:
    """Compares what CONFIG GET and INFO said with what must be; empty when all is well."""
    found = [
        Difference(setting, settings.get(setting, "absent"), wanted)
        for setting, wanted in REQUIRED.items()
        if settings.get(setting) != wanted
    ]
    if int(settings.get(_LIMITED, "0")) <= 0:
        found.append(Difference(_LIMITED, settings.get(_LIMITED, "absent"), "above 0"))
    version = str(info.get("valkey_version") or info.get("redis_version", "0.0"))
    if tuple(int(part) for part in version.split(".")[:2]) < MIN_VERSION:
        found.append(Difference("version", version, "7.2 or later"))
    if info.get("role") != role:
        found.append(Difference("role", str(info.get("role")), role))
    return found


def check_configuration(client: redis.Redis) -> None:
    """Raises ConfigurationDiffers, naming every difference."""
    ask: Callable[..., Any] = client.execute_command
    with asking(_WHAT):
        pairs = ask("CONFIG GET", *REQUIRED, _LIMITED)
        info = client.info("server") | client.info("replication")
    _refuse(differences(_text(pairs), info))


async def check_configuration_async(client: redis.asyncio.Redis) -> None:
    """`check_configuration` on asyncio, for the check at intervals."""
    ask: Callable[..., Any] = client.execute_command
    with asking(_WHAT):
        pairs = await ask("CONFIG GET", *REQUIRED, _LIMITED)
        info = await client.info("server") | await client.info("replication")
    _refuse(differences(_text(pairs), info))


def replica_differences(pairs: Any, info: dict[str, Any]) -> list[Difference]:
    """The same of a replica, by the answers to `REPLICA_QUESTION` and INFO."""
    settings = _text(pairs)
    found = differences(settings, info, role="slave")
    if settings.get(_READ_ONLY) != "yes":
        found.append(Difference(_READ_ONLY, settings.get(_READ_ONLY, "absent"), "yes"))
    return found


def _refuse(found: list[Difference]) -> None:
    if found:
        listed = "; ".join(str(difference) for difference in found)
        raise ConfigurationDiffers(
            f"log_configuration_differs: {listed}; acknowledged records could be lost, set these "
            "right and start again"
        )


def _text(pairs: Any) -> dict[str, str]:
    """CONFIG GET's answer as text, whether the client made a mapping of it or left a flat list."""
    items = pairs.items() if isinstance(pairs, dict) else zip(pairs[::2], pairs[1::2], strict=True)
    return {_str(setting): _str(value) for setting, value in items}


def _str(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value
