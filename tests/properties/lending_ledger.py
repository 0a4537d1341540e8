"""
Lending as the records alone tell it: who owes what, what is under lien, which turn each loan took.

It refuses a turn that is not one of the loan's life, and compares what it has added up with the
state after each record.
"""

from collections import Counter

from exchange.domain.enums import (
    LIENED,
    OWING,
    LoanStatus,
    PledgeStatus,
    Purpose,
)
from exchange.domain.events import (
    Event,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
)
from exchange.domain.lending_events import (
    LadderChanged,
    LendingForgotten,
    LiquidationClosed,
    LiquidationOpened,
    LoanApplied,
    LoanApproved,
    LoanClosed,
    LoanCured,
    LoanDefaulted,
    LoanDrawn,
    LoanEnded,
    LoanRepaid,
    LotEnded,
    LotOffered,
    MarginCallEnded,
    MarginCallIssued,
    PledgeMatured,
    WaterfallPaid,
)
from exchange.domain.movements import CashPaid, CollateralSold
from exchange.rules.day_book import is_closed

S = LoanStatus
TURNS = {
    LoanApproved: {S.APPLIED: S.APPROVED},
    LoanEnded: {S.APPLIED: S.ENDED, S.APPROVED: S.ENDED},
    LoanDrawn: {S.APPROVED: S.DRAWN},
    LadderChanged: {
        S.DRAWN: S.PERFORMING,
        S.PERFORMING: S.PERFORMING,
        S.MARGIN_CALLED: S.MARGIN_CALLED,
    },
    MarginCallIssued: {S.PERFORMING: S.MARGIN_CALLED},
    MarginCallEnded: {S.MARGIN_CALLED: S.PERFORMING},
    LoanDefaulted: {S.DRAWN: S.DEFAULTED, S.PERFORMING: S.DEFAULTED},
    LiquidationOpened: {S.DEFAULTED: S.LIQUIDATING},
    LoanCured: {S.DEFAULTED: S.PERFORMING, S.LIQUIDATING: S.PERFORMING},
    LoanClosed: dict.fromkeys(
        (S.DRAWN, S.PERFORMING, S.DEFAULTED, S.LIQUIDATING, S.SHORTFALL), S.REPAID
    ),
}
ENDS = {PledgeStatus.RELEASED, PledgeStatus.MATURED, PledgeStatus.ENFORCED}


class LendingLedger:
    """What has been lent, repaid and put under lien, by the events."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.status: dict[int, LoanStatus] = {}
        self.asked: dict[int, LoanApplied] = {}
        self.principal: Counter[int] = Counter()
        self.requests: dict[int, PledgeRequested] = {}
        self.liens: Counter[int] = Counter()
        """GPUs by pledge."""
        self.sold: dict[int, list[tuple[int, int]]] = {}
        """(first day, GPUs) by pledge; what lies before it stays under lien."""
        self.costs: Counter[int] = Counter()
        """Of enforcement, unpaid."""

    def take(self, events: list[Event]) -> None:
        """Notes a record."""
        lent: Counter[tuple[int, int]] = Counter()
        for event in events:
            self._turn(event)
            match event:
                case LoanDrawn():
                    asked = self.asked[event.loan_id]
                    self.principal[event.loan_id] = event.principal_amount
                    lent[asked.bank_account_id, asked.account_id] -= event.principal_amount
                case CashPaid(purpose=Purpose.LOAN):
                    lent[event.payer_account_id, event.payee_account_id] += event.paid_amount
                case LoanRepaid():
                    assert min(event.interest_amount, event.principal_amount) >= 0
                    self.principal[event.loan_id] -= event.principal_amount
                    self.seen[event.source] += 1
                    assert self.principal[event.loan_id] >= 0
                case LoanClosed():
                    due = self.principal[event.loan_id] + self.costs[event.loan_id]
                    assert due == 0, "closed and still owing"
                case LiquidationOpened():
                    self.costs[event.loan_id] += event.costs_amount
                case WaterfallPaid():
                    self._waterfall(event)
        assert not any(lent.values()), "what is lent is what is paid out"

    def _waterfall(self, event: WaterfallPaid) -> None:
        """Every fen goes somewhere, and no one is paid before who comes first has all."""
        parts = [
            getattr(event, f"{name}_amount")
            for name in ("costs", "interest", "principal", "fee", "surplus")
        ]
        assert sum(parts) == event.proceeds_amount
        self.costs[event.loan_id] -= event.costs_amount
        assert self.costs[event.loan_id] >= 0
        assert not self.costs[event.loan_id] or not any(parts[1:]), "costs come first"

    def _turn(self, event: Event) -> None:
        self.seen[type(event).__name__] += 1
        match event:
            case LoanApplied():
                self.status[event.loan_id] = S.APPLIED
                self.asked[event.loan_id] = event
            case PledgeRequested():
                self.requests[event.pledge_id] = event
            case PledgeAccepted():
                assert self.liens[event.pledge_id] == 0, "under lien already"
                self.liens[event.pledge_id] = self.requests[event.pledge_id].pledged_qty
            case PledgeReleased():
                self.liens[event.pledge_id] -= event.released_qty
                assert self.liens[event.pledge_id] >= 0
            case PledgeMatured() | PledgeDeclined():
                self.liens[event.pledge_id] = 0
                self.sold.pop(event.pledge_id, None)
            case CollateralSold():
                self.liens[event.pledge_id] -= event.sold_qty
                assert self.liens[event.pledge_id] >= 0, "sold and not under lien"
                row = (event.start_day, event.sold_qty)
                self.sold.setdefault(event.pledge_id, []).append(row)
            case LotOffered():
                self.seen[event.mode] += 1
            case LotEnded():
                self.seen[event.end] += 1
            case LiquidationClosed(shortfall_amount=claim) if claim:
                assert self.status[event.loan_id] is S.LIQUIDATING
                self.status[event.loan_id] = S.SHORTFALL
                self.seen["claim_left"] += 1
            case MarginCallEnded():
                self.seen[event.end] += 1
            case LoanDefaulted():
                self.seen[event.cause] += 1
            case LendingForgotten():
                for loan_id in event.loan_ids:
                    assert self.status.pop(loan_id) in (S.ENDED, S.REPAID)
                for pledge_id in event.pledge_ids:
                    assert self.liens.pop(pledge_id) == 0, "forgotten under lien"
                    del self.requests[pledge_id]
                    self.sold.pop(pledge_id, None)
        turns = TURNS.get(type(event))
        if turns is not None:
            self.status[event.loan_id] = turns[self.status[event.loan_id]]

    def compare(self, state) -> None:
        """Asserts that the state says the same."""
        assert {key: loan.status for key, loan in state.loans.items()} == self.status
        for loan_id, loan in state.loans.items():
            if loan.status in OWING:
                assert loan.principal_amount == self.principal[loan_id]
                assert loan.costs_amount == self.costs[loan_id]
                assert loan.interest_amount >= 0
            assert (loan.call is not None) == (loan.status is S.MARGIN_CALLED)
            self._compare_pledges(loan, state)
        for pledge_id, pledge in state.pledges.items():
            assert pledge.pledged_qty == self.liens[pledge_id]
            assert (pledge.status in LIENED) == (self.liens[pledge_id] > 0)
        self._compare_liens(state)

    def _compare_pledges(self, loan, state) -> None:
        statuses = [state.pledges[pledge_id].status for pledge_id in loan.pledge_ids]
        if loan.status in (S.APPLIED, S.APPROVED):
            assert set(statuses) == {PledgeStatus.REQUESTED}
        elif loan.status is S.ENDED:
            assert set(statuses) == {PledgeStatus.DECLINED}
        elif loan.status is S.REPAID:
            assert set(statuses) <= ENDS
        else:
            assert set(statuses) <= LIENED | ENDS, "what it is drawn on is not under lien"

    def _compare_liens(self, state) -> None:
        """Days of an owner under lien are those of its pledges that are not closed."""
        for account_id in state.participants:
            expected: Counter[int] = Counter()
            for pledge_id, request in self.requests.items():
                if request.account_id != account_id:
                    continue
                parts = [(request.end_day, self.liens[pledge_id]), *self.sold.get(pledge_id, [])]
                for end_day, qty in parts:
                    for day in range(request.start_day, end_day if qty else 0):
                        expected[day] += qty
            expected = Counter({d: q for d, q in expected.items() if not is_closed(1, d, state)})
            found: Counter[int] = Counter()
            for start_day, end_day, qty in state.core.day_function(account_id, 1, "lien"):
                found.update(dict.fromkeys(range(start_day, end_day), qty))
            assert found == expected
