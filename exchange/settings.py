"""The settings of a process: one frozen struct, read once, handed down."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from exchange.domain.units import NS_PER_MINUTE
from exchange.log import LogName, LogSettings, ServerAddress
from exchange.log.replication import require_name

VENUE_FILE = "venue.json"

RedisUrl = Annotated[str, typer.Option("--redis-url", help="External server; no password here.")]
PasswordFile = Annotated[Path | None, typer.Option("--redis-password-file")]
ArchiveDirs = Annotated[
    list[Path] | None, typer.Option("--archive", help="A place of the archive; repeatable.")
]
ReplicaNames = Annotated[
    list[str] | None,
    typer.Option(
        "--replica",
        metavar="HOST:PORT",
        help="A replica that confirms every append; repeat it for each that is attached.",
    ),
]


class VenueFile(Struct, frozen=True, forbid_unknown_fields=True):
    """`venue.json`: which log the directory holds, written by `exchange init`."""

    venue_id: str
    shard: str = "main"


class Settings(Struct, frozen=True, kw_only=True):
    """How to serve one venue."""

    data_dir: Path
    host: str = "127.0.0.1"
    http_port: int = 8080
    """0 takes any free port."""
    admin_port: int = 0
    """Metrics; 0 takes any free port."""
    redis_url: str = ""
    """An external server; empty is the embedded one."""
    redis_password_file: Path | None = None
    """Where the external server's password stands, so that it is never in argv."""
    replicas: tuple[str, ...] = ()
    """All replicas of the external server, each `host:port` as it lists them."""
    archive_dirs: tuple[Path, ...] = ()
    """Places of the archive, which hold what was trimmed from the stream."""
    speed: int = 1
    """How many times as fast as the wall market time runs."""
    marking_interval_ns: int = 0
    """Market time between two marking cycles; 0 for what `marking_cycle_ns` says."""
    head_interval_count: int = 10_000
    """Records between two signatures over the log's head; a day's end and a stop have their own."""
    may_heads_be_unsigned: bool = False
    """Serves although the key that signs the log's head is lost."""
    has_standby: bool = False
    """Whether another exchange waits to take over: then ticks are a lease."""
    snapshot_records: int = 100_000
    """Records between two snapshots; one more is taken at an orderly stop."""
    is_clock_jump_allowed: bool = False
    """Lets market time jump more than a day after a long stop, or wait for a clock set back."""

    is_behind_tls_proxy: bool = False
    """Whether another address than loopback is meant, for a proxy that ends TLS."""

    @property
    def marking_cycle_ns(self) -> int:
        """
        Market time between two marking cycles, where none is asked for: a minute.

        Where market time runs so fast that this would be more than four a second of the wall it is
        as many minutes more, up to an hour.
        """
        minutes_count = min(60, -(-self.speed // (4 * 60)))
        return self.marking_interval_ns or minutes_count * NS_PER_MINUTE

    def log_settings(self, venue: VenueFile) -> LogSettings:
        """Which log, where."""
        external = external_server(self.redis_url, self.redis_password_file)
        return LogSettings(
            data_dir=self.data_dir,
            name=LogName(venue.venue_id, venue.shard),
            external=external,
            archive_dirs=self.archive_dirs,
            replicas=self.replicas,
        )


def replica_names(names: Sequence[str] | None, redis_url: str) -> tuple[str, ...]:
    """The replicas that the shell names; raises its own word for wrong usage."""
    try:
        found = tuple(require_name(name) for name in names or ())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--replica") from error
    if found and not redis_url:
        raise typer.BadParameter(
            "the embedded server has no replicas; name their primary with --redis-url",
            param_hint="--replica",
        )
    if len(set(found)) < len(found):
        raise typer.BadParameter("one of them is named twice", param_hint="--replica")
    return found


def log_settings(
    data_dir: Path,
    redis_url: str,
    redis_password_file: Path | None,
    archive_dirs: Sequence[Path] | None,
) -> LogSettings:
    """Which log a command of the shell is about; raises `VenueMissing`."""
    settings = Settings(
        data_dir=data_dir,
        redis_url=redis_url,
        redis_password_file=redis_password_file,
        archive_dirs=tuple(archive_dirs or ()),
    )
    return settings.log_settings(read_venue(data_dir))


def external_server(url: str, password_file: Path | None) -> ServerAddress | None:
    """The server that a URL names, with its password from a file; None for the embedded one."""
    if not url:
        return None
    address = ServerAddress.from_url(url)
    if password_file is None:
        return address
    return msgspec.structs.replace(address, password=password_file.read_text().strip())


class VenueMissing(Exception):
    """The directory holds no venue."""

    exit_code = 2


def read_venue(data_dir: Path) -> VenueFile:
    """What `exchange init` wrote; raises `VenueMissing` where it never ran."""
    path = data_dir / VENUE_FILE
    if not path.exists():
        raise VenueMissing(f"no venue in {data_dir}: create one with `exchange init`")
    return msgspec.json.decode(path.read_bytes(), type=VenueFile)


class StartRefused(Exception):
    """The exchange does not start; says what differs and what to do."""

    exit_code = 6
