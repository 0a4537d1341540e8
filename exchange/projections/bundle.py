"""All read models together, folded record by record in one pass."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from exchange.domain.events import Event
from exchange.domain.record import Record

from .balances import Balances
from .calendars import Calendars
from .collateral_marks import CollateralMarks
from .deliveries import Deliveries
from .depth import Depth
from .desk import Desk
from .halts import Halts
from .interest import Interest
from .listings import Listings
from .loans import Loans
from .lots import Lots
from .marks import Marks
from .orders import Orders
from .participants import Participants
from .pledges import Pledges
from .positions import Positions
from .projection import Handler, Projection, ProjectionGap
from .recent import Recent
from .sessions import Sessions
from .settlements import Settlements
from .sublets import Sublets
from .trades import Trades
from .venue import Venue
from .withdrawals import Withdrawals

KINDS: dict[str, type[Projection[Any]]] = {
    "venue": Venue,
    "calendars": Calendars,
    "listings": Listings,
    "participants": Participants,
    "orders": Orders,
    "balances": Balances,
    "withdrawals": Withdrawals,
    "positions": Positions,
    "depth": Depth,
    "sessions": Sessions,
    "halts": Halts,
    "settlements": Settlements,
    "interest": Interest,
    "trades": Trades,
    "pledges": Pledges,
    "loans": Loans,
    "sublets": Sublets,
    "lots": Lots,
    "desk": Desk,
    "deliveries": Deliveries,
    "marks": Marks,
    "collateral_marks": CollateralMarks,
    "recent": Recent,
}
"""By the name of the attribute; the order in which an event reaches them."""


class Projections:
    """
    Every projection, at the same position.

    An event goes only to those that handle it, which is what makes one pass over a record cheap.
    After an exception the bundle is behind in part and must be thrown away.
    """

    venue: Venue
    calendars: Calendars
    listings: Listings
    participants: Participants
    orders: Orders
    balances: Balances
    withdrawals: Withdrawals
    positions: Positions
    depth: Depth
    sessions: Sessions
    halts: Halts
    settlements: Settlements
    interest: Interest
    trades: Trades
    pledges: Pledges
    loans: Loans
    sublets: Sublets
    lots: Lots
    desk: Desk
    deliveries: Deliveries
    marks: Marks
    collateral_marks: CollateralMarks
    recent: Recent

    def __init__(self) -> None:
        self.at_seq = 0
        for name, kind in KINDS.items():
            setattr(self, name, kind())
        self._index()

    def apply(self, record: Record) -> None:
        """Folds one record into all; `ProjectionGap` unless it is the next."""
        self.apply_all((record,))

    def apply_all(self, records: Iterable[Record]) -> None:
        """Folds records in order; those before a gap are taken in."""
        handlers, seq = self._handlers, self.at_seq
        try:
            for record in records:
                if record.seq != seq + 1:
                    raise ProjectionGap(type(self).__name__, seq, record.seq)
                for index, event in enumerate(record.events):
                    for handler in handlers.get(type(event), ()):
                        handler(event, record, index)
                seq += 1
        finally:
            self.at_seq = seq
            for projection in self._all:
                projection.at_seq = seq

    def checkpoint(self) -> bytes:
        """All checkpoints in one."""
        return msgspec.msgpack.encode([projection.checkpoint() for projection in self._all])

    @classmethod
    def restore(cls, checkpoint: bytes | memoryview) -> "Projections":
        """
        All projections as they were; they keep the bytes, of which much is never read.

        `msgspec.ValidationError` where another build's projections wrote it.
        """
        bundle = cls()
        parts = msgspec.msgpack.decode(checkpoint, type=list[memoryview])
        if len(parts) != len(KINDS):
            raise msgspec.ValidationError(f"{len(parts)} projections, not {len(KINDS)}")
        for (name, kind), part in zip(KINDS.items(), parts, strict=True):
            projection = kind.restore(part)
            setattr(bundle, name, projection)
            bundle.at_seq = projection.at_seq
        bundle._index()
        return bundle

    def digest(self) -> bytes:
        """SHA-256 over all checkpoints: equal for two folds of the same records."""
        return hashlib.sha256(self.checkpoint()).digest()

    def digests(self) -> dict[str, bytes]:
        """Each projection's digest by name, to say which one differs."""
        return {name: p.digest() for name, p in zip(KINDS, self._all, strict=True)}

    def _index(self) -> None:
        self._all = [getattr(self, name) for name in KINDS]
        self._handlers: dict[type[Event], tuple[Handler, ...]] = {}
        for projection in self._all:
            for kind, handler in projection.handlers.items():
                self._handlers[kind] = (*self._handlers.get(kind, ()), handler)
