"""
Positions as a calendar: months down, days across, two characters a day.

The first is how much of the account's most on any day it may use; the second, and the colour, what
the day is bound by. It reads the same without colour.
"""

from collections.abc import Iterable

from msgspec import Struct
from rich.text import Text

from exchange.domain.account_wire import ProductPosition, Run
from exchange.domain.windows import date_of, month_of

_SHADES = " ░▒▓█"
_BINDINGS = {
    "L": ("all pledged", "red"),
    "l": ("pledged in part", "yellow"),
    "S": ("all let", "magenta"),
    "s": ("let in part", "cyan"),
    "+": ("received", "blue"),
    "o": ("on offer", "white"),
    " ": ("free", "green"),
}
"""By the second character: what it says, and its colour; the first that holds is shown."""


class HeldDay(Struct, frozen=True, kw_only=True):
    """What an account has of one product on one day, in GPUs."""

    product: str
    day: int
    date: str
    title_qty: int
    lien_qty: int
    sublet_out_qty: int
    sublet_in_qty: int
    reserved_qty: int
    """On offer, for sale or to let."""
    usable_qty: int
    sellable_qty: int
    sublettable_qty: int


def held_days(position: ProductPosition) -> list[HeldDay]:
    """Every day on which the account owns or uses anything of the product, in order."""
    title, use = _by_day(position.title), _by_day(position.sublet_in)
    lien, let = _by_day(position.lien), _by_day(position.sublet_out)
    on_sale, to_let = _by_day(position.reserved_sale), _by_day(position.reserved_sublet)
    usable, sellable = _by_day(position.usable), _by_day(position.sellable)
    sublettable = _by_day(position.sublettable)
    return [
        HeldDay(
            product=position.product,
            day=day,
            date=date_of(day).isoformat(),
            title_qty=title.get(day, 0),
            lien_qty=lien.get(day, 0),
            sublet_out_qty=let.get(day, 0),
            sublet_in_qty=use.get(day, 0),
            reserved_qty=on_sale.get(day, 0) + to_let.get(day, 0),
            usable_qty=usable.get(day, 0),
            sellable_qty=sellable.get(day, 0),
            sublettable_qty=sublettable.get(day, 0),
        )
        for day in sorted({*title, *use})
    ]


def heatmap(position: ProductPosition) -> Text:
    """The product's calendar, with what its characters mean."""
    days = {held.day: held for held in held_days(position)}
    most_qty = max((held.title_qty + held.sublet_in_qty for held in days.values()), default=0)
    drawn = Text(f"{position.product}, █ is {most_qty} GPUs to use\n", style="bold")
    drawn.append("        " + "".join(f"{number:<2}" for number in range(1, 32)) + "\n", "dim")
    rows: dict[int, dict[int, HeldDay]] = {}
    for day, held in days.items():
        rows.setdefault(month_of(day), {})[date_of(day).day] = held
    for month, of_month in sorted(rows.items()):
        drawn.append(f"{month // 100}-{month % 100:02d} ", "dim")
        for number in range(1, 32):
            drawn.append_text(_cell(of_month.get(number), most_qty))
        drawn.append("\n")
    legend = (f"{sign} {words}" for sign, (words, _) in _BINDINGS.items() if sign != " ")
    drawn.append(" ".join(legend) + "\n", "dim")
    return drawn


def _cell(held: HeldDay | None, most_qty: int) -> Text:
    if held is None:
        return Text("· ", "dim")
    binding = _binding(held)
    # Up, so that a single GPU is seen.
    shade = -(-held.usable_qty * (len(_SHADES) - 1) // most_qty)
    return Text(_SHADES[shade] + binding, _BINDINGS[binding][1])


def _binding(held: HeldDay) -> str:
    """The first of the signs that holds."""
    holds = {
        "L": held.lien_qty >= held.title_qty > 0,
        "l": held.lien_qty > 0,
        "S": held.sublet_out_qty >= held.title_qty > 0,
        "s": held.sublet_out_qty > 0,
        "+": held.sublet_in_qty > 0,
        "o": held.reserved_qty > 0,
    }
    return next((sign for sign in _BINDINGS if holds.get(sign)), " ")


def _by_day(runs: Iterable[Run]) -> dict[int, int]:
    return {day: run.qty for run in runs for day in range(run.start_day, run.end_day)}
