"""Scripts of lending for the golden logs: chance, a loan called and lost, one cured, one melted."""

from exchange.domain.enums import MarkLine
from exchange.domain.lending_commands import (
    AddCollateral,
    CountersignMarkRuling,
    DeclineLoan,
    DisputeMark,
    RuleMark,
    WithdrawLot,
)
from exchange.domain.units import NS_PER_DAY
from exchange.rules.lending_past import FORGET_DAYS
from tests.properties.test_lending import STEPS_COUNT, Random
from tests.rules.lending import APPLICATION, YUAN, LendingMarket, offer, repay
from tests.rules.liquidations import FIRST, LiquidationMarket, deliver, enforcement, lot
from tests.rules.markets import cross, day
from tests.scenario import AUDITOR, BANK, TRADER, secret_hash

SEED = 1
PROOF = {"evidence_sha256": secret_hash("proof")}


def lent() -> LendingMarket:
    """What people do with loans in a moving market."""
    scene = Random(SEED)
    for _ in range(STEPS_COUNT):
        scene.step()
    return scene.market


def called_and_lost() -> LiquidationMarket:
    """A call, disputed and paid in part, waits for a ruling and is met; then default and a sale."""
    market = LiquidationMarket(is_drawn=False)
    market.do(TRADER, APPLICATION)
    market.do(TRADER, DeclineLoan(loan_id=1))
    loan = market.drawn()
    market.mark()
    market.price(8 * YUAN)
    dispute_id = market.do(TRADER, dispute(market, loan.applied.principal_amount)).seq
    market.do(TRADER, repay(loan.principal_amount // 10, loan_id=2))
    cross(market, loan.call.due_ns)
    ruling = RuleMark(dispute_id=dispute_id, ruled_ppm=0, ruled_amount=0, **PROOF)
    market.do(AUDITOR, ruling)
    market.do(1, CountersignMarkRuling(dispute_id=dispute_id, **PROOF))
    more = offer("Q271", 100, start_day=FIRST, end_day=day("2027-04-01"))
    market.do(TRADER, AddCollateral(loan_id=2, collateral=more))
    market.price(2 * YUAN)
    market.do(BANK, enforcement(loan_id=2))
    pledge_id = loan.pledge_ids[0]
    withdrawn_id = market.do(BANK, lot(market, pledge_id=pledge_id)).seq
    market.do(BANK, WithdrawLot(lot_id=withdrawn_id))
    price = {"start_price": 200, "floor_price": 200}
    for each in loan.pledge_ids:
        market.bought(market.do(BANK, lot(market, pledge_id=each, **price)).seq, 200)
    cross(market, market.state.market_ns)
    return market


def cured_and_forgotten() -> LiquidationMarket:
    """A sale that brings the loan back to its ratio; it is repaid and forgotten."""
    market = LiquidationMarket(index_micro=7 * YUAN)
    price = {"start_price": 700, "floor_price": 700}
    market.bought(market.do(BANK, lot(market, lot_qty=48, **price)).seq, 700)
    market.do(TRADER, repay(10**15))
    cross(market, market.state.market_ns + FORGET_DAYS * NS_PER_DAY)
    return market


def melted() -> LiquidationMarket:
    """A pledge of one day that nobody buys before it is delivered."""
    market = LiquidationMarket(is_drawn=False)
    market.drawn(collateral=[offer(start_day=FIRST, end_day=FIRST + 1)], maturity_day=FIRST)
    market.enforce()
    market.do(BANK, lot(market, end_day=FIRST + 1))
    deliver(market, 12_000)
    return market


def dispute(market: LendingMarket, claimed_amount: int) -> DisputeMark:
    """The borrower's word on the mark of the pledge that was asked for last."""
    pledge_id = len(market.state.pledges)
    return DisputeMark(
        pledge_id=pledge_id,
        mark_seq=market.state.pledges[pledge_id].mark_seq,
        line=MarkLine.VALUE,
        claimed_amount=claimed_amount,
        **PROOF,
    )
