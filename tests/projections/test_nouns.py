"""Each projection for itself, on hand-made records."""

from msgspec.structs import replace

from exchange.domain.commands import PlaceOrder
from exchange.domain.enums import CancelReason, PledgeStatus, Role, Side, TimeInForce
from exchange.domain.events import (
    AdmissionConfirmed,
    CalendarPublished,
    CashDeposited,
    ClockAdvanced,
    EscrowFunded,
    EscrowReturned,
    InstrumentExpired,
    KeyRevoked,
    NodeMarked,
    OrderAmended,
    PledgeAccepted,
    PledgeDeclined,
    PledgeReleased,
    PledgeRequested,
    SessionClosed,
    SessionOpened,
)
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import start_ns
from exchange.domain.wire import ProductPosition, Run
from exchange.domain.withdrawal_events import CashWithdrawn
from exchange.projections.balances import Balance, Balances
from exchange.projections.depth import Depth
from exchange.projections.listings import Listings
from exchange.projections.marks import Marks
from exchange.projections.orders import STEPS_COUNT, Orders
from exchange.projections.participants import Participants
from exchange.projections.pledges import Pledges
from exchange.projections.positions import Positions, runs
from exchange.projections.recent import RECENT_COUNT, Recent, created_id_of
from exchange.projections.trades import TAPE_COUNT, Trades
from exchange.projections.venue import Venue
from tests.projections.records import (
    BANK,
    FIRST_DAY,
    JUNE,
    SUPPLIER,
    TRADER,
    Tape,
    accepted,
    admitted,
    cancelled,
    granted,
    key,
    listed,
    product,
    rested,
    trade,
    venue,
)


def place(client_order_id: str) -> PlaceOrder:
    """The command of an order, for its client order id."""
    return PlaceOrder(
        command_id=client_order_id, instrument_id=1, side=Side.BUY, order_qty=1, limit_price=1
    )


def pledged(pledge_id: int = 1, qty: int = 5) -> PledgeRequested:
    """A pledge of June."""
    return PledgeRequested(
        pledge_id=pledge_id,
        account_id=TRADER,
        bank_account_id=BANK,
        product_id=1,
        start_day=JUNE[0],
        end_day=JUNE[1],
        pledged_qty=qty,
        loan_id=0,
    )


def amended(order_id: int, account_id: int, qty: int, price: int, leaves: int, **more: int):
    """An open order that changed."""
    return OrderAmended(
        order_id,
        account_id,
        1,
        qty,
        price,
        leaves,
        more.get("held", 0),
        more.get("requeued", 0),
    )


# -- venue, listings, participants ----------------------------------------------------------------


def test_the_venue_follows_its_clock():
    tape = Tape(Venue())
    tape.add(venue())
    tape.add(ClockAdvanced(market_ns=start_ns(FIRST_DAY) + 5))
    assert tape.projection.venue_id == "test"
    assert tape.projection.market_ns == start_ns(FIRST_DAY) + 5


def test_an_expired_instrument_stays_findable_and_is_not_open():
    tape = Tape(Listings())
    tape.add(product())
    tape.add(listed(1, (FIRST_DAY + 3, FIRST_DAY + 4)))
    tape.add(listed(2, (FIRST_DAY + 1, FIRST_DAY + 2)))
    tape.add(InstrumentExpired(instrument_id=2))
    listings = tape.projection
    assert listings.product_named("A100.SG1").product_id == 1
    assert listings.product_named("nothing") is None
    assert listings.instrument_named("A100.SG1:W2").instrument_id == 2
    assert listings.instrument_named("A100.SG1:W9") is None
    assert [(i.listed.instrument_id, i.is_open) for i in listings.of_product(1)] == [
        (2, False),
        (1, True),
    ]


def test_a_role_counts_from_the_confirmation_on():
    tape = Tape(Participants())
    tape.add(admitted(7, Role.AUDITOR, is_confirmed=False))
    assert not tape.projection.accounts[7].has_role(Role.AUDITOR)
    tape.add(AdmissionConfirmed(account_id=7, confirmer_account_id=2))
    assert tape.projection.accounts[7].has_role(Role.AUDITOR)
    assert not tape.projection.accounts[7].has_role(Role.BANK)


def test_a_revoked_key_takes_its_sessions_with_it():
    tape = Tape(Participants())
    tape.add(admitted(4, Role.TRADER))
    tape.add(key(4, 4))
    opened = SessionOpened(
        session_id=3, account_id=4, key_id=4, is_cancel_on_disconnect=False, previous_session_id=0
    )
    tape.add(opened)
    assert list(tape.projection.sessions) == [3]
    tape.add(KeyRevoked(key_id=4, account_id=4))
    assert tape.projection.keys[4].is_revoked
    assert not tape.projection.sessions


def test_a_continued_session_is_replaced_and_a_closed_one_is_gone():
    tape = Tape(Participants())
    for session_id, previous in ((1, 0), (2, 1)):
        tape.add(
            SessionOpened(
                session_id=session_id,
                account_id=4,
                key_id=4,
                is_cancel_on_disconnect=True,
                previous_session_id=previous,
            )
        )
    assert list(tape.projection.sessions) == [2]
    tape.add(SessionClosed(session_id=2, account_id=4))
    assert not tape.projection.sessions


# -- depth ----------------------------------------------------------------------------------------


def test_levels_add_up_and_come_best_first():
    tape = Tape(Depth())
    for order_id, side, qty, price in (
        (1, Side.BUY, 5, 100),
        (2, Side.BUY, 3, 100),
        (3, Side.BUY, 1, 101),
        (4, Side.SELL, 2, 105),
        (5, Side.SELL, 9, 104),
    ):
        tape.add(rested(order_id, side, qty, price))
    assert tape.projection.bids(1, 10) == [(101, 1, 1), (100, 8, 2)]
    assert tape.projection.asks(1, 1) == [(104, 9, 1)]
    assert tape.projection.bids(2, 10) == []
    assert tape.projection.changed == {1}


def test_a_fill_a_cut_and_a_cancel_move_the_level_of_the_order():
    tape = Tape(Depth())
    tape.add(rested(1, Side.SELL, 5, 100))
    tape.add(rested(2, Side.SELL, 5, 100))
    tape.add(trade((1, SUPPLIER, 2), (9, TRADER, 0), 3, 100))
    assert tape.projection.asks(1, 5) == [(100, 7, 2)]
    tape.add(trade((1, SUPPLIER, 0), (9, TRADER, 0), 2, 100))
    assert tape.projection.asks(1, 5) == [(100, 5, 1)]
    tape.add(amended(2, SUPPLIER, 4, 100, 4))
    assert tape.projection.asks(1, 5) == [(100, 4, 1)]
    tape.add(amended(2, SUPPLIER, 4, 99, 4, requeued=1), rested(2, Side.SELL, 4, 99))
    assert tape.projection.asks(1, 5) == [(99, 4, 1)]
    tape.add(cancelled(2, SUPPLIER, Side.SELL, 4))
    assert tape.projection.asks(1, 5) == []


def test_an_iceberg_counts_with_its_clip_and_the_next_follows_when_it_is_filled():
    tape = Tape(Depth())
    tape.add(replace(rested(1, Side.SELL, 10, 100), display_qty=3))
    tape.add(rested(2, Side.SELL, 5, 100))
    assert tape.projection.asks(1, 5) == [(100, 8, 2)]
    tape.add(trade((1, SUPPLIER, 8), (9, TRADER, 0), 2, 100))
    assert tape.projection.asks(1, 5) == [(100, 6, 2)]
    tape.add(trade((1, SUPPLIER, 7), (9, TRADER, 0), 1, 100))
    assert tape.projection.asks(1, 5) == [(100, 8, 2)]
    tape.add(amended(1, SUPPLIER, 5, 100, 2))
    assert tape.projection.asks(1, 5) == [(100, 7, 2)]
    restored = Depth()
    restored.load(tape.projection.state())
    assert restored.asks(1, 5) == [(100, 7, 2)]
    tape.add(amended(1, SUPPLIER, 10, 99, 7, requeued=1))
    tape.add(replace(rested(1, Side.SELL, 7, 99), display_qty=3))
    assert tape.projection.asks(1, 5) == [(99, 3, 1), (100, 5, 1)]
    tape.add(cancelled(1, SUPPLIER, Side.SELL, 7))
    assert tape.projection.asks(1, 5) == [(100, 5, 1)]


def test_the_rest_of_an_immediate_order_never_had_a_level():
    tape = Tape(Depth())
    tape.add(cancelled(7, TRADER, Side.BUY, 4, reason=CancelReason.UNFILLED))
    assert tape.projection.bids(1, 5) == []


# -- trades ---------------------------------------------------------------------------------------


def test_the_tape_is_bounded_newest_first_and_names_nobody():
    tape = Tape(Trades())
    heard = []
    tape.projection.listener = lambda instrument_id, t: heard.append((instrument_id, t.trade_id))
    tape.add(listed())
    for trade_id in range(1, TAPE_COUNT + 3):
        tape.add(trade((1, 3, 0), (2, 4, 0), 1, 50, Side.SELL, trade_id=trade_id))
    latest = tape.projection.latest(1, 2)
    assert [t.trade_id for t in latest] == [TAPE_COUNT + 2, TAPE_COUNT + 1]
    assert latest[0].taker_side == "sell"
    assert len(tape.projection.latest(1, 10**6)) == TAPE_COUNT
    assert tape.projection.latest(2, 5) == []
    assert heard[0] == (1, 1)
    assert "account" not in repr(latest[0])


# -- orders ---------------------------------------------------------------------------------------


def orders_tape() -> Tape:
    tape = Tape(Orders())
    tape.add(listed())
    tape.add(accepted(2, SUPPLIER, Side.SELL, 10, 5), command=place("ask"))
    tape.add(
        accepted(3, TRADER, Side.BUY, 4, 6),
        trade((2, SUPPLIER, 6), (3, TRADER, 0), 4, 5, fees=(7, 9)),
        command=place("bid"),
    )
    return tape


def test_an_order_carries_its_exact_average_price_and_its_fees():
    tape = orders_tape()
    (bid,) = tape.projection.of(TRADER)
    assert (bid.client_order_id, bid.order_status, bid.cum_qty, bid.leaves_qty) == (
        "bid",
        "filled",
        4,
        0,
    )
    assert (bid.notional_amount, bid.gpu_hours, bid.fee_amount) == (4 * 5 * 720, 4 * 720, 9)
    (ask,) = tape.projection.of(SUPPLIER)
    assert (ask.order_status, ask.leaves_qty, ask.fee_amount) == ("partially_filled", 6, 7)


def test_each_execution_names_the_one_before_it():
    tape = orders_tape()
    new, fill = tape.projection.since(TRADER, (0, 0))
    assert (new.exec_type, new.position, new.previous) == ("new", (3, 0), (0, 0))
    assert (fill.exec_type, fill.position, fill.previous) == ("trade", (3, 1), (3, 0))
    assert (fill.liquidity, fill.fee_amount, fill.last_qty) == ("taker", 9, 4)
    assert tape.projection.since(SUPPLIER, (2, 0))[0].liquidity == "maker"
    assert tape.projection.position(TRADER) == (3, 1)


def test_what_is_not_of_this_history_cannot_be_resumed():
    tape = orders_tape()
    assert tape.projection.since(TRADER, (3, 1)) == []
    assert tape.projection.since(TRADER, (99, 0)) is None
    assert tape.projection.since(TRADER, (2, 5)) is None
    assert tape.projection.since(BANK, (0, 0)) == []
    assert tape.projection.since(BANK, (1, 0)) is None


def test_what_left_the_ring_cannot_be_resumed():
    tape = Tape(Orders())
    tape.add(listed())
    for _ in range(STEPS_COUNT // 2 + 1):
        order_id = len(tape.records) + 1
        tape.add(
            accepted(order_id, TRADER, Side.BUY, 1, 1, time_in_force=TimeInForce.IOC),
            cancelled(order_id, TRADER, Side.BUY, 1, reason=CancelReason.UNFILLED),
            command=place(f"c{order_id}"),
        )
    assert tape.projection.since(TRADER, (0, 0)) is None
    assert len(tape.projection.since(TRADER, (2, 1))) == STEPS_COUNT


def test_an_amended_and_an_expired_order_say_so():
    tape = orders_tape()
    told = []
    tape.projection.listener = lambda account_id, e: told.append(
        (account_id, e.exec_type, e.order_status.value, e.reason)
    )
    tape.add(amended(2, SUPPLIER, 8, 7, 4))
    tape.add(cancelled(2, SUPPLIER, Side.SELL, 4, reason=CancelReason.EXPIRED))
    assert told == [
        (SUPPLIER, "replaced", "partially_filled", ""),
        (SUPPLIER, "expired", "expired", "expired"),
    ]
    (view,) = tape.projection.of(SUPPLIER)
    assert (view.order_qty, view.limit_price, view.cum_qty) == (8, 7, 4)


def test_an_open_order_is_found_by_either_id_and_only_by_its_owner():
    tape = orders_tape()
    orders = tape.projection
    assert orders.open_order(SUPPLIER, 2, "").order_id == 2
    assert orders.open_order(SUPPLIER, 0, "ask").order_id == 2
    assert orders.open_order(TRADER, 2, "") is None
    assert orders.open_order(TRADER, 0, "bid") is None
    assert orders.open_count(SUPPLIER) == 1
    assert orders.open_count(TRADER) == 0


# -- balances -------------------------------------------------------------------------------------


def test_cash_moves_as_the_events_say_and_none_is_lost():
    tape = Tape(Balances())
    balances = tape.projection
    tape.add(CashDeposited(account_id=TRADER, deposit_amount=100_000, external_reference="a"))
    tape.add(CashDeposited(account_id=SUPPLIER, deposit_amount=1_000, external_reference="b"))
    tape.add(accepted(3, SUPPLIER, Side.SELL, 4, 5, 100))
    tape.add(
        accepted(4, TRADER, Side.BUY, 4, 6, 17_500),
        trade(
            (3, SUPPLIER, 0),
            (4, TRADER, 0),
            4,
            5,
            is_primary=True,
            fees=(60, 90),
            released=(100, 17_500),
        ),
        EscrowFunded(1, 1, JUNE[0], JUNE[1], 4, 480),
    )
    assert balances.of(TRADER) == Balance(TRADER, 100_000 - 14_400 - 90, 0)
    assert balances.of(SUPPLIER) == Balance(SUPPLIER, 1_000 - 60, 0)
    assert balances.of(0) == Balance(0, 150, 0)
    assert balances.escrow_amounts == {1: 14_400}
    assert balances.total_amount() == balances.deposited_amount == 101_000


def test_a_secondary_sale_pays_the_seller_at_once():
    tape = Tape(Balances())
    tape.add(CashDeposited(account_id=TRADER, deposit_amount=20_000, external_reference="a"))
    tape.add(accepted(2, TRADER, Side.BUY, 4, 5, 15_000))
    assert tape.projection.of(TRADER) == Balance(TRADER, 5_000, 15_000)
    tape.add(trade((2, TRADER, 0), (3, 9, 0), 4, 5, Side.SELL, fees=(10, 20), released=(15_000, 0)))
    assert tape.projection.of(TRADER) == Balance(TRADER, 20_000 - 14_400 - 10, 0)
    assert tape.projection.of(9) == Balance(9, 14_400 - 20, 0)
    assert tape.projection.total_amount() == 20_000


def test_a_changed_and_a_cancelled_order_move_their_hold():
    tape = Tape(Balances())
    tape.add(CashDeposited(account_id=TRADER, deposit_amount=1_000, external_reference="a"))
    tape.add(accepted(2, TRADER, Side.BUY, 1, 1, 700))
    tape.add(amended(2, TRADER, 1, 1, 1, held=-200))
    assert tape.projection.of(TRADER) == Balance(TRADER, 500, 500)
    tape.add(cancelled(2, TRADER, Side.BUY, 1, 500))
    tape.add(
        CashWithdrawn(
            account_id=TRADER, withdrawal_amount=400, external_reference="b", withdrawal_id=1
        )
    )
    assert tape.projection.of(TRADER) == Balance(TRADER, 600, 0)
    assert tape.projection.deposited_amount == 600
    assert tape.projection.changed == {TRADER}


def test_a_buy_back_returns_the_escrow_to_the_supplier():
    tape = Tape(Balances())
    tape.add(EscrowFunded(1, 1, JUNE[0], JUNE[1], 4, 480))
    tape.add(EscrowReturned(2, 1, SUPPLIER, JUNE[0], JUNE[1], 2, 240))
    assert tape.projection.of(SUPPLIER).available_amount == 240 * 30
    assert tape.projection.escrow_amounts == {1: 240 * 30}


# -- positions ------------------------------------------------------------------------------------


def positions_tape() -> Tape:
    tape = Tape(Positions())
    tape.add(product())
    tape.add(listed())
    tape.add(listed(2, (JUNE[0], JUNE[0] + 10)))
    tape.add(granted(10))
    return tape


def test_a_sell_reserves_title_and_a_trade_moves_it():
    tape = positions_tape()
    tape.add(accepted(5, SUPPLIER, Side.SELL, 6, 5))
    (held,) = tape.projection.of(SUPPLIER)
    assert held == ProductPosition(
        product="A100.SG1",
        title=[Run(*JUNE, 10)],
        lien=[],
        reserved_sale=[Run(*JUNE, 6)],
        usable=[Run(*JUNE, 10)],
        sellable=[Run(*JUNE, 4)],
        sublettable=[Run(*JUNE, 4)],
    )
    tape.add(trade((5, SUPPLIER, 2), (6, TRADER, 0), 4, 5))
    (held,) = tape.projection.of(SUPPLIER)
    assert (held.title, held.reserved_sale) == ([Run(*JUNE, 6)], [Run(*JUNE, 2)])
    (bought,) = tape.projection.of(TRADER)
    assert bought.title == [Run(*JUNE, 4)]
    assert tape.projection.total_title(1) == [Run(*JUNE, 10)]


def test_a_taker_that_sells_gives_up_what_it_reserved():
    tape = positions_tape()
    tape.add(
        accepted(5, SUPPLIER, Side.SELL, 6, 5),
        trade((4, TRADER, 0), (5, SUPPLIER, 1), 5, 5, Side.SELL),
        cancelled(5, SUPPLIER, Side.SELL, 1, reason=CancelReason.UNFILLED),
    )
    (held,) = tape.projection.of(SUPPLIER)
    assert (held.title, held.reserved_sale) == ([Run(*JUNE, 5)], [])


def test_an_amended_sale_reserves_what_it_leaves():
    tape = positions_tape()
    tape.add(accepted(5, SUPPLIER, Side.SELL, 6, 5))
    tape.add(amended(5, SUPPLIER, 9, 5, 9))
    assert tape.projection.of(SUPPLIER)[0].reserved_sale == [Run(*JUNE, 9)]
    tape.add(cancelled(5, SUPPLIER, Side.SELL, 9))
    assert tape.projection.of(SUPPLIER)[0].reserved_sale == []


def test_selling_days_out_of_a_month_leaves_a_hole_and_buying_them_back_fills_it():
    tape = positions_tape()
    first_ten = accepted(5, SUPPLIER, Side.SELL, 10, 5, instrument_id=2)
    sold = trade((5, SUPPLIER, 0), (6, TRADER, 0), 10, 5)
    tape.add(first_ten, type(sold)(**{**_fields(sold), "instrument_id": 2}))
    assert tape.projection.of(SUPPLIER)[0].title == [Run(JUNE[0] + 10, JUNE[1], 10)]
    assert tape.projection.held_qty(TRADER, 1, JUNE[0], JUNE[0] + 10) == 10
    assert tape.projection.held_qty(SUPPLIER, 1, *JUNE) == 0
    back = accepted(7, TRADER, Side.SELL, 10, 5, instrument_id=2)
    bought = trade((7, TRADER, 0), (8, SUPPLIER, 0), 10, 5)
    tape.add(back, type(sold)(**{**_fields(bought), "instrument_id": 2}))
    assert tape.projection.of(SUPPLIER)[0].title == [Run(*JUNE, 10)]
    assert tape.projection.of(TRADER) == []


def _fields(event) -> dict:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def test_a_lien_stands_from_acceptance_to_release():
    tape = positions_tape()
    tape.add(pledged())
    assert tape.projection.of(TRADER) == []
    tape.add(PledgeAccepted(pledge_id=1))
    assert tape.projection.of(TRADER)[0].lien == [Run(*JUNE, 5)]
    tape.add(PledgeReleased(pledge_id=1, released_qty=2))
    assert tape.projection.of(TRADER)[0].lien == [Run(*JUNE, 3)]
    tape.add(PledgeReleased(pledge_id=1, released_qty=3))
    assert tape.projection.of(TRADER) == []


def test_spans_become_disjoint_steps_that_merge_where_they_are_equal():
    assert runs({(0, 10): 2, (5, 15): 3}) == [Run(0, 5, 2), Run(5, 10, 5), Run(10, 15, 3)]
    assert runs({(0, 5): 2, (5, 9): 2}) == [Run(0, 9, 2)]
    assert runs({(0, 9): 2, (3, 5): -2}) == [Run(0, 3, 2), Run(5, 9, 2)]
    assert runs({}) == []


# -- pledges, marks, recent -----------------------------------------------------------------------


def test_a_pledge_is_what_it_was_at_every_record():
    tape = Tape(Pledges())
    tape.add()
    tape.add(pledged())
    tape.add(PledgeAccepted(pledge_id=1))
    tape.add(PledgeReleased(pledge_id=1, released_qty=5))
    tape.add(pledged(2))
    tape.add(PledgeDeclined(pledge_id=2))
    pledge = tape.projection.pledges[1]
    assert [pledge.status_as_of(seq) for seq in (1, 2, 3, 4, 9)] == [
        None,
        PledgeStatus.REQUESTED,
        PledgeStatus.ACTIVE,
        PledgeStatus.RELEASED,
        PledgeStatus.RELEASED,
    ]
    assert tape.projection.active_as_of(3) == [pledge.request]
    assert tape.projection.active_as_of(4) == []
    assert tape.projection.pledges[2].status is PledgeStatus.DECLINED
    assert len(tape.projection.concerning(BANK)) == 2
    assert tape.projection.concerning(SUPPLIER) == []


def node(month: int, mark_micro: int) -> NodeMarked:
    """A mark of level 1."""
    return NodeMarked(
        gpu_class="A100",
        region="SG",
        month=month,
        mark_micro=mark_micro,
        raw_micro=mark_micro,
        level=1,
        notes=[],
        bid_micro=0,
        ask_micro=0,
        adv_hours=0,
        observed_day=FIRST_DAY,
    )


def test_a_mark_is_what_it_was_at_every_record():
    tape = Tape(Marks())
    tape.add(venue())
    tape.add(node(202706, 100), node(202705, 90))
    tape.add(node(202706, 110))
    marks = tape.projection
    assert marks.nodes_as_of(1) == []
    assert [(at, m.month, m.mark_micro) for at, m in marks.nodes_as_of(2)] == [
        (2, 202705, 90),
        (2, 202706, 100),
    ]
    assert [(at, m.mark_micro) for at, m in marks.nodes_as_of(99)] == [(2, 90), (3, 110)]


def test_the_day_as_of_a_record_turns_with_the_clock():
    tape = Tape(Marks())
    tape.add(venue())
    tape.add(ClockAdvanced(market_ns=start_ns(FIRST_DAY) + 1))
    tape.add(ClockAdvanced(market_ns=start_ns(FIRST_DAY) + NS_PER_DAY))
    assert [tape.projection.day_as_of(seq) for seq in (0, 1, 2, 3)] == [
        0,
        FIRST_DAY,
        FIRST_DAY,
        FIRST_DAY + 1,
    ]


def test_trading_days_follow_the_calendar_that_was_in_force():
    tape = Tape(Marks())
    tape.add(type(venue())(**{**_fields(venue()), "is_always_open": False}))
    assert tape.projection.trading_days_between(FIRST_DAY, FIRST_DAY + 7, 1) == 7
    tape.add(CalendarPublished(year=2026, version=1, trading_days=[FIRST_DAY + 2]))
    assert tape.projection.trading_days_between(FIRST_DAY, FIRST_DAY + 7, 1) == 7
    assert tape.projection.trading_days_between(FIRST_DAY, FIRST_DAY + 7, 2) == 1


def test_what_a_record_created_is_known_for_a_while():
    tape = Tape(Recent())
    first = tape.add(admitted(3, Role.TRADER))
    assert tape.projection.created_id(1) == 3
    assert tape.projection.created_id(2) is None
    for _ in range(RECENT_COUNT):
        tape.add(product())
    assert tape.projection.created_id(1) is None
    assert created_id_of(first.events) == 3
    assert created_id_of([]) == 0
