"""
Loans: their terms, where they stand, what is owed of them, their calls and lots.

Interest accrues here as it does in the rules: a stretch ends where the principal changes, see
`exchange.collateral.interest`. What is owed is asked for with a day.
"""

from bisect import bisect_right, insort
from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct, field

from exchange.collateral.interest import accrued_amount
from exchange.domain import lending_events as e
from exchange.domain.enums import OWING, CallEnd, LadderStatus, LoanStatus
from exchange.domain.events import Event, PledgeRequested
from exchange.domain.record import Record
from exchange.domain.windows import day_at

from .projection import Handler, Projection


class Call(Struct):
    """A margin call and what became of it."""

    issued: e.MarginCallIssued
    due_ns: int
    paid_amount: int = 0
    ended_seq: int = 0
    end: CallEnd | None = None

    @property
    def status(self) -> str:
        """`issued` or `partly_met` while it is open, else its end."""
        if self.end is not None:
            return self.end.value
        return "partly_met" if self.paid_amount else "issued"


class Lot(Struct):
    """A lot and what became of it; `status` is `offered`, `sold` or why it ended."""

    offered: e.LotOffered
    status: str = "offered"
    lot_price: int = 0
    proceeds_amount: int = 0


class Loan(Struct):
    """A loan as it stands."""

    applied: e.LoanApplied
    pledge_ids: list[int]
    """Those that are over too."""
    lapse_ns: int
    changed_seq: int
    status: LoanStatus = LoanStatus.APPLIED
    end: str = ""
    default_cause: str = ""
    interest_ppm: int = 0
    principal_amount: int = 0
    """Offered, and from the drawing on what is owed of it."""
    interest_amount: int = 0
    """Accrued and unpaid up to `accrued_day`."""
    accrued_day: int = 0
    drawn_amount: int = 0
    drawn_day: int = 0
    drawn_ltv_ppm: int = 0
    costs_amount: int = 0
    shortfall_amount: int = 0
    """Unpaid when its liquidation closed."""
    ladder_status: LadderStatus = LadderStatus.OK
    calls: list[Call] = field(default_factory=list)
    lots: list[Lot] = field(default_factory=list)

    @property
    def open_call(self) -> Call | None:
        """The call that waits."""
        return self.calls[-1] if self.calls and self.calls[-1].end is None else None

    @property
    def seen_by(self) -> set[int]:
        """Its two sides, and 0 for who sees all."""
        return {0, self.applied.account_id, self.applied.bank_account_id}

    def owed_amounts(self, day: int) -> tuple[int, int]:
        """Interest and principal owed on a day of market time; nothing before it is drawn."""
        if self.status not in OWING:
            return 0, 0
        stretch = accrued_amount(self.principal_amount, self.interest_ppm, day - self.accrued_day)
        return self.interest_amount + stretch, self.principal_amount

    def is_for(self, account_id: int) -> bool:
        """Whether the account is one of its two sides."""
        return account_id in (self.applied.account_id, self.applied.bank_account_id)


class LoansState(Struct):
    """The checkpoint."""

    loans: list[Loan]


class Loans(Projection[LoansState]):
    """
    Every loan ever asked for.

    `changed` collects the loans that have something new to see since whoever publishes last
    cleared it.
    """

    state_type = LoansState

    def __init__(self) -> None:
        super().__init__()
        self.loans: dict[int, Loan] = {}
        self.changed: set[int] = set()
        self._loan_ids: dict[int, int] = {}
        """By pledge."""
        self._lots: dict[int, Lot] = {}
        self._seen: dict[int, list[int]] = {}
        """Loans in order by either side's account; by 0, all."""
        self._called: dict[int, set[int]] = defaultdict(set)
        """Those with an open call, by the same."""

    def handle(self) -> Mapping[type[Event], Handler]:
        """A loan's life; a mark of what secures it is news of it."""
        return {
            e.LoanApplied: self._apply,
            PledgeRequested: self._pledge,
            e.PledgeMarked: self._mark,
            e.LoanApproved: self._approve,
            e.LoanEnded: self._end,
            e.LoanDrawn: self._draw,
            e.LoanRepaid: self._repay,
            e.LoanClosed: self._close,
            e.LadderChanged: self._step,
            e.MarginCallIssued: self._call,
            e.MarginCallExtended: self._extend_call,
            e.MarginCallEnded: self._end_call,
            e.LoanDefaulted: self._default,
            e.LiquidationOpened: self._open_liquidation,
            e.LotOffered: self._offer_lot,
            e.LotEnded: self._end_lot,
            e.LotSold: self._sell_lot,
            e.WaterfallPaid: self._pay_waterfall,
            e.LiquidationClosed: self._close_liquidation,
            e.LoanCured: self._cure,
        }

    def ids_seen_by(self, account_id: int, after_loan_id: int = 0) -> list[int]:
        """Loans of the account and by it, or of all accounts (0), behind one; in their order."""
        loan_ids = self._seen.get(account_id, [])
        return loan_ids[bisect_right(loan_ids, after_loan_id) :]

    def called_ids(self, account_id: int) -> list[int]:
        """Those of them, in their order, with an open call."""
        return sorted(self._called.get(account_id, ()))

    # -- checkpoint

    def state(self) -> LoansState:
        """Loans by id."""
        return LoansState([loan for _, loan in sorted(self.loans.items())])

    def load(self, state: LoansState) -> None:
        """Takes the loans."""
        self.loans = {loan.applied.loan_id: loan for loan in state.loans}
        self._loan_ids = {
            pledge_id: loan_id
            for loan_id, loan in self.loans.items()
            for pledge_id in loan.pledge_ids
        }
        self._lots = {lot.offered.lot_id: lot for loan in self.loans.values() for lot in loan.lots}
        self._seen, self._called = {}, defaultdict(set)
        for loan in self.loans.values():
            self._show(loan)

    # -- what secures it

    def _pledge(self, event: PledgeRequested, record: Record, _index: int) -> None:
        if event.loan_id:
            loan = self._turned(event.loan_id, record)
            if event.pledge_id not in loan.pledge_ids:
                loan.pledge_ids.append(event.pledge_id)
            self._loan_ids[event.pledge_id] = event.loan_id

    def _mark(self, event: e.PledgeMarked, _record: Record, _index: int) -> None:
        if loan_id := self._loan_ids.get(event.pledge_id):
            self.changed.add(loan_id)

    # -- terms

    def _apply(self, event: e.LoanApplied, record: Record, _index: int) -> None:
        loan = self.loans[event.loan_id] = Loan(
            applied=event,
            pledge_ids=list(event.pledge_ids),
            lapse_ns=event.lapse_ns,
            changed_seq=record.seq,
        )
        self._show(loan)
        self.changed.add(event.loan_id)

    def _approve(self, event: e.LoanApproved, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.APPROVED)
        loan.principal_amount, loan.interest_ppm = event.principal_amount, event.interest_ppm
        loan.lapse_ns = event.lapse_ns

    def _end(self, event: e.LoanEnded, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.ENDED)
        loan.end, loan.principal_amount = event.end.value, 0

    def _draw(self, event: e.LoanDrawn, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.DRAWN)
        loan.principal_amount = loan.drawn_amount = event.principal_amount
        loan.drawn_ltv_ppm = event.drawn_ltv_ppm
        loan.drawn_day = loan.accrued_day = day_at(record.market_ns)

    # -- what is owed

    def _repay(self, event: e.LoanRepaid, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record)
        day = day_at(record.market_ns)
        loan.interest_amount = loan.owed_amounts(day)[0] - event.interest_amount
        loan.principal_amount -= event.principal_amount
        loan.accrued_day = day
        if loan.open_call is not None:
            loan.open_call.paid_amount += event.interest_amount + event.principal_amount

    def _close(self, event: e.LoanClosed, record: Record, _index: int) -> None:
        self._turned(event.loan_id, record, LoanStatus.REPAID)

    # -- the ladder

    def _step(self, event: e.LadderChanged, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record)
        loan.ladder_status = event.ladder_status
        if loan.status is LoanStatus.DRAWN:
            loan.status = LoanStatus.PERFORMING

    def _call(self, event: e.MarginCallIssued, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.MARGIN_CALLED)
        loan.calls.append(Call(event, event.due_ns))
        for account_id in loan.seen_by:
            self._called[account_id].add(event.loan_id)

    def _extend_call(self, event: e.MarginCallExtended, record: Record, _index: int) -> None:
        self._turned(event.loan_id, record).calls[-1].due_ns = event.due_ns

    def _end_call(self, event: e.MarginCallEnded, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record)
        call = loan.calls[-1]
        call.end, call.ended_seq = event.end, record.seq
        for account_id in loan.seen_by:
            self._called[account_id].discard(event.loan_id)
        loan.status = LoanStatus.PERFORMING

    def _default(self, event: e.LoanDefaulted, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.DEFAULTED)
        loan.default_cause = event.cause.value

    # -- liquidation

    def _open_liquidation(self, event: e.LiquidationOpened, record: Record, _index: int) -> None:
        loan = self._turned(event.loan_id, record, LoanStatus.LIQUIDATING)
        loan.costs_amount += event.costs_amount

    def _offer_lot(self, event: e.LotOffered, record: Record, _index: int) -> None:
        lot = self._lots[event.lot_id] = Lot(event)
        self._turned(event.loan_id, record).lots.append(lot)

    def _end_lot(self, event: e.LotEnded, record: Record, _index: int) -> None:
        self._lot(event.lot_id, record).status = event.end.value

    def _sell_lot(self, event: e.LotSold, record: Record, _index: int) -> None:
        lot = self._lot(event.lot_id, record)
        lot.status, lot.lot_price = "sold", event.lot_price
        lot.proceeds_amount = event.proceeds_amount

    def _pay_waterfall(self, event: e.WaterfallPaid, record: Record, _index: int) -> None:
        self._turned(event.loan_id, record).costs_amount -= event.costs_amount

    def _close_liquidation(self, event: e.LiquidationClosed, record: Record, _index: int) -> None:
        if event.shortfall_amount:
            loan = self._turned(event.loan_id, record, LoanStatus.SHORTFALL)
            loan.shortfall_amount = event.shortfall_amount

    def _cure(self, event: e.LoanCured, record: Record, _index: int) -> None:
        self._turned(event.loan_id, record, LoanStatus.PERFORMING)

    # -- finding

    def _show(self, loan: Loan) -> None:
        """A loan has come, which both sides see."""
        loan_id = loan.applied.loan_id
        for account_id in loan.seen_by:
            insort(self._seen.setdefault(account_id, []), loan_id)
            if loan.open_call is not None:
                self._called[account_id].add(loan_id)

    def _turned(self, loan_id: int, record: Record, status: LoanStatus | None = None) -> Loan:
        """The loan that something happened to, at its new status if it has one."""
        loan = self.loans[loan_id]
        loan.changed_seq = record.seq
        loan.status = status or loan.status
        self.changed.add(loan_id)
        return loan

    def _lot(self, lot_id: int, record: Record) -> Lot:
        """A lot that something happened to."""
        lot = self._lots[lot_id]
        self._turned(lot.offered.loan_id, record)
        return lot
