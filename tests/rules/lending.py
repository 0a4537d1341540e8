"""A market in which the trader owns the year 2027 and its bank has cash, for the tests of loans."""

from typing import Any

from msgspec.structs import replace

from exchange.domain.commands import PublishIndexPrice, PublishMarks
from exchange.domain.enums import MarkLine, Role
from exchange.domain.events import Event
from exchange.domain.lending_commands import (
    ApplyForLoan,
    CollateralOffer,
    CountersignMarkRuling,
    DisputeMark,
    DrawLoan,
    MarkPledges,
    OfferLoan,
    RepayLoan,
    RuleMark,
)
from exchange.domain.record import decode_body
from exchange.domain.units import MAX_INTEGER
from exchange.domain.windows import day_at
from exchange.rules.marks import SHORTEST_CYCLE_NS
from tests.rules.deliveries import NO_FEES
from tests.rules.markets import HOUR_NS, OtherMarket, cross, day, own, span
from tests.scenario import AUDITOR, BANK, OTHER, PRODUCT, TRADER, Market, secret_hash

YUAN = 1_000_000
"""In micro-CNY."""
BANK_CASH = 10**13
INTEREST_PPM = 50_000
LAST_DAY = day("2027-03-31")
PROOF = secret_hash("proof")


class LendingMarket(OtherMarket):
    """
    The trader has 1000 GPUs of the year.

    The first quarter was traded so much yesterday that it can be sold again; the price is ten
    unless said otherwise, from outside.
    """

    def __init__(self, index_micro: int = 10 * YUAN) -> None:
        super().__init__(NO_FEES)
        self.grant("Y27", 20_000)
        self.year = self.list_window("Y27")
        own(self, TRADER, self.year, 1_000, 1_000)
        for code in ("M2701", "M2702", "M2703"):
            own(self, OTHER, self.list_window(code), 10_000, 1_000)
        self.january = self.state.instrument_ids[f"{PRODUCT}:M2701"]
        self.february = self.state.instrument_ids[f"{PRODUCT}:M2702"]
        self.deposit(BANK, BANK_CASH)
        self.other_bank = self.admit("other bank", Role.BANK)
        self.deposit(self.other_bank, BANK_CASH)
        cross(self, self.state.market_ns + 25 * HOUR_NS)
        self.price(index_micro)

    def price(self, index_micro: int) -> list[Event]:
        """Another price from outside, and what the marking cycle that follows records."""
        self.publish_price(index_micro)
        return self.mark()

    def publish_price(self, index_micro: int) -> None:
        """Another price from outside, that no mark knows of yet."""
        self.do(
            1,
            PublishIndexPrice(
                gpu_class="A100-80-SXM",
                region="SG",
                index_micro=index_micro,
                usd_micro=index_micro,
                usd_cny_ppm=1_000_000,
                observed_day=day_at(self.state.market_ns),
                source="test",
                row_count=3,
                file_sha256=secret_hash("file"),
            ),
        )

    def mark(self) -> list[Event]:
        """A marking cycle, nodes and pledges; its events."""
        count = mark_nodes(self)
        while mark_some_pledges(self):
            pass
        return self.since(count)

    def since(self, count: int) -> list[Event]:
        """The events of the records after so many."""
        return [e for record in self.records[count:] for e in decode_body(record)[1]]

    @property
    def loan(self) -> Any:
        """The first loan."""
        return self.state.loans[1]

    def cash(self, account_id: int) -> int:
        """What an account may use."""
        return self.core.balances(account_id)[0]

    def drawn(self, principal_amount: int | None = None, **fields: Any) -> Any:
        """The loan of the fixture, applied for, offered and drawn; of all that it lends."""
        self.do(TRADER, replace(APPLICATION, **fields))
        lendable_amount = sum(
            self.state.pledges[each].mark.lendable_amount
            for each in self.state.loans[len(self.state.loans)].pledge_ids
        )
        loan_id = len(self.state.loans)
        self.do(BANK, terms(principal_amount or lendable_amount, loan_id))
        self.do(TRADER, DrawLoan(loan_id=loan_id))
        return self.state.loans[loan_id]


def mark_nodes(market: Market) -> int:
    """A marking cycle's first record, as soon as it may be; how many records are before it."""
    next_ns = market.state.market_data.marked_ns + SHORTEST_CYCLE_NS
    if market.state.market_data.marked_ns and market.state.market_ns < next_ns:
        cross(market, next_ns)
    count = len(market.records)
    market.execute(0, PublishMarks())
    return count


def mark_some_pledges(market: Market) -> bool:
    """The next record of pledges; whether there is another to come."""
    is_done = market.execute(0, MarkPledges()).reason is None
    return is_done and not market.events[-1].is_complete


def offer(code: str = "Q271", pledged_qty: int = 100, **fields: int) -> CollateralOffer:
    """Unit-days of the trader."""
    return replace(CollateralOffer(product_id=1, pledged_qty=pledged_qty, **span(code)), **fields)


def terms(principal_amount: int, loan_id: int = 1) -> OfferLoan:
    """The bank's."""
    return OfferLoan(loan_id=loan_id, principal_amount=principal_amount, interest_ppm=INTEREST_PPM)


def repay(repaid_amount: int, loan_id: int = 1) -> RepayLoan:
    """The borrower's cash."""
    return RepayLoan(loan_id=loan_id, repaid_amount=repaid_amount)


def disputed(
    market: LendingMarket,
    claimed_amount: int = MAX_INTEGER,
    key_id: int = TRADER,
    pledge_id: int = 1,
    line: MarkLine = MarkLine.VALUE,
) -> int:
    """A side says what a pledge is worth; the id of its dispute."""
    command = DisputeMark(
        pledge_id=pledge_id,
        mark_seq=market.state.pledges[pledge_id].mark_seq,
        line=line,
        claimed_amount=claimed_amount,
        evidence_sha256=PROOF,
    )
    return market.do(key_id, command).seq


def ruled(
    market: LendingMarket, dispute_id: int, ruled_amount: int = 0, ruled_ppm: int = 0
) -> list[Event]:
    """Auditor and operator end a dispute; the events of its record."""
    ruling = RuleMark(
        dispute_id=dispute_id,
        ruled_ppm=ruled_ppm,
        ruled_amount=ruled_amount,
        evidence_sha256=PROOF,
    )
    market.do(AUDITOR, ruling)
    market.do(1, CountersignMarkRuling(dispute_id=dispute_id, evidence_sha256=PROOF))
    return market.events


APPLICATION = ApplyForLoan(
    bank_account_id=BANK,
    principal_amount=10**12,
    maturity_day=LAST_DAY,
    collateral=[offer()],
)
