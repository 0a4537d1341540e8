"""
The replicas that have to hold a frame before anybody hears of it.

    append ─▶ OK: the primary's disk ─▶ WAITAOF 1 R, INFO ─▶ R have it ─▶ nobody new? ─▶ durable
                                             ▲  └ too few ┘                  │
                                             └──────── identify ◀── somebody ┘

WAITAOF says how many replicas have synced their file, not which. A replica's name here is the
`host:port` under which the primary lists it; `identify` compares that list with the configured one,
name by name, and asks each replica itself whether it follows this primary and runs as it must.

Nobody attaches unseen: a primary counts the synchronisations that it has begun. If that count,
asked for after WAITAOF has answered, is the one of the last identification, then all who can have
confirmed were identified, each of them is attached once, and so R confirmations are all of them.
Where it has grown, the list is compared and WAITAOF asked again.

A replica tells what it had synced when the question reached it. The question that travels with the
frame finds it unsynced, and the next word by itself comes a second later. Hence WAITAOF is sent
after the primary's OK, and asked anew every few milliseconds until the answer is full.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence

import hiredis
import msgspec

from exchange.log.address import ServerAddress
from exchange.log.attached import INFO_QUESTION, View, behind, info_fields, view_of
from exchange.log.configuration import REPLICA_QUESTION, Difference, replica_differences
from exchange.log.errors import ConfigurationDiffers, ReplicasDiffer, ReplicasShort, told
from exchange.log.resp import Connection, ReplyError

CONFIRM_SECONDS = 3.0
"""
Longest wait for all replicas, and for what one says about itself.

Below the appender's own, so that this one says who is missing.
"""
_ASK_MS = 10


class Replicas:
    """
    The exact set of replicas of one primary; their servers take the primary's credentials.

    The empty set is a set as well: then nobody may be attached when the log is taken over.
    """

    def __init__(self, primary: ServerAddress, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self._primary = primary
        self._addresses = {name: _address_of(primary, name) for name in names}
        self._generation: tuple[str, str, str] | None = None

    async def check(self) -> None:
        """
        Whether exactly the configured replicas are attached and as they must be; waits for them.

        Before a log is taken over, and at intervals. Raises ReplicasDiffer, ReplicasShort or
        ConfigurationDiffers.
        """
        try:
            async with asyncio.timeout(2 * CONFIRM_SECONDS):
                primary = await Connection.open(self._primary)
                try:
                    await self._identify(await self._counted(primary, "when they were asked"))
                finally:
                    primary.abort()
        except (OSError, hiredis.HiredisError) as error:
            raise ReplicasShort(
                f"log_replicas_short: {self._primary!r} does not say who is attached to it: "
                f"{told(error)}"
            ) from error

    async def confirm(self, primary: Connection, entry_id: str) -> None:
        """
        Returns once each of the replicas has what was written by `primary`, entry and all, on disk.

        Raises what `check` raises, and OSError when the primary is lost; the caller bounds the
        time.
        """
        while True:
            view = await self._counted(primary, f"of entry {entry_id}")
            if view.generation == self._generation:
                return
            await self._identify(view)

    async def _counted(self, primary: Connection, what: str) -> View:
        """Asks until as many replicas as are configured have synced; who they are is not known."""
        loop = asyncio.get_running_loop()
        deadline, needed_offset = loop.time() + CONFIRM_SECONDS, 0
        question = ("WAITAOF", "1", str(len(self.names)), str(_ASK_MS))
        while True:
            try:
                primary.send(question, INFO_QUESTION)
                local_count, count = await primary.receive()
                view = view_of(await primary.receive())
            except ReplyError as error:
                raise ReplicasShort(
                    f"log_replicas_short: {self._primary!r} does not wait for its replicas: "
                    f"{error}; it is a primary no more, or this user may not ask"
                ) from error
            if local_count >= 1 and count >= len(self.names):
                return view
            needed_offset = needed_offset or view.offset
            if loop.time() >= deadline:
                reasons = "; ".join(behind(name, view, needed_offset) for name in self.names)
                raise ReplicasShort(
                    f"log_replicas_short: no confirmation {what} by every replica within "
                    f"{CONFIRM_SECONDS:g} s: {reasons}. What is not confirmed may yet be in the "
                    "log. Bring the replica back, or name the set without it, and start again"
                )

    async def _identify(self, view: View) -> None:
        """Compares who is attached with who should be, by the primary's word and by their own."""
        found, wanted = Counter(each.name for each in view.attached), Counter(self.names)
        if found != wanted:
            raise ReplicasDiffer(
                f"log_replicas_differ: attached to {self._primary!r} but not configured, or "
                f"attached twice: {_listed(found - wanted)}; configured but not attached: "
                f"{_listed(wanted - found)}; name exactly those attached with --replica, or "
                "change who is, and start again"
            )
        run_ids = {await self._ask(name, view.history_id) for name in self.names}
        if len(run_ids) < len(self.names):
            raise ReplicasDiffer(
                f"log_replicas_differ: two of {', '.join(self.names)} are one and the same server"
            )
        self._generation = view.generation

    async def _ask(self, name: str, history_id: str) -> str:
        """Asks a replica whether it is the attached one and runs as it must; its run id."""
        info: dict[str, str] = {}
        try:
            async with asyncio.timeout(CONFIRM_SECONDS):
                connection = await Connection.open(self._addresses[name])
                try:
                    settings = await connection.call(*REPLICA_QUESTION)
                    while info.get("master_replid") != history_id:
                        # Attached may mean that it still loads what it was sent.
                        await asyncio.sleep(_ASK_MS / 1000 if info else 0)
                        info = info_fields(await connection.call("INFO"))
                finally:
                    connection.abort()
        except (OSError, hiredis.HiredisError) as error:
            instead = f"it follows {info['master_replid']}" if info else told(error)
            raise ReplicasDiffer(
                f"log_replicas_differ: the replica {name} does not say that it follows the "
                f"history {history_id} of {self._primary!r}: {instead}; another server is at that "
                "address, or it is not in step yet, or does not take the primary's user"
            ) from error
        _require_as_configured(name, replica_differences(settings, info))
        return info["run_id"]


def require_name(name: str) -> str:
    """A replica's `host:port`, as its primary lists it; raises ValueError for anything else."""
    host, _, port = name.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"replica {name!r} is not HOST:PORT, as the primary's INFO lists it")
    return name


def _require_as_configured(name: str, found: list[Difference]) -> None:
    if found:
        raise ConfigurationDiffers(
            f"log_configuration_differs: on the replica {name} {'; '.join(map(str, found))}; what "
            "it confirms could be lost, set these right and start again"
        )


def _listed(names: Counter[str]) -> str:
    return ", ".join(names.elements()) or "nobody"


def _address_of(primary: ServerAddress, name: str) -> ServerAddress:
    host, _, port = require_name(name).rpartition(":")
    return msgspec.structs.replace(primary, unix_path="", host=host.strip("[]"), port=int(port))
