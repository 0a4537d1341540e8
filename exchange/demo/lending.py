"""
Who borrows and who lends.

* A desk asks for a loan on half of each month's contract, takes what the bank offers, and repays it
  on the eve of its delivery. The last desk takes its first loan for a few days only and does not
  repay it, so that one loan is seen to go through default, an auction and its waterfall
  (`liquidation`).
* The bank lends what its marks say, and leaves an application on which they lend nothing yet.
"""

from collections.abc import Awaitable

from clients.sdk import ExchangeClient, ExchangeError
from exchange.domain.enums import IN_SERVICE, LoanStatus
from exchange.domain.lending_views import LoanView
from exchange.domain.lending_wire import CollateralBody
from exchange.domain.units import HOURS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import Window

from .demand import LOT_QTY
from .liquidation import Liquidator
from .market_time import MarketTime
from .participant import Participant
from .reference_price import ReferencePrice
from .summary import Tally
from .venue_setup import PRODUCT_CODE, Venue

LOOK_INTERVAL_NS = 3_600 * NS_PER_SECOND
INTEREST_PPM = 45_000
SHORT_DAYS = 2
"""For which a careless desk takes its first loan."""
ASKED_PPM = 700_000
"""Of the reference value: more than the model ever lends."""
_LIVING = {LoanStatus.APPLIED, LoanStatus.APPROVED, *IN_SERVICE}


class Borrower:
    """One desk's loans."""

    def __init__(
        self,
        participant: Participant,
        time: MarketTime,
        reference: ReferencePrice,
        venue: Venue,
        *,
        is_careless: bool,
    ) -> None:
        self._participant = participant
        self._is_careless = is_careless
        self._time = time
        self._reference = reference
        self._venue = venue

    async def look(self, months: list[Window]) -> None:
        """Takes terms, repays what is about to be delivered, and asks for what is not lent on."""
        loans = await self._client.loans()
        living = [one for one in loans if one.loan_status in _LIVING]
        was_careless = any(_is_short(one) for one in loans if one.loan_status != LoanStatus.ENDED)
        is_careless = self._is_careless and not was_careless
        lent_on = {(p.start_day, p.end_day) for loan in living for p in loan.pledges}
        for loan in living:
            await self._tried(self._serve(loan))
        for month in months:
            free_qty = self._participant.free_qty(month)
            is_lent_on = (month.start_day, month.end_day) in lent_on
            if free_qty >= LOT_QTY and not is_lent_on and not self._participant.has_lien(month):
                is_far = month.start_day > self._time.day + 2 * SHORT_DAYS
                is_short = is_careless and is_far
                due_day = self._time.day + SHORT_DAYS if is_short else month.end_day - 1
                is_careless = is_careless and not is_short
                await self._tried(self._apply(month, free_qty, due_day))

    @property
    def _client(self) -> ExchangeClient:
        return self._participant.client

    async def _tried(self, action: Awaitable[None]) -> None:
        try:
            await action
        except ExchangeError as error:
            self._participant.tally.count_refusal(error)

    async def _serve(self, loan: LoanView) -> None:
        first_day = min(pledge.start_day for pledge in loan.pledges)
        if loan.loan_status == LoanStatus.APPROVED:
            await self._client.draw_loan(loan.loan_id)
        elif _is_short(loan):
            return  # it is forgotten
        elif loan.loan_status in IN_SERVICE and first_day <= self._time.day + 1:
            await self._client.repay_loan(loan.loan_id, loan.owed_amount)

    async def _apply(self, month: Window, free_qty: int, due_day: int) -> None:
        pledged_qty = max(LOT_QTY, free_qty // (2 * LOT_QTY) * LOT_QTY)
        price = self._reference.price(month, self._time.day, ASKED_PPM)
        hours = HOURS_PER_DAY * (month.end_day - month.start_day)
        await self._client.apply_for_loan(
            bank_account_id=self._venue.bank_account_id,
            principal_amount=price * hours * pledged_qty,
            maturity_day=due_day,
            collateral=[
                CollateralBody(
                    product=PRODUCT_CODE,
                    start_day=month.start_day,
                    end_day=month.end_day,
                    pledged_qty=pledged_qty,
                )
            ],
        )


def _is_short(loan: LoanView) -> bool:
    """Whether a loan is due before its collateral is delivered."""
    return loan.maturity_day < min(pledge.start_day for pledge in loan.pledges)


class Bank:
    """Gives terms for what its marks lend, and sells what secures a loan in default."""

    def __init__(self, client: ExchangeClient, time: MarketTime, tally: Tally) -> None:
        self._client = client
        self._time = time
        self._tally = tally
        self._liquidator = Liquidator(client, time, tally)

    async def run(self) -> None:
        """Looks at its loans every market hour until cancelled."""
        while True:
            for loan in await self._client.loans():
                if loan.loan_status == LoanStatus.APPLIED:
                    await self._offer(loan)
                await self._liquidator.look_after(loan)
            await self._time.next_tick(LOOK_INTERVAL_NS)

    async def _offer(self, loan: LoanView) -> None:
        lendable_amount = sum(pledge.lendable_amount for pledge in loan.pledges)
        principal_amount = min(loan.applied_amount, lendable_amount)
        if not principal_amount:
            return
        try:
            await self._client.offer_loan(
                loan.loan_id, principal_amount=principal_amount, interest_ppm=INTEREST_PPM
            )
        except ExchangeError as error:
            self._tally.count_refusal(error)
