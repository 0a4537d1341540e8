"""What node marks say of a window: its worst source, and which month is the spot."""

import pytest

from exchange import genesis
from exchange.collateral.curve import months_within
from exchange.collateral.marks import MarkLevel
from exchange.collateral.node_curve import spot_of, worst_source
from exchange.domain.events import NodeMarked
from exchange.domain.windows import parse_window

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


def worst(code: str, *marks: NodeMarked) -> tuple[int, int]:
    """(level, day) of a window's worst source."""
    window = parse_window(code)
    level, observed_day = worst_source(months_within(window.start_day, window.end_day), marks)
    return int(level), observed_day


# -- the worst source ------------------------------------------------------------------------------


def test_of_equally_bad_months_the_one_that_is_stale_for_longest_counts_wherever_it_is():
    for days in ((100, 20, 60), (20, 100, 60), (60, 100, 20)):
        marks = [node(month, 7, day) for month, day in zip(MONTHS, days, strict=True)]
        assert worst("X270101-270401", *marks) == (7, 20)
    marks = [node(202701, 7, 90), node(202702, 3, 10), node(202703, 7, 80)]
    assert worst("X270101-270401", *marks) == (7, 80), "a better month's day is no age"
    assert worst("M2702", *marks) == (3, 10)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [((1, 1), 5), ((1, 6), 6), ((6, 5), 6), ((7, 1), 7), ((2, 7), 7), ((7, 7), 7)],
)
def test_a_gap_is_no_better_than_the_months_that_it_is_priced_from(levels, expected):
    marks = [node(202701, levels[0], 50), node(202703, levels[1], 40)]
    assert worst("M2702", *marks)[0] == expected
    assert worst("X270101-270401", *marks)[0] == max(expected, *levels)


def test_a_gap_between_stale_months_is_as_old_as_the_older():
    assert worst("M2702", node(202701, 7, 50), node(202703, 7, 40)) == (7, 40)
    assert worst("M2702", node(202701, 7, 50), node(202703, 1, 40)) == (7, 50)


def test_before_and_beyond_all_marks_the_nearest_counts():
    marks = (node(202702, 7, 50), node(202703, 1, 60))
    assert worst("M2701", *marks) == (7, 50)
    assert worst("M2704", *marks)[0] == MarkLevel.CURVE
    assert worst("M2704", node(202703, 7, 30)) == (7, 30)


def test_a_month_that_cannot_be_marked_leaves_the_window_without_a_level():
    assert worst("X270101-270401", node(202701, 1), node(202702, 0), node(202703, 1)) == (0, 0)
    assert worst("M2702", node(202701, 1), node(202703, 0)) == (0, 0), "nor the gap beside it"
    assert worst("M2701", node(202701, 0)) == (0, 0)
    assert worst("M2701") == (0, 0)


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
