"""What if: imagined steps go through the rules, and leave the market that they began at alone."""

import json
from pathlib import Path

import msgspec
import pytest

from exchange.domain.commands import AcceptPledge, PublishIndexPrice, PublishMarks, RequestPledge
from exchange.domain.enums import Side
from exchange.domain.units import NS_PER_SECOND
from exchange.domain.windows import parse_window
from exchange.fork import Fork
from exchange.what_if import Advance, Fall, Give, SupplierFails, WhatIf, WhatIfFailed, imagine
from tests.scenario import BANK, FIRST_DAY, PRODUCT, SUPPLIER, TRADER, Market

JUNE = parse_window("M2706")
EXAMPLES = Path(__file__).parents[1] / "exchange" / "examples"


@pytest.fixture
def market():
    """June is marked by the index, quoted above it, and pledged in part."""
    market = Market()
    market.grant("M2706", 100)
    market.list_window("M2706")
    market.do(
        1,
        PublishIndexPrice(
            gpu_class="A100-80-SXM",
            region="SG",
            index_micro=10_000_000,
            usd_micro=10_000_000,
            usd_cny_ppm=1_000_000,
            observed_day=FIRST_DAY,
            source="test",
            row_count=1,
            file_sha256=bytes(32),
        ),
    )
    market.do(0, PublishMarks())
    span = {"start_day": JUNE.start_day, "end_day": JUNE.end_day}
    pledge = RequestPledge(product_id=1, pledged_qty=40, bank_account_id=BANK, **span)
    market.do(SUPPLIER, pledge)
    market.do(BANK, AcceptPledge(pledge_id=1))
    market.order(SUPPLIER, 1, Side.SELL, 20, 1_010)
    market.order(TRADER, 1, Side.BUY, 20, 1_000)
    return market


def fork_of(market) -> Fork:
    """The market as its records make it."""
    fork = Fork()
    for record in market.records:
        fork.apply(record)
    return fork


def by_noun(imagined) -> dict[str, dict[str, tuple]]:
    """What changed."""
    found: dict[str, dict[str, tuple]] = {}
    for change in imagined.difference.changes:
        found.setdefault(change.noun, {})[change.key] = (change.before, change.after)
    return found


def test_a_fall_of_prices_takes_marks_and_what_pledges_lend_along(market):
    imagined = imagine(fork_of(market), WhatIf(steps=[Fall(by_ppm=200_000), Advance(hours=25)]))
    before, after = by_noun(imagined)["mark"]["A100-80-SXM SG 202706"]
    assert (before.mark_micro, after.mark_micro) == (10_000_000, 8_000_000)
    [pledge] = imagined.pledges
    assert pledge.value_after_amount < pledge.value_before_amount * 81 // 100
    lent = (pledge.lendable_before_amount, pledge.lendable_after_amount)
    assert lent == (0, 0), "nothing is lent on a month that never traded"
    assert all(given.refused == "" for given in imagined.given)
    assert "position" not in by_noun(imagined) or all(
        "reserved_sale" in key for key in by_noun(imagined)["position"]
    )


def test_a_fall_of_another_class_is_none_here(market):
    steps = [Fall(by_ppm=200_000, gpu_class="H100"), Advance(hours=1)]
    imagined = imagine(fork_of(market), WhatIf(steps=steps))
    assert "index" not in by_noun(imagined)
    assert "order" not in by_noun(imagined)


def test_a_supplier_that_fails_loses_its_keys_orders_and_windows(market):
    imagined = imagine(fork_of(market), WhatIf(steps=[SupplierFails(supplier="supplier")]))
    changed = by_noun(imagined)
    assert [after for _, after in changed["key"].values()] == [None]
    [(gone, nothing)] = changed["order"].values()
    assert (gone.account_id, nothing) == (SUPPLIER, None)
    assert changed["halt"] == {"1": (None, [1])}


def test_commands_are_given_by_name_and_refused_by_the_rules(market):
    fields = {
        "instrument": f"{PRODUCT}:M2706",
        "side": "buy",
        "order_qty": 20,
        "limit_price": 1_010,
    }
    steps = [
        Give(type="place_order", by="other", fields=fields),
        Give(type="place_order", by="bank", fields=fields),
        Give(type="place_order", by="other", fields=fields | {"side": "sell"}),
    ]
    imagined = imagine(fork_of(market), WhatIf(steps=steps))
    assert [(g.step, g.command, g.refused) for g in imagined.given[:3]] == [
        (1, "place_order", ""),
        (2, "place_order", "wrong_role"),
        (3, "place_order", ""),
    ]
    held = by_noun(imagined)["position"]
    assert held[f"other (5) {PRODUCT} title 2027-06-01 to 2027-07-01"] == (None, 20)


def test_the_clock_runs_as_the_markets_own_does(market):
    market_ns = market.state.market_ns
    fork = fork_of(market)
    imagined = imagine(fork, WhatIf(steps=[Advance(hours=49)]))
    assert fork.state.market_ns == market_ns + 49 * 3_600 * NS_PER_SECOND
    live = fork_of(market)
    live.advance(fork.state.market_ns)
    assert live.state.day_rolls == fork.state.day_rolls
    assert sum(given.command == "publish_marks" for given in imagined.given) == 50
    assert imagined.difference.after.seq > imagined.difference.before.seq


@pytest.mark.parametrize(
    ("step", "problem"),
    [
        (SupplierFails(supplier="nobody"), "there is no 'nobody'; there are: .*supplier"),
        (Give(type="place_bet"), "no command 'place_bet'"),
        (Give(type="place_order", by="trader", fields={"instrument": "X:M2706"}), "no 'X:M2706'"),
        (Give(type="cancel_order", by="trader", fields={"order": 3}), "unknown field `order`"),
        (Give(type="cancel_order", by="trader", fields={"order_id": "3"}), "order_id"),
    ],
)
def test_a_step_that_cannot_be_taken_says_what_is_not_there(market, step, problem):
    with pytest.raises(WhatIfFailed, match=f"step 2: .*{problem}"):
        imagine(fork_of(market), WhatIf(steps=[Advance(hours=1), step]))


@pytest.mark.parametrize("name", ["price_fall.json", "supplier_failure.json"])
def test_the_examples_run(market, name):
    what_if = msgspec.json.decode((EXAMPLES / name).read_bytes(), type=WhatIf)
    imagined = imagine(fork_of(market), what_if)
    assert [given for given in imagined.given if given.refused] == []
    assert what_if.about


def test_a_file_with_an_unknown_word_is_refused():
    for wrong in (
        {"steps": [{"step": "fall", "by_ppm": 1_000_000}]},
        {"steps": [{"step": "fall", "by": 2}]},
        {"steps": [{"step": "rise", "by_ppm": 2}]},
        {"steps": [], "at": 5},
        {"steps": [{"step": "advance", "hours": 0}]},
    ):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(json.dumps(wrong), type=WhatIf)
