"""
What of lending is over leaves the state; its past is in the log, and in the read models.

    over ──FORGET_DAYS later──▶ looked at ─┬─ nothing refers to it ─▶ LendingForgotten
                                           └─ something does ───────▶ looked at again, as long after

A loan that was never drawn or is repaid goes with all its pledges; a pledge outside loans goes by
itself, when it was declined, released or delivered, or when it was never answered and its days have
begun. What waits is in the order of its day (`state.lending_past`), and a record of the clock takes
the first `LOOKS_COUNT` that are due, so neither the number of pledges nor a long silence makes it
long. A pledge stays while the supplier owes damages for it, days of it that a lot has let or that
are still under lien are not closed, a final day has something to pay for it, or its mark is
disputed. To commands, what is forgotten does not exist.
"""

from bisect import insort

from exchange.domain.enums import LIENED, PledgeStatus
from exchange.domain.events import Event
from exchange.domain.lending_events import LendingForgotten
from exchange.domain.windows import day_at

from .day_book import is_closed
from .lending_state import Pledge
from .state import State

FORGET_DAYS = 30
LOOKS_COUNT = 200
_PLEDGE_OVER = (
    PledgeStatus.DECLINED,
    PledgeStatus.RELEASED,
    PledgeStatus.ENFORCED,
    PledgeStatus.MATURED,
)

# -- decide ---------------------------------------------------------------------------------------


def forgotten(to_ns: int, state: State) -> list[Event]:
    """What is over long enough by a moment, as far as one record goes."""
    today = day_at(to_ns)
    due = [row for row in state.lending_past[:LOOKS_COUNT] if row[0] <= today]
    if not due:
        return []
    needed = _needed_ids(state)
    loan_ids: list[int] = []
    pledge_ids: dict[int, None] = {}
    for _, loan_id, pledge_id in due:
        loan = state.loans.get(loan_id)
        ids = [pledge_id] if loan is None else loan.pledge_ids
        # What was asked for and then released waits twice.
        is_new = pledge_ids.keys().isdisjoint(ids)
        if is_new and all(_is_past(each, today, needed, state) for each in ids):
            loan_ids += [loan_id] if loan_id else []
            pledge_ids.update(dict.fromkeys(ids))
    return [
        LendingForgotten(loan_ids=loan_ids, pledge_ids=list(pledge_ids), looked_at_count=len(due))
    ]


def _needed_ids(state: State) -> set[int]:
    """The pledges that something still refers to."""
    return {
        *(claim.recorded.pledge_id for claim in state.claims.values()),
        *state.swept_sublets.values(),
        *state.marking_left,
        *(dispute.disputed.pledge_id for dispute in state.mark_disputes.values()),
        *(
            payout.pledge_id
            for days in state.deliveries.values()
            for entry in days.values()
            for payout in entry.payouts
        ),
    }


def _is_past(pledge_id: int, today: int, needed: set[int], state: State) -> bool:
    pledge = state.pledges.get(pledge_id)
    if pledge is None or pledge_id in needed:
        return False
    request = pledge.request
    is_unanswered = pledge.status is PledgeStatus.REQUESTED and request.start_day <= today
    is_over = pledge.status in _PLEDGE_OVER or is_unanswered
    return is_over and not _is_liened(pledge, state)


def _is_liened(pledge: Pledge, state: State) -> bool:
    """Whether days before those that were sold are under lien and not closed."""
    request = pledge.request
    end_day = max((first_day for first_day, _ in pledge.sold), default=0)
    return any(
        not is_closed(request.product_id, day, state) for day in range(request.start_day, end_day)
    )


# -- evolve ---------------------------------------------------------------------------------------


def note_loan_over(loan_id: int, state: State) -> None:
    """A loan was never drawn, or is repaid; for `evolve` only."""
    _note(day_at(state.market_ns), loan_id, 0, state)


def note_pledge_over(pledge: Pledge, state: State, over_day: int = 0) -> None:
    """A pledge outside loans is over, or is by that day where nobody answers; for `evolve` only."""
    request = pledge.request
    if not request.loan_id:
        _note(over_day or day_at(state.market_ns), 0, request.pledge_id, state)


def evolve_forgotten(event: LendingForgotten, state: State) -> None:
    """It is gone; what was looked at and is still needed is looked at again later."""
    looked_at = state.lending_past[: event.looked_at_count]
    del state.lending_past[: event.looked_at_count]
    for loan_id in event.loan_ids:
        del state.loans[loan_id]
    for pledge_id in event.pledge_ids:
        del state.pledges[pledge_id]
        state.recovering.pop(pledge_id, None)
    today = day_at(state.market_ns)
    for _, loan_id, pledge_id in looked_at:
        pledge = state.pledges.get(pledge_id)
        if loan_id in state.loans or (pledge is not None and pledge.status not in LIENED):
            _note(today, loan_id, pledge_id, state)


def _note(over_day: int, loan_id: int, pledge_id: int, state: State) -> None:
    insort(state.lending_past, (over_day + FORGET_DAYS, loan_id, pledge_id))
