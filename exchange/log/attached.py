"""Who is attached to a primary, read from its INFO."""

import re

import msgspec

INFO_QUESTION = ("INFO", "replication", "stats")
_LISTED = re.compile(r"slave\d+:ip=(.*),port=(\d+),state=(\w+),offset=(\d+),lag=(-?\d+)")


class Attached(msgspec.Struct, frozen=True):
    """One replica as its primary lists it."""

    name: str
    """`host:port`, as it announces itself."""
    state: str
    offset: int
    """How much of the primary's stream it has in memory, in bytes."""
    lag_seconds: int
    """Since it was last heard."""


class View(msgspec.Struct, frozen=True):
    """All replicas of a primary at one moment."""

    generation: tuple[str, str, str]
    """Changes whenever a replica attaches, or another history begins."""
    offset: int
    """How much the primary has written to its stream, in bytes."""
    attached: tuple[Attached, ...]

    @property
    def history_id(self) -> str:
        """The replication id, which the replicas repeat."""
        return self.generation[0]


def view_of(info: bytes) -> View:
    """Reads the answer to `INFO_QUESTION`."""
    fields = info_fields(info)
    attached = [
        Attached(f"{host}:{port}", state, int(offset), int(lag))
        for host, port, state, offset, lag in _LISTED.findall(info.decode())
    ]
    # A line that cannot be read is somebody whom nobody knows.
    unread_count = int(fields["connected_slaves"]) - len(attached)
    attached += [Attached("somebody unreadable in INFO", "?", 0, 0)] * unread_count
    generation = fields["master_replid"], fields["sync_full"], fields["sync_partial_ok"]
    return View(generation, int(fields["master_repl_offset"]), tuple(attached))


def info_fields(info: bytes) -> dict[str, str]:
    """The fields of any INFO, as text."""
    pairs = (line.partition(":") for line in info.decode().splitlines())
    return {field: value for field, _, value in pairs}


def behind(name: str, view: View, needed_offset: int) -> str:
    """What a replica lacks before it can confirm `needed_offset`, for an operator."""
    found = next((each for each in view.attached if each.name == name), None)
    if found is None:
        return f"{name} is not attached"
    if found.state != "online":
        return f"{name} is being synchronised ({found.state})"
    if found.offset < needed_offset:
        return (
            f"{name} has {found.offset} of {needed_offset} bytes and was last heard "
            f"{found.lag_seconds} s ago"
        )
    return f"{name} has it in memory"
