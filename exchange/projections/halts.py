"""
Which records stopped windows and suppliers, as of any record: what a mark's halt is explained by.

    halt, resume        by window and cause ─┐
    suspend, terminate, reinstate, by supplier ┴─▶ the records whose stop stood after a record
"""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from exchange.domain.delivery_events import (
    SupplierReinstated,
    SupplierSuspended,
    SupplierTerminated,
)
from exchange.domain.events import Event, InstrumentHalted, InstrumentResumed
from exchange.domain.record import Record

from .projection import Handler, Projection


class Stop(Struct, array_like=True):
    """Something stopped by a record, and started again by another; 0 while it stands."""

    cause_id: int
    """The window that was halted, within this one or itself; 0 of a supplier."""
    begun_seq: int
    ended_seq: int = 0

    def stands_at(self, seq: int) -> bool:
        """Whether it stood after a record."""
        return self.begun_seq <= seq and not 0 < self.ended_seq <= seq


class HaltsState(Struct):
    """The checkpoint."""

    windows: list[tuple[int, list[Stop]]]
    suppliers: list[tuple[int, list[Stop]]]


class Halts(Projection[HaltsState]):
    """Every stop of a window or a supplier there was, in the order of the log."""

    state_type = HaltsState

    def __init__(self) -> None:
        super().__init__()
        self._windows: dict[int, list[Stop]] = {}
        self._suppliers: dict[int, list[Stop]] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """Whatever stops, and what lifts it."""
        return {
            InstrumentHalted: self._halt,
            InstrumentResumed: self._resume,
            SupplierSuspended: self._stop,
            SupplierTerminated: self._stop,
            SupplierReinstated: self._reinstate,
        }

    def halted_ids(self, seq: int) -> list[int]:
        """The windows that were halted after a record."""
        return [each for each, stops in self._windows.items() if _seqs(stops, seq)]

    def halt_seqs(self, instrument_ids: Iterable[int], seq: int) -> list[int]:
        """The records that had halted these windows, after a record."""
        return [at for each in instrument_ids for at in _seqs(self._windows.get(each, []), seq)]

    def stop_seqs(self, supplier_id: int, seq: int) -> list[int]:
        """The records that had stopped a supplier, after a record."""
        return _seqs(self._suppliers.get(supplier_id, []), seq)

    def state(self) -> HaltsState:
        """By id."""
        return HaltsState(sorted(self._windows.items()), sorted(self._suppliers.items()))

    def load(self, state: HaltsState) -> None:
        """Takes the tables."""
        self._windows, self._suppliers = dict(state.windows), dict(state.suppliers)

    def _halt(self, event: InstrumentHalted, record: Record, _index: int) -> None:
        stop = Stop(event.cause_instrument_id, record.seq)
        self._windows.setdefault(event.instrument_id, []).append(stop)

    def _resume(self, event: InstrumentResumed, record: Record, _index: int) -> None:
        for stop in self._windows[event.instrument_id]:
            if stop.cause_id == event.cause_instrument_id and not stop.ended_seq:
                stop.ended_seq = record.seq

    def _stop(
        self, event: SupplierSuspended | SupplierTerminated, record: Record, _index: int
    ) -> None:
        stops = self._suppliers.setdefault(event.supplier_account_id, [])
        stops.append(Stop(0, record.seq))

    def _reinstate(self, event: SupplierReinstated, record: Record, _index: int) -> None:
        for stop in self._suppliers.get(event.supplier_account_id, []):
            stop.ended_seq = stop.ended_seq or record.seq


def _seqs(stops: list[Stop], seq: int) -> list[int]:
    return [stop.begun_seq for stop in stops if stop.stands_at(seq)]
