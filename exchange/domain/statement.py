"""
A statement of account: every movement of an account's cash in one currency, over some days.

Cash is what is available and what is held together, so a hold is no line. The opening balance and
the lines make the closing one, exactly.
"""

import csv

from msgspec import Struct

from .enums import Currency
from .units import MAX_DAY
from .windows import date_of, day_at

MAX_STATEMENT_LINES = 10_000
"""Of one answer; the next goes on after its last record."""


class StatementAsked(Struct, frozen=True, kw_only=True):
    """Whose statement, of what, over which days of market time `[from_day, to_day)`."""

    account_id: int
    currency: Currency = Currency.CNY
    from_day: int = 0
    to_day: int = MAX_DAY
    after_seq: int = 0
    """Goes on after this record, where an earlier answer ended."""


class StatementLine(Struct, frozen=True, kw_only=True):
    """One movement, by the record that caused it."""

    seq: int
    event_index: int
    market_ns: int
    purpose: str
    """`deposit`, `withdrawal`, `trade`, `fee`, `escrow_returned`, or a movement's purpose."""
    description: str
    amount: int
    """Positive where it came in; hundredths of the currency."""
    balance_amount: int
    """After it."""


class Statement(Struct, frozen=True, kw_only=True):
    """GET /v1/accounts/me/statement."""

    account_id: int
    currency: str
    from_day: int
    to_day: int
    opening_amount: int
    closing_amount: int
    through_seq: int
    """The last record it takes in."""
    is_complete: bool
    """False where more lines follow: ask again with `after_seq` = `through_seq`."""
    lines: list[StatementLine]


def csv_of(statement: Statement) -> str:
    """The statement as CSV: a row for the opening, one a line, one for the closing."""
    rows = _Rows()
    writer = csv.writer(rows, lineterminator="\n")
    writer.writerow(["market_date", *StatementLine.__struct_fields__])
    writer.writerow(["", "", "", "", "opening", "", "", statement.opening_amount])
    for line in statement.lines:
        values = [getattr(line, name) for name in StatementLine.__struct_fields__]
        writer.writerow([date_of(day_at(line.market_ns)).isoformat(), *values])
    word = "closing" if statement.is_complete else "carried_forward"
    closing = [statement.through_seq, "", "", word, "", "", statement.closing_amount]
    writer.writerow(["", *closing])
    return "".join(rows)


class _Rows(list[str]):
    """Takes what a csv writer writes."""

    write = list[str].append
