"""
Everybody outside: suppliers, traders, a bank and an operator, each with a key of his own.

They send several commands at once, mostly to the exchange that started last, sometimes to an older
one. What got no answer, or an answer that leaves the outcome open, they send again under the same
id until it is settled; and now and then also what was settled, to hear whether it still is.
"""

import random
from dataclasses import dataclass

from msgspec.structs import replace

from exchange.domain.commands import Command
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY
from exchange.rules import State
from matching_core.venue import Venue
from tests.properties.delivery_steps import delivery_step
from tests.properties.test_desk import desk_step
from tests.properties.test_market import linked_step
from tests.simulation.audit import CommandKey
from tests.simulation.house import Boot, House
from tests.simulation.lenders import lending_step
from tests.simulation.virtual_loop import VirtualLoop

OPEN = (Reason.OUTCOME_UNKNOWN, Reason.LOG_UNAVAILABLE, Reason.DRAINING, Reason.OVERLOAD)
"""Answers that settle nothing."""
PAUSE_S = 0.4
"""At the median, between two times that somebody does something."""


@dataclass
class _Sight:
    """What is seen of the market when a command is drawn."""

    state: State

    @property
    def core(self) -> Venue:
        return self.state.core


class People:
    """All of them; `settled` holds the first outcome of every command that has one."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, house: House) -> None:
        self.is_buying = True
        """Whether they send new commands, or only settle the old ones."""
        self.sent: dict[CommandKey, Command] = {}
        self.settled: dict[CommandKey, Outcome] = {}
        self._loop, self._dice, self._house = loop, dice, house
        self._drawn_count = 0

    @property
    def unsettled(self) -> list[Command]:
        """What has no outcome yet, in the order in which it was first sent."""
        return [command for key, command in self.sent.items() if key not in self.settled]

    def act(self) -> None:
        """Does something, and again a little later, until the world is over."""
        if self._house.is_over:
            return
        leaders = self._house.leaders
        if leaders:
            is_up_to_date = not self.is_buying or self._dice.random() < 0.8
            boot = leaders[-1] if is_up_to_date else self._dice.choice(leaders)
            for command in self._to_send(boot):
                self._send(boot, command)
        self._loop.outside(self._dice.random() * 2 * PAUSE_S, self.act)

    def _to_send(self, boot: Boot) -> list[Command]:
        dice = self._dice
        again = self.unsettled
        if not self.is_buying:
            return again
        found = [command for command in again if dice.random() < 0.3]
        if self.sent and dice.random() < 0.2:
            found.append(dice.choice(list(self.sent.values())))
        for _ in range(dice.choice((0, 1, 1, 2, 5))):
            new = self._new(boot)
            if new is not None:
                found.append(new)
        return found

    def _new(self, boot: Boot) -> Command | None:
        """A command of somebody's own; what only the exchange gives itself is left to it."""
        if boot.sequencer is None:
            return None
        state = boot.sequencer.engine.state
        draws = (linked_step, delivery_step, desk_step, lending_step)
        draw = self._dice.choices(draws, (12, 3, 3, 2))[0]
        key_id, command = draw(self._dice, _Sight(state))
        if key_id == 0:
            return None
        self._drawn_count += 1
        valid_ns = self._dice.randint(1, NS_PER_DAY)
        return replace(
            command,
            key_id=key_id,
            command_id=f"sim {self._drawn_count}",
            valid_until_ns=state.market_ns + valid_ns,
        )

    def _send(self, boot: Boot, command: Command) -> None:
        key = (command.key_id, command.command_id)
        self.sent.setdefault(key, command)

        def heard(outcome: Outcome) -> None:
            is_lost = self.is_buying and self._dice.random() < 0.1
            if outcome.reason not in OPEN and not is_lost:
                self.settled.setdefault(key, outcome)

        boot.send(command, heard)
