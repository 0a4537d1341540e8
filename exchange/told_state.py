"""
The rules' state as far as a log, or an extract of it, tells of pledges: what marks go on from.

    records in order ─▶ ToldState ─▶ what the next mark of a pledge must say of itself

It is a `State` that holds the clock, products, node marks, pledges, disputes and whether a loan is
offered or drawn, so that the rules themselves are asked what is carried from mark to mark. An
extract tells of one bank's pledges, and a first mark may go on with the recovery of another's:
there it is only seen that it is no less, and counted where it is more. A pool is one bank's, so
that is told whole.
"""

from msgspec import Struct
from msgspec.structs import replace

from exchange.collateral.haircut_lines import Grade
from exchange.collateral.recovery import Opening
from exchange.domain import events as e
from exchange.domain import lending_events as le
from exchange.domain.enums import PledgeStatus
from exchange.domain.movements import CollateralSold
from exchange.domain.record import Record
from exchange.domain.units import HOURS_PER_DAY
from exchange.domain.windows import day_at
from exchange.extract import ToldRecord
from exchange.projections.pledges import Pledges
from exchange.rules import EVOLVE, State
from exchange.rules.lending_state import Pledge
from exchange.rules.mark_history import Carried, carried, held_back
from exchange.rules.pool_share import supplier_share_ppm
from exchange.told_nodes import ToldNodes

_AS_THE_RULES = (
    e.CalendarPublished,
    e.IndexPricePublished,
    e.NodeMarked,
    e.NodeObserved,
    e.MarksPublished,
    e.RiskParametersPublished,
    le.LoanApplied,
    le.LoanApproved,
    le.LoanDrawn,
    le.MarkDisputed,
    le.MarkRulingProposed,
    le.MarkRuled,
    le.PledgeMarked,
    le.PledgesMarked,
)
"""Events that change nothing but what is told."""
_LIVES = (
    e.PledgeAccepted,
    e.PledgeDeclined,
    e.PledgeReleased,
    le.PledgeMatured,
    CollateralSold,
)


class ToldMark(Struct, frozen=True):
    """A mark, what was asked for, and the record that it stands in."""

    mark: le.PledgeMarked
    request: e.PledgeRequested
    record: Record


class ToldState:
    """Before a record: what its marks were decided on; `take` goes on behind it."""

    def __init__(self) -> None:
        self.openings_stated_count = 0
        """First marks that begin with more days of recovery than what is told says."""
        self._state = State()
        self.nodes = ToldNodes(self._state)

    def figures(self, told: ToldMark) -> dict[str, object]:
        """What the pledge itself gives to a mark of the next record, by the names of its fields."""
        mark, request, today = told.mark, told.request, day_at(self._state.market_ns)
        pledged_qty = self._pledged_qty(told)
        before = carried(request, pledged_qty, self._state, self._replaced(told))
        days_count = request.end_day - max(request.start_day, today + 1)
        return {
            "market_ns": self._state.market_ns,
            "valuation_day": today,
            "pledged_qty": pledged_qty,
            "start_day": request.start_day,
            "end_day": request.end_day,
            "position_hours": max(0, days_count) * HOURS_PER_DAY * pledged_qty,
            **self._ruled(told, before),
            **self._opening(told, before),
            "pool_share_ppm": supplier_share_ppm(
                request, mark.value_amount, self._state, is_taken=_is_taken(told)
            ),
            "supplier_grade": self._grade(request),
        }

    def take(self, record: Record, pledges: Pledges) -> None:
        """The next record, once `pledges` has it."""
        state = self._state
        state.seq = record.seq
        if state.venue is None and record.seq > 1:
            raise LookupError("the venue's first record")
        if isinstance(record, ToldRecord):
            self.nodes.take_trades(record)
        for event in record.events:
            if isinstance(event, _AS_THE_RULES):
                EVOLVE[type(event)](event, state)
            elif isinstance(event, e.PledgeRequested):
                state.pledges[event.pledge_id] = Pledge(event, PledgeStatus.REQUESTED)
                if event.loan_id:
                    state.loans[event.loan_id].pledge_ids.append(event.pledge_id)
            elif isinstance(event, _LIVES):
                self._turn(event.pledge_id, pledges)
            else:
                self._take(event)

    def _take(self, event: e.Event) -> None:
        state = self._state
        if isinstance(event, e.VenueCreated):
            state.venue, state.market_ns = event, event.market_ns
        elif isinstance(event, e.ClockAdvanced):
            state.market_ns = event.market_ns
        elif isinstance(event, e.ProductDefined):
            state.products[event.product_id] = event
        elif isinstance(event, e.ParticipantAdmitted):
            state.participants[event.account_id] = event
        elif isinstance(event, le.LendingForgotten):
            for loan_id in event.loan_ids:
                del state.loans[loan_id]
            for pledge_id in event.pledge_ids:
                del state.pledges[pledge_id]
                state.recovering.pop(pledge_id, None)

    def _turn(self, pledge_id: int, pledges: Pledges) -> None:
        """A pledge stands elsewhere, or has fewer GPUs."""
        known, told = self._state.pledges.get(pledge_id), pledges.pledges[pledge_id]
        if known is not None:
            known.status, known.pledged_qty = told.status, told.pledged_qty

    def _grade(self, request: e.PledgeRequested) -> int:
        """A supplier without a grade counts as the worst."""
        supplier_id = self._state.products[request.product_id].supplier_account_id
        grade = self._state.participants[supplier_id].supplier_grade
        return int(Grade.E if grade is None else Grade[grade.value])

    def _opening(self, told: ToldMark, before: Carried) -> dict[str, object]:
        """Where the mark begins: days of recovery, the day's stress, the ratio that glides."""
        mark, state = told.mark, self._state
        opening, ltv_ppm = before.opening, before.ltv_ppm
        if mark.pledge_id not in state.pledges:
            stated = Opening(mark.opening_recovery_days_count, mark.is_stressed_day)
            if stated != opening and all(
                one >= other for one, other in zip(stated, opening, strict=True)
            ):
                self.openings_stated_count += 1
                opening = stated
            if mark.ltv_ppm < ltv_ppm:
                # In another pledge's place it glides from there, or is the worse.
                ltv_ppm = le.NO_LTV_PPM
        return {
            "opening_recovery_days_count": opening.recovery_days_count,
            "is_stressed_day": opening.is_stressed_day,
            "opening_ltv_ppm": ltv_ppm,
        }

    def _replaced(self, told: ToldMark) -> Pledge | None:
        """Whose place a first mark takes: what its record releases, else what is held back."""
        request, pledges = told.request, self._state.pledges
        events = told.record.events
        is_applied = any(isinstance(event, le.LoanApplied) for event in events)
        if request.pledge_id in pledges or not request.loan_id or is_applied:
            return None
        for event in events:
            if isinstance(event, e.PledgeReleased):
                return _as_marked_in(told.record, pledges[event.pledge_id])
        held = held_back(p for p in pledges.values() if p.request.loan_id == request.loan_id)
        # It stays in its place, and its ruling with it.
        return None if held is None else replace(held, ruled_ppm=0)

    def _ruled(self, told: ToldMark, before: Carried) -> dict[str, object]:
        """Open disputes and the last ruling, with what the mark's own record says of them."""
        state, pledge_id = self._state, told.mark.pledge_id
        disputed = {
            dispute_id: dispute.disputed
            for dispute_id, dispute in state.mark_disputes.items()
            if dispute.disputed.pledge_id == pledge_id
        }
        found: dict[str, object] = {
            "is_disputed": bool(disputed),
            "ruled_ppm": before.ruled_ppm,
            "ruled_amount": before.ruled_amount,
            "supersedes_seq": 0,
        }
        for event in told.record.events:
            if isinstance(event, le.MarkDisputed) and event.pledge_id == pledge_id:
                found["is_disputed"] = True
            elif isinstance(event, le.MarkRuled) and event.dispute_id in disputed:
                found = {
                    "is_disputed": len(disputed) > 1,
                    "ruled_ppm": event.ruled_ppm,
                    "ruled_amount": event.ruled_amount or before.ruled_amount,
                    "supersedes_seq": disputed[event.dispute_id].mark_seq,
                }
        return found

    def _pledged_qty(self, told: ToldMark) -> int:
        """The GPUs that a mark is about: what is asked for, then what the record left before it."""
        pledge_id = told.mark.pledge_id
        pledge = self._state.pledges.get(pledge_id)
        if pledge is None or pledge.status is PledgeStatus.REQUESTED:
            return told.request.pledged_qty
        left_qty = pledge.pledged_qty
        for event in told.record.events:
            if event is told.mark:
                break
            if isinstance(event, e.PledgeReleased) and event.pledge_id == pledge_id:
                left_qty -= event.released_qty
            elif isinstance(event, CollateralSold) and event.pledge_id == pledge_id:
                left_qty -= event.sold_qty
        return left_qty


def _is_taken(told: ToldMark) -> bool:
    """Whether the mark's own record is the bank's word on the pledge, or on its loan."""
    request = told.request
    return any(
        (isinstance(event, e.PledgeAccepted) and event.pledge_id == request.pledge_id)
        or (isinstance(event, le.LoanApproved) and event.loan_id == request.loan_id)
        for event in told.record.events
    )


def _as_marked_in(record: Record, pledge: Pledge) -> Pledge:
    """A pledge that is released, with the mark that the same record gives it before."""
    for event in record.events:
        if isinstance(event, le.PledgeMarked) and event.pledge_id == pledge.request.pledge_id:
            return replace(pledge, mark=event)
    return pledge
