"""One entry of the stream, as the server's client gives it."""

from exchange.log.errors import BadEntry
from exchange.log.frame import Frame, decode_frame

Entry = tuple[bytes, dict[bytes, bytes]]
"""Its id, and its fields: one, `f`, with the frame."""


def split_entry(entry: Entry) -> tuple[str, bytes]:
    """The id and the frame's bytes; BadEntry where there are other fields."""
    entry_id, fields = entry
    if list(fields) != [b"f"]:
        raise BadEntry(entry_id.decode(), 0, list(fields), [b"f"])
    return entry_id.decode(), fields[b"f"]


def frame_of(entry: Entry) -> Frame:
    """The frame, with all that it says about itself checked."""
    entry_id, data = split_entry(entry)
    return decode_frame(data, entry_id)


def position_of(entry: Entry) -> tuple[int, int]:
    """(epoch, last seq), as the id says."""
    return position(entry[0].decode())


def position(entry_id: str) -> tuple[int, int]:
    """(epoch, last seq) of an id: ids are in the order of their positions."""
    epoch, _, seq = entry_id.partition("-")
    return int(epoch), int(seq)
