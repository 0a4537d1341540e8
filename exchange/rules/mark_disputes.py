"""
Disputes of marks: a party says that a line is wrong, an auditor finds, an operator countersigns.

While a dispute is open the mark bears the charge for it, once where both sides have one. The ruling
ends it with a mark that supersedes the disputed one: its value may be ruled for the day, and what
was ruled is the line `dispute` until another ruling says otherwise. A default that is none at the
ruled value is over in the same record.
"""

from msgspec.structs import replace

from exchange.domain.events import Event
from exchange.domain.lending_commands import CountersignMarkRuling, DisputeMark, RuleMark
from exchange.domain.lending_events import (
    MarkDisputed,
    MarkRuled,
    MarkRulingProposed,
    PledgeMarked,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at

from .lending_state import MarkDispute, Pledge
from .loan_review import review
from .persons import require_apart, require_independent
from .pledge_marking import is_live
from .pledges import own_pledge
from .state import State
from .valuation import finished, marked_qty, market_figures, product_market

# -- decide ---------------------------------------------------------------------------------------


def decide_dispute(command: DisputeMark, state: State, account_id: int) -> list[Event]:
    """
    Owner or bank disputes the mark in force; the mark with the open charge follows.

    Either has one open dispute of a pledge, so that neither keeps the other from its own.
    """
    pledge = own_pledge(command.pledge_id, state, account_id)
    is_marked = pledge.mark is not None and is_live(pledge, day_at(state.market_ns))
    require(is_marked, Reason.WRONG_STATE, command.pledge_id)
    is_in_force = command.mark_seq == pledge.mark_seq
    require(is_in_force, Reason.WRONG_STATE, command.mark_seq, pledge.mark_seq)
    for dispute_id, each in open_disputes(command.pledge_id, state):
        require(each.account_id != account_id, Reason.ALREADY_DONE, command.pledge_id, dispute_id)
    return [
        MarkDisputed(
            dispute_id=state.seq + 1,
            account_id=account_id,
            pledge_id=command.pledge_id,
            mark_seq=command.mark_seq,
            line=command.line,
            claimed_amount=command.claimed_amount,
            evidence_sha256=command.evidence_sha256,
        ),
        _mark(pledge, state, is_disputed=True),
    ]


def decide_ruling(command: RuleMark, state: State, account_id: int) -> list[Event]:
    """An auditor's finding; another one takes its place until it is countersigned."""
    dispute = _dispute(command.dispute_id, state)
    request = state.pledges[dispute.disputed.pledge_id].request
    require_independent(request.product_id, account_id, state)
    require_apart(account_id, [request.account_id, request.bank_account_id], state)
    return [
        MarkRulingProposed(
            dispute_id=command.dispute_id,
            auditor_account_id=account_id,
            ruled_ppm=command.ruled_ppm,
            ruled_amount=command.ruled_amount,
            evidence_sha256=command.evidence_sha256,
        )
    ]


def decide_countersign(
    command: CountersignMarkRuling, state: State, account_id: int
) -> list[Event]:
    """A second person's word ends the dispute; what is security still is marked anew."""
    dispute = _dispute(command.dispute_id, state)
    proposed = dispute.proposed
    if proposed is None:
        raise Refused(Reason.WRONG_STATE, command.dispute_id)
    pledge = state.pledges[dispute.disputed.pledge_id]
    request = pledge.request
    persons = [proposed.auditor_account_id, request.account_id, request.bank_account_id]
    require_apart(account_id, persons, state)
    require_independent(request.product_id, account_id, state)
    require(
        command.evidence_sha256 == proposed.evidence_sha256, Reason.EVIDENCE, command.dispute_id
    )
    ruled = MarkRuled(
        dispute_id=command.dispute_id,
        operator_account_id=account_id,
        ruled_ppm=proposed.ruled_ppm,
        ruled_amount=proposed.ruled_amount,
    )
    if not is_live(pledge, day_at(state.market_ns)):
        return [ruled]
    is_left = any(each != command.dispute_id for each, _ in open_disputes(request.pledge_id, state))
    mark = _mark(pledge, state, is_disputed=is_left, ruled=ruled, seq=dispute.disputed.mark_seq)
    if not request.loan_id:
        return [ruled, mark]
    is_value_ruled = ruled.ruled_amount > 0
    marks = {mark.pledge_id: mark}
    reviewed = review(request.loan_id, marks, state, is_value_ruled=is_value_ruled)
    return [ruled, mark, *reviewed]


def open_disputes(pledge_id: int, state: State) -> list[tuple[int, MarkDisputed]]:
    """The disputes of a pledge's marks that nobody has ruled, at most one of each side."""
    found = ((each, dispute.disputed) for each, dispute in state.mark_disputes.items())
    return [(each, disputed) for each, disputed in found if disputed.pledge_id == pledge_id]


def _dispute(dispute_id: int, state: State) -> MarkDispute:
    dispute = state.mark_disputes.get(dispute_id)
    if dispute is None:
        raise Refused(Reason.UNKNOWN_DISPUTE, dispute_id)
    return dispute


def _mark(
    pledge: Pledge,
    state: State,
    *,
    is_disputed: bool,
    ruled: MarkRuled | None = None,
    seq: int = 0,
) -> PledgeMarked:
    """The pledge's mark as the record leaves it."""
    request = pledge.request
    market = product_market(request.product_id, state)
    figures = market_figures(request, marked_qty(pledge), state, market)
    figures = replace(figures, is_disputed=is_disputed)
    if ruled is not None:
        amount = ruled.ruled_amount or figures.ruled_amount
        figures = replace(figures, ruled_ppm=ruled.ruled_ppm, ruled_amount=amount)
    return finished(figures, request, state, market, supersedes_seq=seq)


# -- evolve ---------------------------------------------------------------------------------------


def evolve_disputed(event: MarkDisputed, state: State) -> None:
    """The dispute is open."""
    state.mark_disputes[event.dispute_id] = MarkDispute(event)


def evolve_proposed(event: MarkRulingProposed, state: State) -> None:
    """The finding waits for its countersignature."""
    disputed = state.mark_disputes[event.dispute_id].disputed
    state.mark_disputes[event.dispute_id] = MarkDispute(disputed, event)


def evolve_ruled(event: MarkRuled, state: State) -> None:
    """The dispute is over, and its charge stays."""
    dispute = state.mark_disputes.pop(event.dispute_id)
    state.pledges[dispute.disputed.pledge_id].ruled_ppm = event.ruled_ppm
