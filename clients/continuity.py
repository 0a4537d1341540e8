"""
What a client has seen of the exchange, and whether what comes next joins it.

Private positions grow, and each message names the one before it. A hole is an `Unjoined`, after
which resuming from `position` brings what is missing; a hole that resuming does not close, or an
exchange that stands behind what was already seen, is a `ProtocolError`: the caller then knows more
than the exchange does, and must not go on as if nothing had happened.

Numbers alone do not tell a log that was cut and has grown again from the one that was seen. That is
what the exchange's own word is for: its `witness` is kept, handed back at every turn, and refused
by an exchange whose log lacks what it said.
"""

from exchange.domain.wire import AuthOk, Execution, Orders, Position

from .errors import ProtocolError


class Unjoined(Exception):
    """Private messages are missing in between."""


class Witness:
    """The exchange's last sealed word on where its log stands; one for all of a client's talk."""

    def __init__(self, token: str = "") -> None:
        self.token = token

    def take(self, token: str) -> None:
        """Keeps a later word; an exchange that cannot seal says none."""
        self.token = token or self.token


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
        self.take_log_seq(auth.log_seq)
        if not auth.resumed:
            self.position = None

    def take_log_seq(self, log_seq: int) -> None:
        """The log's position, where the exchange states it; 0 where it does not."""
        if 0 < log_seq < self._log_seq:
            raise ProtocolError(
                f"the log went back: it stands at {log_seq}, but {self._log_seq} was already seen"
            )
        self.take_record(log_seq)

    def take_record(self, log_seq: int) -> None:
        """A record that was told of, new or old."""
        self._log_seq = max(self._log_seq, log_seq)

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
