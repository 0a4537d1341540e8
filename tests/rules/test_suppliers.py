"""Suppliers: bonds and what they must cover, suspension, and the end of one."""

import pytest

from exchange.domain.commands import DefineProduct, PublishSettlementPrice
from exchange.domain.delivery_commands import (
    PayClaim,
    PostBond,
    ReinstateSupplier,
    SuspendSupplier,
    TerminateSupplier,
    WithdrawBond,
)
from exchange.domain.delivery_events import (
    BondMadeGood,
    BondPosted,
    BondShort,
    BondWithdrawn,
    DeliveryCancelled,
    SupplierSuspended,
)
from exchange.domain.desk_commands import AcceptQuote, ConfirmBlock, DeclineBlock
from exchange.domain.desk_events import BlockEnded, QuoteEnded
from exchange.domain.enums import (
    BlockStatus,
    ProductKind,
    Purpose,
    QuoteStatus,
    Role,
    Side,
    SuspensionCause,
)
from exchange.domain.movements import HoldClosed
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_DAY, NS_PER_MINUTE
from exchange.domain.windows import start_ns
from tests.rules.deliveries import DAY, NO_FEES, DeliveryMarket, attest, paid, report
from tests.rules.desk import alleged, asked, block, quote, quoted
from tests.rules.markets import OtherMarket, assert_refused, cross, day, events_of, order, own
from tests.scenario import AUDITOR, FIRST_DAY, OTHER, SUPPLIER, TRADER

MARCH = (day("2027-03-01"), day("2027-04-01"))
SUSPEND = SuspendSupplier(supplier_account_id=SUPPLIER)
REINSTATE = ReinstateSupplier(supplier_account_id=SUPPLIER)
TERMINATE = TerminateSupplier(supplier_account_id=SUPPLIER)
SECOND_PRODUCT = DefineProduct(
    code="A100-80-SXM.SG2",
    kind=ProductKind.GPU_TIME,
    gpu_class="A100-80-SXM",
    region="SG",
    supplier_account_id=SUPPLIER,
    lot_qty=1,
)


# -- bonds -----------------------------------------------------------------------------------------


@pytest.fixture
def market() -> OtherMarket:
    """Ten of December are sold at 10.00, worth 11.00; of March, beyond ninety days, too."""
    market = OtherMarket(NO_FEES)
    market.grant("M2612", 20)
    market.grant("M2703", 20)
    for code in ("M2612", "M2703"):
        own(market, TRADER, market.list_window(code), 10, 1_000)
    market.do(1, PublishSettlementPrice(instrument_id=1, settlement_price=1_100))
    yield market
    market.assert_replays()


REQUIRED = 10 * 24 * 31 * 1_100 * 5 // 100


def test_a_bond_is_withdrawn_down_to_five_percent_of_ninety_sold_days(market):
    market.do(SUPPLIER, PostBond(bond_amount=REQUIRED + 500))
    assert market.events[0] == BondPosted(
        supplier_account_id=SUPPLIER,
        posted_amount=REQUIRED + 500,
        bond_amount=REQUIRED + 500,
    )
    below = WithdrawBond(bond_amount=501)
    assert_refused(market, SUPPLIER, below, Reason.BOND, REQUIRED - 1, REQUIRED)
    market.do(SUPPLIER, WithdrawBond(bond_amount=500))
    assert market.events[0] == BondWithdrawn(
        supplier_account_id=SUPPLIER,
        withdrawn_amount=500,
        bond_amount=REQUIRED,
        required_amount=REQUIRED,
    )
    more = WithdrawBond(bond_amount=REQUIRED + 1)
    assert_refused(market, SUPPLIER, more, Reason.CASH, REQUIRED + 1, REQUIRED)


def test_what_is_claimed_stays_in_the_bond_until_it_is_paid():
    """80 GPUs for a day at 10.00, worth 11.50 and not delivered: 2,880.00 beyond the refund."""
    market = DeliveryMarket(100)
    market.sell(TRADER, 80)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_150))
    market.deliver([0] * 24)
    owed = 80 * 24 * 150
    assert [claim.left_amount for claim in market.state.claims.values()] == [owed]
    market.do(SUPPLIER, PostBond(bond_amount=owed + 500))
    below = WithdrawBond(bond_amount=501)
    assert_refused(market, SUPPLIER, below, Reason.BOND, owed - 1, owed)
    market.do(SUPPLIER, WithdrawBond(bond_amount=500))
    assert market.events[0] == BondWithdrawn(
        supplier_account_id=SUPPLIER, withdrawn_amount=500, bond_amount=owed, required_amount=0
    )
    market.do(SUPPLIER, PayClaim(claim_id=1, paid_amount=1_000))
    assert_refused(
        market, SUPPLIER, WithdrawBond(bond_amount=1_001), Reason.BOND, owed - 1_001, owed - 1_000
    )
    market.do(SUPPLIER, WithdrawBond(bond_amount=1_000))
    market.do(SUPPLIER, PayClaim(claim_id=1, paid_amount=owed - 1_000))
    market.do(SUPPLIER, WithdrawBond(bond_amount=owed - 1_000))
    market.assert_replays()


def test_a_bond_is_posted_out_of_available_cash(market):
    available = market.core.balances(SUPPLIER)[0]
    beyond = PostBond(bond_amount=available + 1)
    assert_refused(market, SUPPLIER, beyond, Reason.CASH, available + 1, available)


def test_a_short_bond_is_stated_at_the_start_of_a_day(market):
    market.do(SUPPLIER, PostBond(bond_amount=REQUIRED - 1))
    market.advance(start_ns(FIRST_DAY + 1))
    short = BondShort(
        supplier_account_id=SUPPLIER, bond_amount=REQUIRED - 1, required_amount=REQUIRED
    )
    assert market.events[-1] == short
    market.do(SUPPLIER, PostBond(bond_amount=1))
    market.advance(start_ns(FIRST_DAY + 2))
    assert events_of(market, BondShort) == [short]


def stated(market):
    """(bond, required) of all that was said of short bonds; what was made good is negative."""
    return [
        (event.bond_amount, event.required_amount * (1 if isinstance(event, BondShort) else -1))
        for event in events_of(market, BondShort | BondMadeGood)
    ]


def test_a_short_bond_is_stated_again_only_when_an_amount_is_another_one(market):
    for number in (1, 2, 3):
        cross(market, start_ns(FIRST_DAY + number))
    assert stated(market) == [(0, REQUIRED)]
    market.do(SUPPLIER, PostBond(bond_amount=500))
    cross(market, start_ns(FIRST_DAY + 4))
    cross(market, start_ns(FIRST_DAY + 5))
    assert stated(market) == [(0, REQUIRED), (500, REQUIRED)]
    market.do(1, PublishSettlementPrice(instrument_id=1, settlement_price=1_200))
    cross(market, start_ns(FIRST_DAY + 6))
    more = 10 * 24 * 31 * 1_200 * 5 // 100
    assert stated(market)[2:] == [(500, more)]


def test_a_short_bond_is_made_good_by_the_payment_that_suffices(market):
    cross(market, start_ns(FIRST_DAY + 1))
    market.do(SUPPLIER, PostBond(bond_amount=REQUIRED - 1))
    assert not [event for event in market.events if isinstance(event, BondMadeGood)]
    market.do(SUPPLIER, PostBond(bond_amount=1))
    good = BondMadeGood(
        supplier_account_id=SUPPLIER, bond_amount=REQUIRED, required_amount=REQUIRED
    )
    assert market.events[-1] == good
    market.do(SUPPLIER, PostBond(bond_amount=1))
    cross(market, start_ns(FIRST_DAY + 2))
    assert events_of(market, BondMadeGood) == [good]


def test_a_short_bond_is_made_good_when_less_is_asked_for(market):
    market.do(SUPPLIER, PostBond(bond_amount=REQUIRED - 1))
    cross(market, start_ns(FIRST_DAY + 1))
    market.do(1, PublishSettlementPrice(instrument_id=1, settlement_price=1_000))
    cross(market, start_ns(FIRST_DAY + 2))
    less = 10 * 24 * 31 * 1_000 * 5 // 100
    assert stated(market) == [(REQUIRED - 1, REQUIRED), (REQUIRED - 1, -less)]


# -- suspension ------------------------------------------------------------------------------------


def three_days(available: list[int]) -> DeliveryMarket:
    """Days of March of which a hundred were sold, each delivered as said."""
    market = DeliveryMarket(granted_qty=110)
    march = market.list_window("M2703")
    own(market, TRADER, march, 100, 1_000)
    for number, qty in enumerate(available):
        at_day = MARCH[0] + number
        market.read([qty] * 24, at_day)
        market.do(SUPPLIER, report(at_day))
        market.do(AUDITOR, attest(at_day))
    market.finish(MARCH[0] + len(available) - 1)
    return market


def test_three_days_running_below_95_percent_suspend_a_supplier():
    market = three_days([94, 94, 94])
    (suspended,) = events_of(market, SupplierSuspended)
    assert suspended == SupplierSuspended(
        supplier_account_id=SUPPLIER,
        cause=SuspensionCause.POOR_DELIVERY,
        product_id=1,
        day=MARCH[0] + 2,
    )
    market.assert_replays()


@pytest.mark.parametrize("available", [[95] * 3, [94, 94, 95, 94, 94], [94, 94]])
def test_fewer_poor_days_or_95_percent_do_not(available):
    assert events_of(three_days(available), SupplierSuspended) == []


def test_a_suspended_suppliers_sales_end_and_others_trade_on(market):
    market.order(SUPPLIER, 1, Side.SELL, 5, 1_010)
    market.order(TRADER, 1, Side.SELL, 5, 1_020)
    market.do(1, SUSPEND)
    assert market.core.orders_of_account(SUPPLIER) == []
    sale = order(1, Side.SELL, 1, 1_000)
    assert_refused(market, SUPPLIER, sale, Reason.SUSPENDED, SUPPLIER)
    market.order(OTHER, 1, Side.BUY, 5, 1_020)
    market.order(SUPPLIER, 1, Side.BUY, 1, 990)
    assert_refused(market, 1, SUSPEND, Reason.WRONG_STATE, SUPPLIER)
    market.do(1, REINSTATE)
    market.order(SUPPLIER, 1, Side.SELL, 1, 1_000)
    assert_refused(market, 1, REINSTATE, Reason.WRONG_STATE, SUPPLIER)


def test_a_suspension_ends_what_the_house_quotes_and_proposes_to_sell_and_nothing_else(market):
    """An affiliate sells as the house; the other trader's quote and the house's bids stand."""
    affiliate = market.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER])
    march = {"start_day": MARCH[0], "end_day": MARCH[1]}
    market.deposit(affiliate, 10**9)
    second_of_march = market.list_window("D270302")
    market.order(TRADER, second_of_march, Side.SELL, 1, 1_000)
    market.order(affiliate, second_of_march, Side.BUY, 1, 1_000)
    wanted = asked(market, request_qty=1, **march)
    one_day = {"start_day": MARCH[0] + 1, "end_day": MARCH[0] + 2}
    affiliated = quoted(market, asked(market, request_qty=1, **one_day), affiliate)
    selling = [quoted(market, wanted, SUPPLIER), affiliated]
    alleged_sale = alleged(market, SUPPLIER, block_qty=9, block_price=20_000, **march)
    stranger = quoted(market, wanted, TRADER)
    sale_wanted = asked(market, side=Side.SELL, account_id=TRADER, request_qty=1, **march)
    bid = quoted(market, sale_wanted, SUPPLIER)
    buying = {"side": Side.BUY, "counterparty_account_id": TRADER, **march}
    alleged_bid = alleged(market, SUPPLIER, block_qty=9, block_price=20_000, **buying)
    market.do(1, SUSPEND)
    assert market.events[1:] == [
        event
        for quote_id, account_id in sorted(zip(selling, (SUPPLIER, affiliate), strict=True))
        for event in (
            QuoteEnded(quote_id=quote_id, quote_status=QuoteStatus.EXPIRED),
            HoldClosed(hold_id=quote_id, account_id=account_id),
        )
    ] + [
        BlockEnded(block_id=alleged_sale, block_status=BlockStatus.LAPSED),
        HoldClosed(hold_id=alleged_sale, account_id=SUPPLIER),
    ]
    for quote_id in selling:
        late = AcceptQuote(quote_id=quote_id)
        assert_refused(market, OTHER, late, Reason.WRONG_STATE, quote_id)
    confirm = ConfirmBlock(block_id=alleged_sale)
    assert_refused(market, OTHER, confirm, Reason.WRONG_STATE, alleged_sale)
    market.do(OTHER, AcceptQuote(quote_id=stranger))
    market.do(TRADER, AcceptQuote(quote_id=bid))
    market.do(TRADER, DeclineBlock(block_id=alleged_bid))


def test_nobody_buys_at_the_desk_what_a_suspended_house_would_sell(market):
    """Whichever of the two would have the last word: a stranger's bids to the house end nothing."""
    march = {"start_day": MARCH[0], "end_day": MARCH[1]}
    to_house = {"counterparty_account_id": SUPPLIER, "block_qty": 10, "block_price": 20_000}
    wanted = asked(market, side=Side.SELL, account_id=SUPPLIER, request_qty=1, **march)
    bid = quoted(market, wanted, OTHER)
    proposed = alleged(market, OTHER, side=Side.BUY, **to_house, **march)
    market.do(1, SUSPEND)
    refused = (Reason.SUSPENDED, SUPPLIER)
    assert_refused(market, SUPPLIER, AcceptQuote(quote_id=bid), *refused)
    assert_refused(market, SUPPLIER, ConfirmBlock(block_id=proposed), *refused)
    assert_refused(market, TRADER, quote(wanted), *refused)
    another = block(Side.BUY, **to_house, **march)
    assert_refused(market, TRADER, another, *refused)
    market.do(1, REINSTATE)
    market.do(SUPPLIER, AcceptQuote(quote_id=bid))


def test_suspension_is_of_a_supplier(market):
    unknown = SuspendSupplier(supplier_account_id=TRADER)
    assert_refused(market, 1, unknown, Reason.WRONG_ROLE, TRADER)


# -- termination -----------------------------------------------------------------------------------


def test_a_supplier_is_suspended_before_it_is_terminated(market):
    assert_refused(market, 1, TERMINATE, Reason.WRONG_STATE, SUPPLIER)


@pytest.mark.parametrize("is_second_product", [False, True])
def test_at_termination_a_bond_that_is_short_is_shared_by_the_damages_of_all_days(
    is_second_product,
):
    """80 GPUs at 10.00, worth 11.00 on one day and 12.00 on the other: 1,920.00 and 3,840.00."""
    market = DeliveryMarket(100)
    later = market.list_window("D270320")
    if is_second_product:
        market.do(1, SECOND_PRODUCT)
        market.grant("M2703", 100, product_id=2)
        later = market.list_window("D270302", product_id=2)
    market.sell(TRADER, 80)
    own(market, OTHER, later, 80, 1_000)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_100))
    market.do(1, PublishSettlementPrice(instrument_id=later, settlement_price=1_200))
    market.do(SUPPLIER, PostBond(bond_amount=100_000))
    market.do(1, SUSPEND)
    market.do(1, TERMINATE)
    shares = [e.bond_amount for e in market.events if isinstance(e, DeliveryCancelled)]
    assert [share for share in shares if share] == [33_333, 66_667]
    count = len(market.records)
    market.advance(market.state.market_ns + 1)
    payouts = paid(market.since(count))
    covered = {key[0]: amount for key, amount in payouts.items() if key[1] == Purpose.COVER_DAMAGES}
    assert covered == {TRADER: 33_333, OTHER: 66_667}
    claims = [claim.recorded for claim in market.state.claims.values()]
    owed = {claim.account_id: claim.claim_amount for claim in claims}
    assert owed == {TRADER: 192_000 - 33_333, OTHER: 384_000 - 66_667}
    market.assert_replays()


def test_what_cancelled_days_have_of_a_bond_is_not_withdrawn_before_it_is_paid():
    """80 GPUs at 10.00, worth 20.00: 19,200.00 of damages, and 5 % of 38,400.00 besides."""
    market = DeliveryMarket(100)
    market.sell(TRADER, 80)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=2_000))
    market.do(SUPPLIER, PostBond(bond_amount=2_000_000))
    market.do(1, SUSPEND)
    market.do(1, TERMINATE)
    withdraw = WithdrawBond(bond_amount=80_000)
    kept = 1_920_000 + 192_000
    assert_refused(market, SUPPLIER, withdraw, Reason.BOND, 1_920_000, kept)
    market.advance(market.state.market_ns + 1)
    market.do(SUPPLIER, withdraw)
    market.assert_replays()


def test_a_day_before_the_termination_draws_only_on_what_cancelled_days_leave_of_the_bond():
    """It is final and paid first, for a quote keeps a cancelled day on offer until the next."""
    market = DeliveryMarket(100)
    later = market.list_window("D270320")
    market.sell(TRADER, 80)
    own(market, OTHER, later, 80, 1_000)
    for window in (market.window, later):
        market.do(1, PublishSettlementPrice(instrument_id=window, settlement_price=1_100))
    market.do(SUPPLIER, PostBond(bond_amount=200_000))
    market.read([0] * 24)
    market.do(SUPPLIER, report())
    market.do(AUDITOR, attest())
    paid_ns = start_ns(DAY + 3)
    market.advance(paid_ns - 10 * NS_PER_MINUTE)
    twentieth = {"start_day": DAY + 15, "end_day": DAY + 16}
    quoted(market, asked(market, TRADER, request_qty=80, **twentieth), OTHER)
    market.do(1, SUSPEND)
    market.do(1, TERMINATE)
    count = len(market.records)
    market.advance(paid_ns)
    payouts = paid(market.since(count))
    assert payouts[TRADER, Purpose.COVER_DAMAGES] == 8_000
    assert (OTHER, Purpose.COVER_DAMAGES) not in payouts
    market.advance(paid_ns + NS_PER_DAY)
    assert paid(market.since(count))[OTHER, Purpose.COVER_DAMAGES] == 192_000
    assert [claim.left_amount for claim in market.state.claims.values()] == [184_000]
    market.assert_replays()


def test_at_termination_all_future_escrow_returns_with_damages_from_the_bond():
    market = DeliveryMarket(granted_qty=100)
    market.sell(TRADER, 80)
    market.let(TRADER, OTHER, 10, 1_200)
    market.do(1, PublishSettlementPrice(instrument_id=market.window, settlement_price=1_100))
    market.do(SUPPLIER, PostBond(bond_amount=10**7))
    market.order(OTHER, market.window, Side.BUY, 1, 1_000)
    market.do(1, SUSPEND)
    market.do(1, TERMINATE)
    cancelled = [e for e in market.events if isinstance(e, DeliveryCancelled)]
    assert [e.day for e in cancelled] == list(range(*MARCH))
    assert {e.day: e.contracted_qty for e in cancelled if e.contracted_qty} == {DAY: 80}
    count = len(market.records)
    market.advance(market.state.market_ns + 1)
    assert paid(market.since(count)) == {
        (TRADER, Purpose.SHORTFALL_REFUND): 80 * 24 * 1_000,
        (TRADER, Purpose.COVER_DAMAGES): 80 * 24 * 100,
        (OTHER, Purpose.RENT_REFUND): 10 * 24 * 1_200,
    }
    assert market.core.granted(1) == []
    assert market.core.orders_of_account(OTHER) == []
    assert market.state.gates == []
    late = order(market.window, Side.BUY, 1, 1_000)
    assert_refused(market, OTHER, late, Reason.SUSPENDED, SUPPLIER)
    market.assert_replays()
