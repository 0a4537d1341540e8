"""
The shell's half for history: `exchange collateral backtest` over files of real prices.

Reads every price file of a folder, makes one series for each family of GPUs and kind of offer, and
runs the valuation model over each.
"""

import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table

from clients.index_prices import MAX_CARRY_DAYS, PriceSeries, day_prices
from clients.rental_offers import (
    FIRM_KINDS,
    SPOT_KINDS,
    GpuFamily,
    PriceFormat,
    format_of,
    read_offers,
)
from clients.shell import AsJson
from exchange import genesis
from exchange.backtest_plot import PlotImpossible, plot
from exchange.collateral.backtest import MODEL, Backtest, Price, back_test
from exchange.domain.windows import date_of

commands = typer.Typer()

GPUS = {
    "A100-80": ("a100", 80),
    "A100-40": ("a100", 40),
    "H100": ("h100", 80),
    "H200": ("h200", 141),
    "B200": ("b200", 180),
    "L40S": ("l40s", 48),
    "V100": ("v100", 16),
}
"""What is looked for in each file: how its names begin there, and the memory in GB."""
WORDS = ("series", "from", "lent at")
"""Columns of the tables that hold no figure."""
KINDS = {"firm": FIRM_KINDS, "spot": SPOT_KINDS}
LONGEST_STANDING = {PriceFormat.OFFERS: MAX_CARRY_DAYS, PriceFormat.TABLE: None}
"""Days for which an older price stands: a table's until its next version."""


class TestedSeries(Struct, frozen=True, kw_only=True):
    """One series of one file."""

    name: str
    file: str
    observed_count: int
    """Days with a price of their own."""
    coverage_ppm: int
    """Days with a price, of all from first to last."""
    alarms_count: int
    backtest: Backtest


@commands.command("backtest")
def collateral_backtest(
    data: Annotated[
        Path, typer.Option(help="A folder of price files, CSV.", exists=True, file_okay=False)
    ],
    plot_file: Annotated[
        Path | None, typer.Option("--plot", help="A PNG of prices, haircuts and ratios.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Run the model over real prices: haircuts, and loans drawn on every day.

    On each day a loan on the price itself is drawn at 65 %, at 70 % and at what CR-1 lends, and
    sold ten days later at 5 % cost. Exit 0 done; 2 the folder has no usable prices, or a picture
    is asked for without matplotlib.
    """
    tested = list(_tested(data))
    if not tested:
        raise typer.BadParameter(f"no_prices: {data} has no usable series", param_hint="--data")
    if plot_file is not None:
        try:
            plot(plot_file, [(each.file, each.name, each.backtest.days) for each in tested])
        except PlotImpossible as error:
            raise typer.BadParameter(str(error), param_hint="--plot") from None
    if as_json:
        typer.echo(msgspec.json.encode([_row(each) for each in tested]))
    else:
        _print(tested)


def _tested(folder: Path) -> Iterator[TestedSeries]:
    """Every series of every price file, in the order of names; those without ten days left out."""
    parameters = genesis.risk_parameters()
    for path in sorted(folder.glob("*.csv")):
        found = format_of(path)
        if found is None:
            continue
        offers, report = read_offers(path)
        carry = LONGEST_STANDING[found]
        for gpu, (prefix, vram_gb) in GPUS.items():
            for kind, kinds in KINDS.items():
                family = GpuFamily(prefix, vram_gb, kinds)
                series = PriceSeries(tuple(day_prices(offers, family)), report)
                prices = [
                    Price(day=day.observed_day, price_micro=day.usd_micro) for day in series.days
                ]
                result = back_test(prices, carry, parameters)
                if result is not None:
                    yield TestedSeries(
                        name=f"{gpu} {kind}",
                        file=path.name,
                        observed_count=len(prices),
                        coverage_ppm=len(result.days) * 10**6 // _span(result),
                        alarms_count=len(series.alarms()),
                        backtest=result,
                    )


def _span(result: Backtest) -> int:
    return result.days[-1].day - result.days[0].day + 1


def _row(each: TestedSeries) -> dict[str, object]:
    """A series for programs: figures and tallies, and the days as rows."""
    moves = each.backtest.moves
    return {
        "name": each.name,
        "file": each.file,
        "observed_count": each.observed_count,
        "coverage_ppm": each.coverage_ppm,
        "alarms_count": each.alarms_count,
        "worst_move_ppm": moves.worst_move_ppm,
        "worst_end": f"{date_of(moves.worst_end_day)}",
        "still_days_ppm": moves.still_days_ppm,
        "variance_ratio_ppm": moves.variance_ratio_ppm,
        "tallies": each.backtest.tallies,
        "days": [
            {"date": f"{date_of(day.day)}", **msgspec.structs.asdict(day)}
            for day in each.backtest.days
        ],
    }


def _print(tested: list[TestedSeries]) -> None:
    console = Console()
    console.print(_prices_table(tested), highlight=False)
    console.print(_loans_table(tested), highlight=False)


def _prices_table(tested: list[TestedSeries]) -> Table:
    shown = _table(
        "what prices did, %",
        ("series", "from", "days", "own", "alarms", "10 days", "until", "still", "VR"),
    )
    for each in tested:
        moves = each.backtest.moves
        shown.add_row(
            *_series(each),
            f"{len(each.backtest.days)}",
            f"{each.observed_count}",
            f"{each.alarms_count}",
            _percent(moves.worst_move_ppm),
            f"{date_of(moves.worst_end_day)}",
            _percent(moves.still_days_ppm),
            f"{moves.variance_ratio_ppm / 1e6:.1f}",
        )
    return shown


def _loans_table(tested: list[TestedSeries]) -> Table:
    """A row for each ratio at which loans are drawn; haircuts are the model's."""
    shown = _table(
        "loans drawn each day, sold after ten days",
        ("series", "from", "lent at", "haircuts", "loans", "called", "sold", "lost", "loss %"),
    )
    for each in tested:
        cuts = [day.haircut_ppm for day in each.backtest.days]
        spread = (min(cuts), int(statistics.median(cuts)), max(cuts))
        for tally in each.backtest.tallies:
            is_model = tally.name == MODEL
            shown.add_row(
                *_series(each),
                tally.name,
                "/".join(f"{round(cut / 10_000)}" for cut in spread) if is_model else "",
                f"{tally.starts_count}",
                f"{tally.called_count}",
                f"{tally.liquidated_count}",
                f"{tally.lost_count}",
                _percent(tally.worst_loss_ppm),
            )
    shown.caption = (
        "haircuts in %: least/middle/most; called and liable to be sold on the way; the worst loss"
    )
    return shown


def _table(title: str, columns: Sequence[str]) -> Table:
    """Narrow enough for a pipe, which has 80 columns; nothing is cut where there are fewer."""
    made = Table(
        title=title, box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in columns:
        justify: JustifyMethod = "left" if column in WORDS else "right"
        made.add_column(column, justify=justify, overflow="fold")
    return made


def _series(each: TestedSeries) -> tuple[str, str]:
    return each.name, f"{date_of(each.backtest.days[0].day):%Y-%m}"


def _percent(value_ppm: int) -> str:
    return f"{value_ppm / 10_000:.1f}"
