"""
What becomes of a loan that nobody repays.

* The bank enforces it and offers what is pledged in a Dutch auction, from above the mark down to
  three quarters of it; what nobody buys it offers again.
* A market maker takes a lot that has come down to what it thinks it can sell it for.
"""

import hashlib

from clients.sdk import ExchangeClient, ExchangeError
from exchange.domain.enums import LoanStatus, WindowKind
from exchange.domain.lending_views import LoanPledgeView, LoanView
from exchange.domain.units import HOURS_PER_DAY, PPM_WHOLE
from exchange.domain.windows import Window

from .market_time import MarketTime
from .reference_price import ReferencePrice
from .summary import Tally

COSTS_PPM = 5_000
"""Of what is owed: the bank's bills of enforcement."""
BILLS_SHA256 = hashlib.sha256(b"court and auctioneer").hexdigest()
START_PPM, FLOOR_PPM = 1_100_000, 750_000
"""Of the mark: where an auction begins and where it ends."""
STEPS_COUNT = 24
"""An hour each."""
BARGAIN_PPM = 920_000
"""Of the reference: at this and less a maker takes a lot."""
_OFFERED = "offered"


class Liquidator:
    """The bank's side."""

    def __init__(self, client: ExchangeClient, time: MarketTime, tally: Tally) -> None:
        self._client = client
        self._time = time
        self._tally = tally

    async def look_after(self, loan: LoanView) -> None:
        """The next step of a loan in default."""
        try:
            if loan.loan_status == LoanStatus.DEFAULTED:
                await self._client.enforce_loan(
                    loan.loan_id,
                    costs_amount=loan.owed_amount * COSTS_PPM // PPM_WHOLE,
                    evidence_sha256=BILLS_SHA256,
                )
            elif loan.loan_status == LoanStatus.LIQUIDATING:
                await self._offer(loan)
        except ExchangeError as error:
            self._tally.count_refusal(error)

    async def _offer(self, loan: LoanView) -> None:
        standing = {lot.pledge_id for lot in loan.lots if lot.lot_status == _OFFERED}
        for pledge in sorted(loan.pledges, key=lambda each: each.start_day):
            hours = self._hours(pledge)
            if pledge.pledge_id in standing or not hours or not pledge.value_amount:
                continue
            # Up: no lower than the exchange's own reserve, which it rounds up too.
            start_price, floor_price = (
                -(-pledge.value_amount * ppm // (hours * PPM_WHOLE))
                for ppm in (START_PPM, FLOOR_PPM)
            )
            await self._client.offer_lot(
                pledge_id=pledge.pledge_id,
                start_day=max(pledge.start_day, self._time.day + 1),
                end_day=pledge.end_day,
                lot_qty=pledge.pledged_qty,
                start_price=start_price,
                floor_price=floor_price,
                step_price=-(-(start_price - floor_price) // STEPS_COUNT),
            )

    def _hours(self, pledge: LoanPledgeView) -> int:
        """The GPU-hours that its mark is of."""
        first_day = max(pledge.start_day, pledge.marked_day + 1)
        return HOURS_PER_DAY * pledge.pledged_qty * max(0, pledge.end_day - first_day)


class BargainHunter:
    """A trader's side."""

    def __init__(
        self, client: ExchangeClient, time: MarketTime, reference: ReferencePrice, tally: Tally
    ) -> None:
        self._client = client
        self._time = time
        self._reference = reference
        self._tally = tally

    async def look(self) -> None:
        """Takes what has come down far enough."""
        for lot in (await self._client.lots()).lots:
            window = Window(WindowKind.MONTH, lot.start_day, lot.end_day)
            limit_price = self._reference.price(window, self._time.day, BARGAIN_PPM)
            if lot.lot_price <= limit_price:
                try:
                    await self._client.buy_lot(lot.lot_id, limit_price=limit_price)
                except ExchangeError as error:
                    self._tally.count_refusal(error)
