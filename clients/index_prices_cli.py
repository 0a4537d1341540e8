"""
The shell's half for outside prices: `exchange index-prices import`.

Reads a file of rental offers and publishes the index of each day that it covers, as an operator.
Exit codes are those of `clients.cli`; 2 where the file has no price of the GPU.
"""

from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from clients.errors import Refused
from clients.index_prices import (
    DayPrice,
    PriceSeries,
    index_price,
    publish_index,
    read_series,
    usd_cny_ppm_of,
)
from clients.rental_offers import FIRM_KINDS, SPOT_KINDS, GpuFamily
from clients.shell import DEFAULT_DATA, As, AsJson, DataDir, TokenFile, Url, connect
from clients.sync import SyncExchangeClient
from exchange.domain.windows import date_of, day_of

commands = typer.Typer(no_args_is_help=True)


class Outcome(Struct, kw_only=True):
    """What became of a file's days."""

    published_count: int = 0
    known_count: int = 0
    """Published before by the same command."""
    older_count: int = 0
    """Not newer than the index in force."""
    future_count: int = 0
    """After the market's day; not sent."""


@commands.callback()
def index_prices() -> None:
    """Outside prices of a GPU-hour, with where they came from."""


@commands.command("import")
def import_index_prices(
    file: Annotated[Path, typer.Argument(help="Rental offers or a price table, CSV.", exists=True)],
    gpu_class: Annotated[str, typer.Option(help="Of the market, as in A100-80.")],
    region: Annotated[str, typer.Option(help="Of the market, as in SG1.")],
    gpu: Annotated[str, typer.Option(help="How the file's GPU names begin, as in a100.")],
    vram_gb: Annotated[int, typer.Option(help="Memory of the GPU.")],
    spot: Annotated[bool, typer.Option(help="Spot offers, not firm ones.")] = False,
    usd_cny: Annotated[str, typer.Option(help="Yuan a dollar, recorded with it.")] = "7.10",
    from_date: Annotated[str, typer.Option("--from", help="First day, as 2026-07-05.")] = "",
    until_date: Annotated[str, typer.Option("--until", help="Last day.")] = "",
    dry_run: Annotated[bool, typer.Option(help="Print what the file holds; send nothing.")] = False,
    data: DataDir = DEFAULT_DATA,
    url: Url = "",
    token_file: TokenFile = None,
    who: As = "operator",
    as_json: AsJson = False,
) -> None:
    """
    Publish the index of every day of a file, oldest first.

    A day's index is the median over providers of each provider's median, within 0.05 to 100 USD.
    Steps of more than 40 % in a day are printed as alarms; they are published all the same.
    The same import again changes nothing.
    """
    usd_cny_ppm = _rate(usd_cny)
    family = GpuFamily(gpu, vram_gb, SPOT_KINDS if spot else FIRM_KINDS)
    series = read_series(file, family)
    first, last = _day(from_date, "--from"), _day(until_date, "--until")
    days = [
        day
        for day in series.days
        if (first is None or day.observed_day >= first)
        and (last is None or day.observed_day <= last)
    ]
    if not days:
        problem = f"no_price: {series.report.describe()}; none of {gpu} with {vram_gb} GB"
        raise typer.BadParameter(problem, param_hint="FILE")
    outcome = Outcome()
    if not dry_run:
        with connect(data, url, token_file, who) as client:
            outcome = _publish(client, series, days, gpu_class, region, usd_cny_ppm)
    _print(series, days, outcome, as_json)


def _publish(
    client: SyncExchangeClient,
    series: PriceSeries,
    days: Iterable[DayPrice],
    gpu_class: str,
    region: str,
    usd_cny_ppm: int,
) -> Outcome:
    """Each day as one command; a day that the market has passed by is counted and left."""
    outcome = Outcome()
    for day in days:
        price = index_price(day, series.report, usd_cny_ppm)
        try:
            receipt = client.run(
                publish_index(client.exchange, gpu_class, region, price, usd_cny_ppm)
            )
        except Refused as refusal:
            if refusal.name == "stale_index":
                outcome.older_count += 1
            elif refusal.name == "bad_window":
                outcome.future_count += 1
            else:
                raise
            continue
        if receipt.duplicate:
            outcome.known_count += 1
        else:
            outcome.published_count += 1
    return outcome


def _print(series: PriceSeries, days: list[DayPrice], outcome: Outcome, as_json: bool) -> None:
    report, alarms = series.report, series.alarms()
    if as_json:
        row = {
            "source": report.source,
            "file_sha256": report.file_sha256.hex(),
            "row_count": report.row_count,
            "bad_rows": dict(report.bad_rows),
            "days_count": len(days),
            "first_day": f"{date_of(days[0].observed_day)}",
            "last_day": f"{date_of(days[-1].observed_day)}",
            "coverage_ppm": series.coverage_ppm(),
            "alarms": alarms,
            **msgspec.structs.asdict(outcome),
        }
        typer.echo(msgspec.json.encode(row))
        return
    typer.echo(f"{report.describe()}; sha256 {report.file_sha256.hex()}")
    typer.echo(
        f"{len(days)} days from {date_of(days[0].observed_day)} to "
        f"{date_of(days[-1].observed_day)}, coverage {series.coverage_ppm() / 10_000:.1f} %"
    )
    for alarm in alarms:
        typer.echo(
            f"alarm: {date_of(alarm.observed_day)} from {alarm.before_usd_micro / 1e6:.4f} to "
            f"{alarm.usd_micro / 1e6:.4f} USD"
        )
    typer.echo(
        f"published {outcome.published_count}, known already {outcome.known_count}, older than the "
        f"index in force {outcome.older_count}, of the future {outcome.future_count}"
    )


def _rate(text: str) -> int:
    try:
        return usd_cny_ppm_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--usd-cny") from None


def _day(text: str, option: str) -> int | None:
    if not text:
        return None
    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date", param_hint=option) from None
