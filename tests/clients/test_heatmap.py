"""Positions as a calendar."""

from clients.heatmap import heatmap, held_days
from exchange.domain.windows import parse_window
from exchange.domain.wire import ProductPosition, Run

JUNE = parse_window("M2706")
FIRST = JUNE.start_day


def position(**functions: list[Run]) -> ProductPosition:
    """Eight GPUs of June, with these functions beside them."""
    given = {
        "title": [Run(FIRST, JUNE.end_day, 8)],
        "lien": [],
        "reserved_sale": [],
        "usable": [Run(FIRST, JUNE.end_day, 8)],
        **functions,
    }
    return ProductPosition(product="A100.SG1", **given)


def row_of(held: ProductPosition, month: str = "2027-06") -> list[str]:
    """The two characters of each of a month's days."""
    line = next(line for line in heatmap(held).plain.splitlines() if line.startswith(month))
    cells = line[len(month) + 1 :]
    return [cells[at : at + 2] for at in range(0, 62, 2)]


def test_a_month_is_a_row_and_a_day_that_is_not_held_is_a_dot():
    assert row_of(position()) == ["█ "] * 30 + ["· "]


def test_the_shade_is_what_may_be_used_of_the_most_on_any_day():
    usable = [Run(FIRST, FIRST + 1, 8), Run(FIRST + 1, FIRST + 2, 4), Run(FIRST + 2, FIRST + 3, 1)]
    assert row_of(position(usable=usable))[:4] == ["█ ", "▒ ", "░ ", "  "]


def test_what_binds_a_day_is_its_second_character():
    held = position(
        lien=[Run(FIRST, FIRST + 1, 8), Run(FIRST + 1, FIRST + 2, 3)],
        sublet_out=[Run(FIRST + 1, FIRST + 3, 8), Run(FIRST + 3, FIRST + 4, 2)],
        reserved_sale=[Run(FIRST + 4, FIRST + 5, 1)],
        sublet_in=[Run(FIRST + 5, FIRST + 6, 1)],
    )
    assert [cell[1] for cell in row_of(held)[:7]] == ["L", "l", "S", "s", "o", "+", " "]


def test_days_that_are_only_received_are_held_too():
    july = parse_window("M2707")
    held = position(
        sublet_in=[Run(july.start_day, july.start_day + 1, 8)],
        usable=[Run(july.start_day, july.start_day + 1, 8)],
    )
    assert row_of(held, "2027-07")[:2] == ["█+", "· "]
    assert held_days(held)[-1].day == july.start_day


def test_each_day_is_a_row_of_numbers_for_programs():
    held = position(
        sellable=[Run(FIRST, FIRST + 1, 5)],
        sublettable=[Run(FIRST, FIRST + 1, 6)],
        lien=[Run(FIRST, FIRST + 1, 1)],
    )
    first, *rest = held_days(held)
    assert (first.date, first.title_qty, first.usable_qty) == ("2027-06-01", 8, 8)
    assert (first.lien_qty, first.sellable_qty, first.sublettable_qty) == (1, 5, 6)
    assert len(rest) == 29


def test_nothing_held_draws_nothing_but_the_legend():
    empty = ProductPosition(product="A100.SG1", title=[], lien=[], reserved_sale=[])
    assert held_days(empty) == []
    assert len(heatmap(empty).plain.splitlines()) == 3
