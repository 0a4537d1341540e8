"""
The shell's half for history: `exchange collateral backtest` over files of real prices.

Reads every price file of a folder, makes one series for each family of GPUs and kind of offer, and
runs the valuation model over each.
"""

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct
from rich.console import Console
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
from exchange.collateral.backtest import Backtest, Price, Tally, back_test
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
    prices = Table("series", "from", "days", "own", "alarms", "10 days", "until", "still", "VR")
    loans = Table("series", "from", "loans", "haircuts", "called", "sold", "lost", "worst loss %")
    for each in tested:
        moves = each.backtest.moves
        started = f"{date_of(each.backtest.days[0].day):%Y-%m}"
        prices.add_row(
            each.name,
            started,
            f"{len(each.backtest.days)}",
            f"{each.observed_count}",
            f"{each.alarms_count}",
            _percent(moves.worst_move_ppm),
            f"{date_of(moves.worst_end_day)}",
            _percent(moves.still_days_ppm),
            f"{moves.variance_ratio_ppm / 1e6:.1f}",
        )
        cuts = [day.haircut_ppm for day in each.backtest.days]
        tallies = each.backtest.tallies
        middle = int(statistics.median(cuts))
        loans.add_row(
            each.name,
            started,
            f"{tallies[0].starts_count}",
            "/".join(f"{round(cut / 10_000)}" for cut in (min(cuts), middle, max(cuts))),
            *(_of_each(tallies, name) for name in ("called", "liquidated", "lost")),
            "/".join(_percent(tally.worst_loss_ppm) for tally in tallies),
        )
    names = " / ".join(tally.name for tally in tested[0].backtest.tallies)
    prices.title = "what prices did, %"
    loans.title = f"loans drawn each day at {names}, sold after ten days"
    loans.caption = (
        "haircuts of CR-1 in %: least/middle/most; called and liable to be sold on the way"
    )
    console = Console()
    console.print(prices, highlight=False)
    console.print(loans, highlight=False)


def _of_each(tallies: tuple[Tally, ...], what: str) -> str:
    return "/".join(f"{getattr(tally, f'{what}_count')}" for tally in tallies)


def _percent(value_ppm: int) -> str:
    return f"{value_ppm / 10_000:.1f}"
