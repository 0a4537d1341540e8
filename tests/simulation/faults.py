"""
What goes wrong: one seed draws a few of these, at times that one seed draws.

Processes are struck after a number of their own steps, so that they die and freeze between any two
of them. Whatever is broken is mended after a while, or by `mend_all` at the end of the run.
"""

import random
from collections.abc import Callable

import msgspec

from exchange.log.witness import Witness
from tests.simulation.fake_server import FakeServer
from tests.simulation.house import Boot, House
from tests.simulation.virtual_loop import VirtualLoop

STEPS_COUNT = 80
"""A boot takes about 150 steps to its barrier, a commit about 20, the server's part in it 6."""


class Faults:
    """Strikes one house and its server."""

    def __init__(
        self,
        loop: VirtualLoop,
        dice: random.Random,
        house: House,
        server: FakeServer,
        tell: Callable[[str], None],
    ) -> None:
        self._loop, self._dice, self._house, self._server = loop, dice, house, server
        self._tell = tell
        self._lent: list[object] | None = None
        """The true file of the server, while it has an old one."""

    def plan(self, duration_s: float, count: int) -> None:
        """Draws what happens when."""
        kinds = [kind for kind, weight in _MENU for _ in range(weight)]
        for _ in range(count):
            kind = self._dice.choice(kinds)
            self._loop.outside(self._dice.random() * duration_s, self._strike, kind)

    def mend_all(self) -> None:
        """Ends what is under way; from here on nothing breaks."""
        for boot in self._house.boots:
            boot.process.spare()
            boot.process.go_on(self._loop)
        server = self._server
        server.process.spare()
        server.process.go_on(self._loop)
        server.is_full = server.is_slow = False
        for link in server.links:
            if link.is_mute:
                link.lose()
        self._give_back()
        server.start()

    def _strike(self, kind: "Callable[[Faults], None]") -> None:
        if not self._house.is_mending:
            kind(self)

    def _later(self, longest_s: float, action: Callable[..., object], *args: object) -> None:
        self._loop.outside(self._dice.random() * longest_s, action, *args)

    def _boot(self) -> Boot | None:
        leaders = self._house.leaders
        return self._dice.choice(leaders) if leaders else None

    # -- the exchange

    def kill_exchange(self) -> None:
        """kill -9 at any await."""
        if boot := self._boot():
            self._at_some_step(boot.process, f"kill {boot.process.name}", boot.process.kill)

    def stop_exchange(self) -> None:
        """An orderly stop."""
        if boot := self._boot():
            self._tell(f"stop {boot.process.name} orderly")
            boot.stop_orderly()

    def freeze_exchange(self) -> None:
        """Stops a leader for a while; mostly another takes over before it wakes."""
        if not (boot := self._boot()):
            return
        self._at_some_step(boot.process, f"freeze {boot.process.name}", boot.process.stop)
        self._later(8, boot.process.go_on, self._loop)
        if self._dice.random() < 0.8:
            self._later(4, self._house.start)

    def start_second_exchange(self) -> None:
        """Two at once, who believe the same."""
        self._tell("start one more, or two")
        self._house.start()
        if self._dice.random() < 0.5:
            self._later(0.02, self._house.start)

    # -- the server

    def kill_server(self) -> None:
        """kill -9 of the server; its machine goes on."""
        self._server_dies("kill the server", self._server.kill)

    def cut_servers_power(self) -> None:
        """Unsynced bytes are gone."""
        self._server_dies("cut the server's power", self._server.cut_power)

    def kill_server_then_cut_power(self) -> None:
        """What was read after the restart was never synced, and goes."""
        self._server_dies("kill the server, its power to follow", self._server.kill, 0.3)
        self._loop.outside(0.4 + self._dice.random() * 2, self._cut_now)

    def cut_power(self) -> None:
        """Everything goes down at once."""
        self._tell("cut everybody's power")
        for boot in self._house.leaders:
            boot.process.kill()
        self._cut_now()

    def freeze_server(self) -> None:
        """It goes on later, and executes what its sockets hold by then."""
        process = self._server.process
        self._at_some_step(process, "freeze the server", process.stop)
        self._later(8, process.go_on, self._loop)

    def fill_memory(self) -> None:
        """Appends are refused for a while."""
        self._tell("the server's memory is full")
        self._server.is_full = True
        self._later(2, setattr, self._server, "is_full", False)

    def slow_disk(self) -> None:
        """Some fsyncs take up to a second."""
        self._tell("the server's disk is slow")
        self._server.is_slow = True
        self._later(5, setattr, self._server, "is_slow", False)

    def restore_old_backup(self) -> None:
        """The server comes back with an old file, until somebody notices and puts it right."""
        path = self._house.witness
        if path is None or self._lent is not None or self._server.process.is_dead:
            return
        witness = msgspec.json.decode(path.read_bytes(), type=Witness)
        for boot in self._house.leaders:
            boot.process.kill()
        self._server.kill()
        disk = self._server.disk
        older = [entry for entry in disk.written if entry[0] < witness.position]
        self._lent = disk.written
        disk.written = older[: self._dice.randint(0, len(older))]
        disk.synced_count = len(disk.written)
        self._tell(f"an old backup of the server, {len(disk.written)} of {len(self._lent)} frames")
        self._server.start()
        self._loop.outside(1 + self._dice.random() * 2, self._give_back)

    # -- the network

    def break_connection(self) -> None:
        """One connection breaks, with what is under way."""
        if self._server.links:
            self._tell("break a connection")
            self._dice.choice(self._server.links[-3:]).lose()

    def lose_answers(self) -> None:
        """The server's answers stop arriving on one connection."""
        if self._server.links:
            self._tell("lose the answers on a connection")
            self._dice.choice(self._server.links[-3:]).is_mute = True

    # --

    def _at_some_step(self, process, text: str, strike: Callable[[], None]) -> None:
        def now() -> None:
            self._tell(text)
            strike()

        process.after_steps(self._dice.randrange(STEPS_COUNT), now)

    def _server_dies(self, text: str, die: Callable[[], None], longest_s: float = 2.0) -> None:
        def now() -> None:
            die()
            self._later(longest_s, self._server.start)

        self._at_some_step(self._server.process, text, now)

    def _cut_now(self) -> None:
        if not self._house.is_mending:
            self._tell("power cut")
            self._server.cut_power()
            self._later(2, self._server.start)

    def _give_back(self) -> None:
        """The operator restores what the backup lacked."""
        if self._lent is not None:
            self._tell("the server's true file is back")
            self._server.kill()
            self._server.disk.written = self._lent
            self._server.disk.synced_count = len(self._lent)
            self._lent = None
            self._server.start()


_MENU: tuple[tuple[Callable[[Faults], None], int], ...] = (
    (Faults.kill_exchange, 4),
    (Faults.stop_exchange, 1),
    (Faults.freeze_exchange, 4),
    (Faults.start_second_exchange, 3),
    (Faults.kill_server, 3),
    (Faults.cut_servers_power, 3),
    (Faults.kill_server_then_cut_power, 3),
    (Faults.cut_power, 2),
    (Faults.freeze_server, 4),
    (Faults.fill_memory, 1),
    (Faults.slow_disk, 1),
    (Faults.restore_old_backup, 1),
    (Faults.break_connection, 3),
    (Faults.lose_answers, 2),
)
"""With how often each is drawn."""
