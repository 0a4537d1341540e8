"""Substitution: other days for those that cannot be delivered, with the holder's consent."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import (
    AcceptPledge,
    DefineProduct,
    RegisterKey,
    RequestPledge,
    RevokeKey,
)
from exchange.domain.delivery_commands import SuspendSupplier, TerminateSupplier
from exchange.domain.enums import ProductKind, Role, Scope
from exchange.domain.events import EscrowFunded, EscrowReturned
from exchange.domain.movements import HoldClosed, HoldOpened, TitleTransferred
from exchange.domain.reasons import Reason
from exchange.domain.substitution import (
    AcceptSubstitution,
    DeclineSubstitution,
    OfferSubstitution,
    SubstitutionAccepted,
    SubstitutionDeclined,
    SubstitutionLapsed,
)
from exchange.domain.windows import start_ns
from exchange.rules.substitutions import OFFER_NS
from tests.rules.markets import assert_refused, day, own, span
from tests.rules.test_corrections import everything
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

OLD, NEW = 1, 2
MARCH, DAYS = "M2703", "X270305-270308"


@pytest.fixture
def market():
    """The trader has 100 of March at one site, at 10.00; the other site has 50 unsold."""
    market = Market()
    market.do(
        1,
        DefineProduct(
            code="A100-80-SXM.SZ2",
            kind=ProductKind.GPU_TIME,
            gpu_class="A100-80-SXM",
            region="SZ",
            supplier_account_id=SUPPLIER,
            lot_qty=1,
        ),
    )
    market.grant("Y27", 200)
    market.grant("Y27", 50, product_id=NEW)
    own(market, TRADER, market.list_window(MARCH), 100, 1_000)
    yield market
    market.assert_replays()


def offer(code: str = DAYS, **fields) -> OfferSubstitution:
    """40 of the trader's for as many of the other site, on the same three days."""
    days = span(code)
    whole = {
        "holder_account_id": TRADER,
        "product_id": OLD,
        "substituted_qty": 40,
        "other_product_id": NEW,
        "other_start_day": days["start_day"],
    }
    return OfferSubstitution(**days, **{**whole, **fields})


def offered(market: Market, **fields) -> int:
    """An offer that stands."""
    return market.do(SUPPLIER, offer(**fields)).seq


def accept(market: Market, substitution_id: int) -> None:
    """The trader consents."""
    market.do(TRADER, AcceptSubstitution(substitution_id=substitution_id))


def title(market: Market, account_id: int, product_id: int, text: str) -> int:
    """What an account owns of a day."""
    runs = market.core.day_function(account_id, product_id, "title")
    return sum(qty for first, end, qty in runs if first <= day(text) < end)


def cash(market: Market) -> dict[int, tuple[int, int]]:
    """Everybody's cash."""
    return {a: market.core.balances(a) for a in (0, *market.state.participants)}


# -- the swap -------------------------------------------------------------------------------------


def test_with_consent_the_days_change_places_and_their_escrow_follows(market):
    before = cash(market)
    accept(market, offered(market))
    assert (title(market, TRADER, OLD, "2027-03-05"), title(market, TRADER, NEW, "2027-03-05")) == (
        60,
        40,
    )
    assert title(market, TRADER, NEW, "2027-03-08") == 0
    assert title(market, SUPPLIER, NEW, "2027-03-07") == 10
    assert market.core.day_totals(OLD, day("2027-03-06")) == (200, 60, 60 * 24 * 1_000)
    assert market.core.day_totals(NEW, day("2027-03-06")) == (50, 40, 40 * 24 * 1_000)
    assert cash(market) == before
    accepted = market.events[0]
    assert isinstance(accepted, SubstitutionAccepted)
    assert accepted.escrow_amount == 3 * 40 * 24 * 1_000


def test_what_was_swapped_once_is_swapped_back_with_every_fen(market):
    before = everything(market), market.core.escrow(NEW)
    accept(market, offered(market))
    accept(market, offered(market, product_id=NEW, other_product_id=OLD))
    assert (everything(market), market.core.escrow(NEW)) == before


def test_days_move_to_other_days_of_the_same_product(market):
    accept(market, offered(market, other_product_id=OLD, other_start_day=day("2027-04-10")))
    assert title(market, TRADER, OLD, "2027-03-06") == 60
    assert [title(market, TRADER, OLD, f"2027-04-{n:02}") for n in (9, 10, 12, 13)] == [
        0,
        40,
        40,
        0,
    ]
    assert market.core.day_totals(OLD, day("2027-04-11"))[1:] == (40, 40 * 24 * 1_000)


def test_the_escrow_of_days_sold_at_several_prices_goes_by_their_share(market):
    own(market, OTHER, market.list_window("D270306"), 7, 1_111)
    whole = market.core.day_totals(OLD, day("2027-03-06"))[2]
    accept(market, offered(market))
    (funded,) = [
        event.day_amount
        for event in market.events
        if isinstance(event, EscrowFunded) and event.start_day == day("2027-03-06")
    ]
    returned = [event for event in market.events if isinstance(event, EscrowReturned)]
    assert funded == whole * 40 // 107
    assert len(returned) == 3
    assert {type(e) for e in market.events} >= {HoldClosed, TitleTransferred}


# -- who may, and what stands against it ----------------------------------------------------------


def test_an_offer_holds_the_suppliers_days_until_it_is_over(market):
    substitution_id = offered(market)
    assert isinstance(market.events[1], HoldOpened)
    again = offer(substituted_qty=11)
    assert_refused(market, SUPPLIER, again, Reason.TITLE, 11, 10, day("2027-03-05"))
    market.do(TRADER, DeclineSubstitution(substitution_id=substitution_id))
    declined = SubstitutionDeclined(substitution_id=substitution_id, account_id=TRADER)
    assert market.events[0] == declined
    market.do(SUPPLIER, again)
    market.do(SUPPLIER, DeclineSubstitution(substitution_id=market.state.seq))


def test_only_the_holder_consents_and_to_others_there_is_no_offer(market):
    substitution_id = offered(market)
    for account_id in (OTHER,):
        for kind in (AcceptSubstitution, DeclineSubstitution):
            command = kind(substitution_id=substitution_id)
            reason = Reason.UNKNOWN_SUBSTITUTION
            assert_refused(market, account_id, command, reason, substitution_id)
    gone = AcceptSubstitution(substitution_id=substitution_id)
    market.do(TRADER, gone)
    assert_refused(market, TRADER, gone, Reason.UNKNOWN_SUBSTITUTION, substitution_id)


def test_days_that_others_have_a_say_in_are_not_swapped(market):
    substitution_id = offered(market)
    pledge = RequestPledge(
        product_id=OLD,
        start_day=day("2027-03-07"),
        end_day=day("2027-03-09"),
        pledged_qty=61,
        bank_account_id=BANK,
    )
    market.do(TRADER, pledge)
    market.do(BANK, AcceptPledge(pledge_id=1))
    consent = AcceptSubstitution(substitution_id=substitution_id)
    assert_refused(market, TRADER, consent, Reason.TITLE, 40, 39, day("2027-03-07"))


@pytest.mark.parametrize(
    ("fields", "reason", "value", "limit", "at_day"),
    [
        ({"substituted_qty": 101}, Reason.TITLE, 101, 100, "2027-03-05"),
        ({"substituted_qty": 51}, Reason.TITLE, 51, 50, "2027-03-05"),
        ({"holder_account_id": SUPPLIER}, Reason.SAME_PERSON, SUPPLIER, 0, None),
        ({"holder_account_id": 99}, Reason.UNKNOWN_ACCOUNT, 99, 0, None),
        ({"other_product_id": 9}, Reason.UNKNOWN_PRODUCT, 9, 0, None),
        (
            {"other_product_id": OLD},
            Reason.BAD_WINDOW,
            day("2027-03-05"),
            day("2027-03-05"),
            None,
        ),
        ({"end_day": day("2027-03-05")}, Reason.BAD_WINDOW, 0, 366, None),
    ],
)
def test_what_cannot_be_offered(market, fields, reason, value, limit, at_day):
    command = replace(offer(), **fields)
    assert_refused(market, SUPPLIER, command, reason, value, limit, day(at_day) if at_day else 0)


def test_days_that_have_begun_are_not_offered_and_lapse_at_their_beginning(market):
    first = day("2027-03-05")
    market.advance(start_ns(first) - OFFER_NS // 2)
    substitution_id = offered(market)
    assert market.state.substitutions[substitution_id].lapse_ns == start_ns(first)
    market.advance(start_ns(first))
    assert market.state.substitutions == {}
    assert_refused(market, SUPPLIER, offer(), Reason.BAD_WINDOW, first, first, first)


def test_an_offer_lapses_after_a_day_to_the_nanosecond(market):
    substitution_id = offered(market)
    lapse_ns = market.state.market_ns + OFFER_NS
    market.advance(lapse_ns - 1)
    assert substitution_id in market.state.substitutions
    market.advance(lapse_ns)
    assert SubstitutionLapsed(substitution_id=substitution_id) in market.events
    consent = AcceptSubstitution(substitution_id=substitution_id)
    assert_refused(market, TRADER, consent, Reason.UNKNOWN_SUBSTITUTION, substitution_id)


def test_another_supplier_offers_nothing_of_this_one(market):
    stranger = market.admit("stranger", Role.SUPPLIER)
    assert_refused(market, stranger, offer(), Reason.WRONG_ROLE, stranger)


def test_a_suspended_supplier_may_make_good_and_a_terminated_one_may_not(market):
    market.do(1, SuspendSupplier(supplier_account_id=SUPPLIER))
    accept(market, offered(market))
    substitution_id = offered(market, substituted_qty=5)
    market.do(1, TerminateSupplier(supplier_account_id=SUPPLIER))
    assert_refused(market, SUPPLIER, offer(), Reason.SUSPENDED, SUPPLIER)
    consent = AcceptSubstitution(substitution_id=substitution_id)
    assert_refused(market, TRADER, consent, Reason.SUSPENDED, SUPPLIER)


def test_with_its_key_an_offer_ends(market):
    sha256 = secret_hash("second key")
    register = RegisterKey(account_id=SUPPLIER, token_sha256=sha256, scopes=[Scope.TRADE])
    market.do(1, register)
    key_id = market.state.key_count
    substitution_id = market.do(key_id, offer()).seq
    kept_id = offered(market, substituted_qty=3)
    market.do(1, RevokeKey(revoked_key_id=key_id))
    assert SubstitutionDeclined(substitution_id=substitution_id, account_id=SUPPLIER) in (
        market.events
    )
    assert set(market.state.substitutions) == {kept_id}


def test_lots_of_both_products_are_kept(market):
    define = DefineProduct(
        code="A100-80-SXM.SZ3",
        kind=ProductKind.GPU_TIME,
        gpu_class="A100-80-SXM",
        region="SZ",
        supplier_account_id=SUPPLIER,
        lot_qty=8,
    )
    market.do(1, define)
    market.grant("Y27", 80, product_id=3)
    command = offer(other_product_id=3, substituted_qty=12)
    assert_refused(market, SUPPLIER, command, Reason.LOT, 12, 8)
    market.do(SUPPLIER, replace(command, substituted_qty=16))
