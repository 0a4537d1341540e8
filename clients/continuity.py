"""
What a session has seen of the exchange, and whether what comes next joins it.

Private positions grow, and each message names the one before it. A hole is an `Unjoined`, after
which resuming from `position` brings what is missing; a hole that resuming does not close, or an
exchange that stands behind what was already seen, is a `ProtocolError`: the caller then knows more
than the exchange does, and must not go on as if nothing had happened.
"""

from exchange.domain.wire import AuthOk, Execution, Orders, Pong, Position

from .errors import ProtocolError


class Unjoined(Exception):
    """Private messages are missing in between."""


class Continuity:
    """The last private position and the log's position, each only ever growing."""

    def __init__(self) -> None:
        self.position: Position | None = None
        """The last private message seen; None while nothing private is followed."""
        self._highest: Position = (0, 0)
        self._log_seq = 0
        self._unjoined_at: Position | None = None

    def begin(self, auth: AuthOk) -> None:
        """A connection has authenticated; unless it resumes, a snapshot will say where we are."""
        position = _ordered(auth.position)
        if position < self._highest:
            raise ProtocolError(
                f"the log went back: the account stands at {position}, "
                f"but {self._highest} was already seen"
            )
        self._highest = position
        if not auth.resumed:
            self.position = None

    def take_pong(self, pong: Pong) -> None:
        """The log's position, where the exchange states it."""
        if 0 < pong.log_seq < self._log_seq:
            raise ProtocolError(
                f"the log went back: it stands at {pong.log_seq}, "
                f"but {self._log_seq} was already seen"
            )
        self._log_seq = max(self._log_seq, pong.log_seq)

    def take_snapshot(self, orders: Orders) -> None:
        """A snapshot contains every private message up to its position."""
        self.position = max(_ordered(orders.position), self.position or (0, 0))
        self._highest = max(self._highest, self.position)

    def is_next(self, execution: Execution) -> bool:
        """Whether this is news that joins; what was seen before is not news."""
        position = _ordered(execution.position)
        if self.position is not None:
            if position <= self.position:
                return False
            if _ordered(execution.previous) != self.position:
                self._refuse_second_hole(self.position)
                raise Unjoined(f"private messages after {self.position} are missing")
        self.position = position
        self._highest = max(self._highest, position)
        return True

    def forget(self) -> None:
        """Nothing private is followed any more."""
        self.position = None

    def _refuse_second_hole(self, position: Position) -> None:
        if self._unjoined_at == position:
            raise ProtocolError(
                f"private messages after {position} are missing and resuming did not bring them"
            )
        self._unjoined_at = position


def _ordered(position: Position) -> Position:
    return (position[0], position[1])
