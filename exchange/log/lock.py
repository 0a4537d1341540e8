"""
Locks on a data directory, held as long as a descriptor of theirs is open anywhere.

`LOCK` says that a server lives: its descriptor is inherited by the server and by the server's own
children, and closed by us. `SERVE` says that an exchange lives: it is inherited by nobody. So after
a `kill -9` of the exchange the kernel frees `SERVE` and keeps `LOCK`, and the next exchange adopts
the server instead of starting a second one on the same files.
"""

import fcntl
import os
from pathlib import Path


class FileLock:
    """An exclusive lock on one file, free again once `release`d or once all holders are dead."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1

    def acquire(self, *, may_create: bool = True) -> bool:
        """Takes the lock if it is free; never waits. FileNotFoundError unless it `may_create`."""
        assert self._descriptor < 0, f"{self.path} is held already"
        flags = os.O_RDWR | os.O_CREAT if may_create else os.O_RDONLY
        descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    @property
    def descriptor(self) -> int:
        """The open descriptor, to be handed to a child."""
        assert self._descriptor >= 0, f"{self.path} is not held"
        return self._descriptor

    def release(self) -> None:
        """Closes our descriptor; a child that inherited it goes on holding the lock."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def holders(path: Path) -> list[int]:
    """Processes with the file open, as far as /proc shows them; empty on systems without it."""
    wanted = os.stat(path)
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            descriptors = list((process / "fd").iterdir())
            if any(_is_same(descriptor, wanted) for descriptor in descriptors):
                found.append(int(process.name))
        except OSError:
            continue  # It ended meanwhile, or is another user's.
    return sorted(found)


def _is_same(descriptor: Path, wanted: os.stat_result) -> bool:
    try:
        return os.path.samestat(descriptor.stat(), wanted)
    except OSError:
        return False
