"""
A table for terminals: where it is too wide, it leaves columns out and says which.

A row that is broken over lines cannot be read down its columns; `--json` has everything.
"""

from collections.abc import Sequence

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table

_NATURAL_WIDTH = 10_000


class FittedTable:
    """Words on the left, amounts on the right; `spare` are the columns to miss first, in order."""

    def __init__(
        self, title: str, words: Sequence[str], amounts: Sequence[str], spare: Sequence[str] = ()
    ) -> None:
        self._title = title
        self._columns = [*words, *amounts]
        self._amounts = frozenset(amounts)
        self._spare = spare
        self._rows: list[dict[str, str]] = []

    def add_row(self, *cells: str) -> None:
        """Cells in the order of the columns; the last ones may be missing."""
        self._rows.append(dict(zip(self._columns, cells, strict=False)))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table with as many columns as there is room for."""
        shown, missed = self._table([]), []
        natural = options.update(width=_NATURAL_WIDTH)
        for column in self._spare:
            if console.measure(shown, options=natural).maximum <= options.max_width:
                break
            missed.append(column)
            shown = self._table(missed)
        yield shown
        if missed:
            yield f"no room for: {', '.join(missed)}"

    def _table(self, missed: Sequence[str]) -> Table:
        columns = [column for column in self._columns if column not in missed]
        made = Table(title=self._title)
        for column in columns:
            is_amount = column in self._amounts
            made.add_column(column, justify="right" if is_amount else "left", no_wrap=is_amount)
        for row in self._rows:
            made.add_row(*(row.get(column, "") for column in columns))
        return made
