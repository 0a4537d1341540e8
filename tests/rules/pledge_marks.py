"""A market whose pledges are marked, for the tests of their marks and of what hangs from them."""

from exchange.domain.commands import AcceptPledge, PublishMarks, RequestPledge
from exchange.domain.enums import Side
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import decode_body
from exchange.domain.windows import day_at, start_ns
from exchange.rules.marks import SHORTEST_CYCLE_NS
from tests.rules.markets import OtherMarket, calendar, own, span
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER

PRICE = 800


class MarkedMarket(OtherMarket):
    """
    January to March have traded and are quoted; the trader owns 40 GPUs of each.

    It is always open, or on working days less `holidays` where these are given.
    """

    def __init__(self, holidays: tuple[str, ...] | None = None) -> None:
        super().__init__({"maker_bps": 0, "taker_bps": 0, "is_always_open": holidays is None})
        if holidays is not None:
            for year in (2026, 2027):
                self.do(1, calendar(year, holidays=holidays))
        self.grant("Y27", 1_000)
        self.months = [self.list_window(code) for code in ("M2701", "M2702", "M2703")]
        for instrument_id in self.months:
            for buyer_id, qty in ((TRADER, 20), (OTHER, 60), (TRADER, 20)):
                own(self, buyer_id, instrument_id, qty, PRICE)
            self.quote(instrument_id, PRICE - 10, PRICE + 10)
        self.do(0, PublishMarks())

    def quote(self, instrument_id: int, bid_price: int, ask_price: int) -> None:
        """A bid and an offer of one GPU that stay."""
        self.order(OTHER, instrument_id, Side.BUY, 1, bid_price)
        self.order(SUPPLIER, instrument_id, Side.SELL, 1, ask_price)

    def request(
        self, code: str = "M2702", qty: int = 10, key_id: int = TRADER, bank_account_id: int = BANK
    ) -> int:
        """A requested pledge's id; the last event is its mark."""
        self.do(
            key_id,
            RequestPledge(
                product_id=1, pledged_qty=qty, bank_account_id=bank_account_id, **span(code)
            ),
        )
        return len(self.state.pledges)

    def pledge(self, code: str = "M2702", qty: int = 10, key_id: int = TRADER) -> int:
        """The id of a pledge under lien."""
        pledge_id = self.request(code, qty, key_id)
        self.do(BANK, AcceptPledge(pledge_id=pledge_id))
        return pledge_id

    def mark(self, pledge_id: int = 1) -> PledgeMarked:
        """The mark in force."""
        mark = self.state.pledges[pledge_id].mark
        assert mark is not None
        return mark

    def tomorrow(self) -> None:
        """The first moment of the next delivery day."""
        self.advance(start_ns(day_at(self.state.market_ns) + 1))
        self.drain()

    def cycle(self) -> list[PledgeMarked]:
        """A marking cycle of nodes and pledges, as the market clock runs it; its new marks."""
        next_ns = self.state.market_data.marked_ns + SHORTEST_CYCLE_NS
        self.advance(max(next_ns, self.state.market_ns))
        self.execute(0, PublishMarks())
        count = len(self.records)
        self.do(0, MarkPledges())
        while self.state.marking_left:
            self.do(0, MarkPledges())
        events = [e for record in self.records[count:] for e in decode_body(record)[1]]
        return [event for event in events if isinstance(event, PledgeMarked)]
