"""
The server's append-only file, as far as its tail must be repaired after a power cut.

The file is a list of commands, each `*<words>` and then `$<bytes>` and data for every word. A power
cut can leave the last one short, or padded with zeros. The server then refuses to start, which is
right: it must not decide by itself what to forget. `repair_tail` cuts after the last whole command
(of a MULTI, after its EXEC), keeps what it cut beside the file, and says so; the caller compares
the log with its witness. Where whole commands follow the bad place, it is no torn tail but damage,
and nothing is touched.
"""

import mmap
import os
import re
from pathlib import Path

import msgspec

from exchange.log.errors import AofDamaged
from exchange.log.witness import sync_directory

AOF_DIRECTORY = "appendonlydir"
_INCREMENT = re.compile(rb"file (\S+) seq (\d+) type i")
_COUNT = re.compile(rb"\*([1-9]\d{0,8})\r\n")
_SIZE = re.compile(rb"\$(\d{1,10})\r\n")
_NOTE = re.compile(rb"#[^\r\n]*\r\n")


class TornTail(msgspec.Struct, frozen=True):
    """What a repair cut off; the file and `kept_path` one after the other are the old file."""

    aof_path: Path
    kept_path: Path
    cut_at: int
    cut_bytes: int

    def __str__(self) -> str:
        return (
            f"{self.cut_bytes} bytes after offset {self.cut_at} of {self.aof_path} were no whole "
            f"command and were moved to {self.kept_path}"
        )


def repair_tail(server_dir: Path) -> TornTail | None:
    """Cuts a torn tail off the last file that has bytes; None when its commands are whole."""
    increments = _increments(server_dir / AOF_DIRECTORY)
    for number, aof_path in enumerate(increments, start=1):
        good, torn = _torn_part(aof_path)
        if not torn:
            continue
        later = _whole_command_inside(torn)
        if later is not None or number < len(increments):
            follow = increments[number] if later is None else f"at offset {good + later}"
            raise AofDamaged(
                f"log_aof_damaged: {aof_path} is damaged at offset {good}, and whole commands "
                f"follow {'in ' if later is None else ''}{follow}; nothing was changed, restore it "
                "from the archive or a replica"
            )
        kept_path = _unused(aof_path.with_name(f"{aof_path.name}.torn-at-{good}"))
        _write_durably(kept_path, torn)
        with open(aof_path, "r+b") as file:
            file.truncate(good)
            os.fsync(file.fileno())
        return TornTail(aof_path, kept_path, good, len(torn))
    return None


def sync_files(server_dir: Path) -> None:
    """
    Makes durable what a server had written and not synced when it was killed.

    Before the next server loads it: that one may go on in a new file, and a barrier there would
    sync neither the old file nor the name of a manifest that the dead server had just replaced.
    Raises OSError.
    """
    aof_dir = server_dir / AOF_DIRECTORY
    if not aof_dir.exists():
        return
    for path in aof_dir.iterdir():
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    sync_directory(aof_dir)
    sync_directory(server_dir)


def whole_commands_end(data: mmap.mmap | bytes) -> int:
    """The offset after the last whole command that is not inside an open MULTI."""
    good = place = 0
    is_in_multi = False
    while place < len(data):
        command = _command_at(data, place)
        if command is None:
            break
        word, place = command
        is_in_multi = word == b"MULTI" or (is_in_multi and word != b"EXEC")
        if not is_in_multi:
            good = place
    return good


def _command_at(data: mmap.mmap | bytes, place: int) -> tuple[bytes, int] | None:
    """The first word of the command at `place` and the offset after it; None unless it is whole."""
    if note := _NOTE.match(data, place):
        return b"", note.end()
    header = _COUNT.match(data, place)
    if header is None:
        return None
    first, place = b"", header.end()
    for index in range(int(header[1])):
        size = _SIZE.match(data, place)
        if size is None:
            return None
        place = size.end() + int(size[1]) + 2
        if data[place - 2 : place] != b"\r\n":
            return None
        if index == 0:
            first = data[size.end() : place - 2].upper()
    return first, place


def _whole_command_inside(torn: bytes) -> int | None:
    """Where a whole command begins after the first byte of `torn`, if one does."""
    for start in _COUNT.finditer(torn, 1):
        if _command_at(torn, start.start()) is not None:
            return start.start()
    return None


def _increments(aof_dir: Path) -> list[Path]:
    """The files that the server appended to, oldest first; a rewrite leaves the last one empty."""
    manifests = sorted(aof_dir.glob("appendonly*.manifest"))  # an unfinished one is `temp-…`
    found = _INCREMENT.findall(manifests[-1].read_bytes()) if manifests else []
    paths = [aof_dir / name.decode() for name, _ in sorted(found, key=lambda each: int(each[1]))]
    return [path for path in paths if path.exists() and path.stat().st_size > 0]


def _torn_part(path: Path) -> tuple[int, bytes]:
    """Where a file's whole commands end, and what follows."""
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        good = whole_commands_end(data)
        return good, data[good:]


def _unused(path: Path) -> Path:
    count = 0
    candidate = path
    while candidate.exists():
        count += 1
        candidate = path.with_name(f"{path.name}-{count}")
    return candidate


def _write_durably(path: Path, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    sync_directory(path.parent)
