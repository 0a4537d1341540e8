"""Tables of the shell are whole rows in a terminal of eighty columns; what has no room is named."""

import io

import pytest
from rich.console import Console

from clients.bank_cli import _certificate_table, _loans_table, _melting_table, _stress_table
from clients.fitted_table import FittedTable
from clients.sdk import ExchangeClient
from tests.gateway.conftest import token
from tests.gateway.lending_house import LendingHouse
from tests.projections.records import BANK


def client(house: LendingHouse) -> ExchangeClient:
    """The bank's, over real sockets."""
    return ExchangeClient(str(house.client.make_url("/")), token(BANK))


def shown(table, width: int) -> list[str]:
    """The lines in a terminal of that width."""
    console = Console(width=width, file=io.StringIO())
    console.print(table, highlight=False)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def made() -> FittedTable:
    """Two words and three amounts, of which two can be missed."""
    table = FittedTable("t", ("word", "other"), ("first", "second", "third"), ("second", "first"))
    table.add_row("w" * 5, "o" * 5, *(["1,000,000,000.00"] * 3))
    table.add_row("all", "", "2.00")
    return table


def test_what_fits_is_all_there():
    lines = shown(made(), 80)
    assert all(name in lines[2] for name in ("word", "other", "first", "second", "third"))
    assert not any("no room" in line for line in lines)


@pytest.mark.parametrize(
    ("width", "missed"),
    [(74, []), (73, ["second"]), (55, ["second"]), (54, ["second", "first"])],
)
def test_columns_are_missed_in_their_order_and_only_as_far_as_they_must(width, missed):
    lines = shown(made(), width)
    assert max(map(len, lines)) <= width
    for name in ("first", "second", "third"):
        assert (name in lines[2]) == (name not in missed)
    assert (lines[-1] == f"no room for: {', '.join(missed)}") == bool(missed)
    rows = [line for line in lines if "│" in line]
    assert len(rows) == 2, "no row is broken"
    assert ("2.00" in rows[1]) == ("first" not in missed)


async def test_a_pool_of_tens_of_millions_is_whole_rows_in_eighty_columns():
    async with LendingHouse() as house, client(house) as bank:
        tables = [
            _loans_table(await bank.loans()),
            _melting_table(await bank.melting()),
            _stress_table(await bank.stress()),
            _certificate_table((await bank.borrowing_base()).certificate),
        ]
    for table in tables:
        for width in (80, 200):
            lines = shown(table, width)
            rows = [line for line in lines if line.startswith("│")]
            assert len(rows) == len(table._rows), "no row is broken"
            assert max(map(len, lines)) <= width
            assert "…" not in "".join(rows)
