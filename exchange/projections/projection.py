"""
What every read model has in common: a table of handlers, a position, a checkpoint.

A projection folds records in their order, and its whole state is a function of the records up to
`at_seq`. It refuses to go on at a gap: a number computed from an incomplete log is worse than none.

A checkpoint is one canonical encoding of effect and position together, so a crash between the two
cannot happen, and two folds of the same records give the same bytes. It is a convenience and never
the truth: to change a projection, change its code and fold the log again.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import msgspec
from msgspec import Struct

from exchange.domain.events import Event
from exchange.domain.record import Record

Handler = Callable[[Any, Record, int], None]
"""Takes an event, its record and the event's place in the record."""

StateT = TypeVar("StateT", bound=Struct)


class ProjectionGap(Exception):
    """A record is missing before this one, or came twice."""

    def __init__(self, name: str, at_seq: int, seq: int) -> None:
        super().__init__(f"{name} is at seq {at_seq} and cannot take record {seq}")
        self.at_seq = at_seq
        self.seq = seq


class Projection(Generic[StateT]):
    """
    Base of the read models.

    A subclass names its checkpoint's type, states its handlers, and turns itself into that type and
    back. Dictionaries become lists of rows sorted by key, which makes the encoding canonical.
    """

    state_type: ClassVar[type[Struct]]

    def __init__(self) -> None:
        self.at_seq = 0
        self.handlers: Mapping[type[Event], Handler] = self.handle()

    def handle(self) -> Mapping[type[Event], Handler]:
        """Which event goes to which method; events that are not named change nothing."""
        raise NotImplementedError

    def state(self) -> StateT:
        """The state as rows in canonical order."""
        raise NotImplementedError

    def load(self, state: StateT) -> None:
        """Takes in what `state` gave; called on a fresh instance only."""
        raise NotImplementedError

    def apply(self, record: Record) -> None:
        """Folds one record; `ProjectionGap` unless it is the next."""
        if record.seq != self.at_seq + 1:
            raise ProjectionGap(type(self).__name__, self.at_seq, record.seq)
        for index, event in enumerate(record.events):
            handler = self.handlers.get(type(event))
            if handler is not None:
                handler(event, record, index)
        self.at_seq = record.seq

    def checkpoint(self) -> bytes:
        """State and position in one."""
        return msgspec.msgpack.encode((self.at_seq, self.state()))

    @classmethod
    def restore(cls, checkpoint: bytes | memoryview) -> Self:
        """A projection as it was; `msgspec.ValidationError` where another shape wrote it."""
        at_seq, state = msgspec.msgpack.decode(checkpoint, type=tuple[int, cls.state_type])  # type: ignore[name-defined]
        projection = cls()
        projection.load(state)
        projection.at_seq = at_seq
        return projection

    def digest(self) -> bytes:
        """SHA-256 of the checkpoint: equal for two folds of the same records."""
        return hashlib.sha256(self.checkpoint()).digest()
