"""What node marks say of a window: which month is the spot."""

from exchange import genesis
from exchange.collateral.node_curve import spot_of
from exchange.domain.events import NodeMarked

PARAMETERS = genesis.risk_parameters()
MONTHS = (202701, 202702, 202703)
KNOWN_COUNT = PARAMETERS.holding_days_count + 1
ALL_KNOWN = dict.fromkeys(MONTHS, KNOWN_COUNT)


def node(month: int, level: int, observed_day: int = 0, mark_micro: int = 8_000_000) -> NodeMarked:
    """A month's published mark; unmarkable ones have no price."""
    return NodeMarked(
        gpu_class="A100-80-SXM",
        region="SG",
        month=month,
        mark_micro=mark_micro if level else 0,
        raw_micro=mark_micro if level else 0,
        level=level,
        notes=[],
        bid_micro=0,
        ask_micro=0,
        adv_hours=0,
        observed_day=observed_day,
    )


def nodes(*levels: int) -> list[NodeMarked]:
    """One from January on for each level."""
    return [node(month, level) for month, level in zip(MONTHS, levels, strict=False)]


def spot_month(levels: tuple[int, ...], counts: dict[int, int] = ALL_KNOWN) -> int:
    """The spot of such nodes; 0 for none."""
    spot = spot_of(nodes(*levels), counts, PARAMETERS)
    return 0 if spot is None else spot.month


# -- the spot --------------------------------------------------------------------------------------


def test_the_spot_is_the_nearest_month_that_trades():
    assert spot_month((1, 1, 1)) == 202701
    assert spot_month((4, 1, 1)) == 202701
    assert spot_month((7, 4, 1)) == 202702
    assert spot_month((5, 3, 1)) == 202702
    assert spot_month((6, 7, 2)) == 202703


def test_where_nothing_trades_what_an_index_moves_comes_before_what_stands_still():
    assert spot_month((7, 6, 5)) == 202702
    assert spot_month((7, 7, 5)) == 202703
    assert spot_month((7, 7)) == 202701
    assert spot_month((0, 7)) == 202702, "without a price it is none"
    assert spot_month((0, 0)) == 0
    assert spot_month(()) == 0


def test_a_month_that_begins_to_trade_does_not_replace_a_known_history_by_none():
    just_short = ALL_KNOWN | {202703: KNOWN_COUNT - 1}
    assert spot_month((6, 6, 1), just_short) == 202701
    assert spot_month((6, 6, 1), ALL_KNOWN) == 202703


def test_a_short_history_that_moves_is_better_than_a_long_one_that_stands_still():
    assert spot_month((7, 6, 1), {202701: KNOWN_COUNT, 202702: 1, 202703: 1}) == 202703
    assert spot_month((7, 6, 7), {202701: KNOWN_COUNT}) == 202702
    assert spot_month((3, 3, 3), {}) == 202701, "in a new market the nearest"
