"""What the read models show of sessions and auctions, against the core itself."""

import random

from exchange.domain.commands import HaltInstrument, PlaceOrder, PublishSettlementPrice
from exchange.domain.enums import SessionState, Side
from exchange.domain.record import Record, decode_body
from exchange.projections import Projections
from exchange.projections.indication import indication_of
from exchange.projections.views import book_view, indication_view, session_word
from tests.properties.test_market import new_market, step
from tests.scenario import PRODUCT, SUPPLIER, TRADER, Market


def folded(market: Market, projections: Projections) -> None:
    """Takes the records that the projections have not seen."""
    for seq, encoded in enumerate(market.records[projections.at_seq :], projections.at_seq + 1):
        command, events = decode_body(encoded)
        projections.apply(Record(seq, market.state.market_ns, command, events))


def test_states_and_indications_are_the_cores_through_a_random_market():
    collected = 0
    for seed in range(8):
        rng, market, projections = (
            random.Random(seed),
            new_market(has_sessions=seed > 2),
            Projections(),
        )
        for _ in range(250):
            market.execute(*step(rng, market))
            folded(market, projections)
            for instrument_id in market.state.instruments:
                is_open = projections.listings.instruments[instrument_id].is_open
                state = projections.sessions.state_of(instrument_id)
                assert not is_open or state == market.core.book_state(instrument_id)
                shown = indication_view(instrument_id, projections)
                if is_open and shown is not None:
                    found = (shown.indicative_price, shown.indicative_qty, shown.surplus_qty)
                    assert found == market.core.indication(instrument_id)
                    collected += shown.indicative_qty > 0
        assert Projections.restore(projections.checkpoint()).digest() == projections.digest()
    assert collected > 20


def test_an_auction_of_one_book_shows_its_end_and_its_indication():
    market, projections = Market(), Projections()
    market.grant("Y27", 10)
    market.list_window("M2701")
    market.do(1, PublishSettlementPrice(instrument_id=1, settlement_price=1000))
    market.order(SUPPLIER, 1, Side.SELL, 2, 1050)
    bid = PlaceOrder(instrument_id=1, side=Side.BUY, order_qty=3, limit_price=1060, display_qty=1)
    market.do(TRADER, bid)
    folded(market, projections)
    book = book_view(f"{PRODUCT}:M2701", 10, projections)
    assert (book.session_state, book.bids) == ("auction", [(1060, 1, 1)])
    assert book.indication is not None
    assert (book.indication.indicative_price, book.indication.indicative_qty) == (1050, 2)
    assert book.indication.surplus_qty == 1
    assert book.indication.end_ns == market.state.market_ns + 300 * 10**9


def test_a_halted_book_says_so_and_shows_no_indication():
    market, projections = Market(), Projections()
    market.list_window("M2701")
    market.do(1, HaltInstrument(instrument_id=1))
    folded(market, projections)
    assert session_word(1, projections) == "halted"
    assert projections.sessions.state_of(1) is SessionState.HALTED
    assert indication_view(1, projections) is None


def test_books_that_do_not_cross_indicate_nothing_but_the_end_of_the_auction():
    assert indication_of([(99, 1)], [(100, 1)], 0, 7).end_ns == 7
    assert indication_of([], [(100, 1)], 0, 0).indicative_qty == 0
