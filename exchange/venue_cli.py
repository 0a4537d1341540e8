"""
The shell's half for a venue's own machine: `exchange init | serve | demo`, its log and the model.

Exit codes are those of `exchange.cli`.
"""

import asyncio
import re
import signal
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
import uvloop
from msgspec.structs import asdict

from clients.directory import CREDENTIALS_FILE, Serving, read_credentials
from clients.errors import ExchangeError
from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange import app as process
from exchange import collateral_cli, log_cli
from exchange.domain.units import NS_PER_SECOND
from exchange.engine.engine import HalfApplied
from exchange.living_market import Inputs, serve_living_market
from exchange.log import LogError
from exchange.progress import records_of
from exchange.reckoning import reckon
from exchange.settings import (
    ArchiveDirs,
    PasswordFile,
    RedisUrl,
    ReplicaNames,
    Settings,
    StartRefused,
    read_venue,
    replica_names,
)

commands = typer.Typer()
commands.add_typer(log_cli.commands)
commands.add_typer(
    collateral_cli.commands, name="collateral", help="The valuation model, from files."
)

DEMO_SPEED, DEMO_DAYS_SPEED = 720, 120_000
"""Market seconds a second: to look at, and to come to the end."""
HttpPort = Annotated[int, typer.Option("--http-port", help="0 takes any free port.")]


@commands.command()
def init(
    data: DataDir = DEFAULT_DATA,
    venue_id: str = "venue",
    always_open: Annotated[
        bool, typer.Option(help="Trade every day, without phases and holidays.")
    ] = False,
    burn_in_hours: Annotated[
        int, typer.Option(min=0, help="Market hours between inspection and verification.")
    ] = 48,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    replicas: ReplicaNames = None,
    as_json: AsJson = False,
) -> None:
    """Create a venue: its directory, its log, two operators."""
    settings = Settings(
        data_dir=data,
        redis_url=redis_url,
        redis_password_file=redis_password_file,
        replicas=replica_names(replicas, redis_url),
    )
    asyncio.run(
        process.init(
            settings,
            venue_id,
            is_always_open=always_open,
            market_ns=_wall_clock_second_ns(),
            burn_in_ns=burn_in_hours * 3_600 * NS_PER_SECOND,
        )
    )
    row = {"venue_id": venue_id, "data": f"{data}", "credentials": f"{data / CREDENTIALS_FILE}"}
    text = f"venue {venue_id} is in {data}; its operators' tokens are in {row['credentials']}"
    typer.echo(msgspec.json.encode(row) if as_json else text)


@commands.command()
def serve(
    data: DataDir = DEFAULT_DATA,
    http_port: HttpPort = 8080,
    host: str = "127.0.0.1",
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    replicas: ReplicaNames = None,
    archive_dirs: ArchiveDirs = None,
    speed: Annotated[int, typer.Option(min=1, help="Market seconds a second.")] = 1,
    sign_every: Annotated[
        int, typer.Option(min=1, help="Records between two signatures over the log's head.")
    ] = 10_000,
    allow_unsigned: Annotated[
        bool, typer.Option(help="Serve although the key that signs the log's head is lost.")
    ] = False,
    allow_clock_jump: Annotated[
        bool, typer.Option(help="Let market time jump over a day, or wait for a clock set back.")
    ] = False,
    behind_tls_proxy: Annotated[
        bool, typer.Option(help="Other addresses than loopback are for a proxy that ends TLS.")
    ] = False,
    snapshot_records: Annotated[
        int, typer.Option(min=1, help="Records between two snapshots.")
    ] = 100_000,
    has_standby: Annotated[
        bool, typer.Option(help="Another exchange waits to take over: tick every 250 ms.")
    ] = False,
    standby: Annotated[
        bool,
        typer.Option(help="Follow the leader; serve when it is silent for 2 s, or on SIGUSR1."),
    ] = False,
) -> None:
    """Serve a venue until Ctrl-C."""
    settings = Settings(
        data_dir=data,
        host=host,
        http_port=http_port,
        redis_url=redis_url,
        redis_password_file=redis_password_file,
        replicas=replica_names(replicas, redis_url),
        archive_dirs=tuple(archive_dirs or ()),
        speed=speed,
        head_interval_count=sign_every,
        may_heads_be_unsigned=allow_unsigned,
        is_clock_jump_allowed=allow_clock_jump,
        is_behind_tls_proxy=behind_tls_proxy,
        snapshot_records=snapshot_records,
        has_standby=has_standby,
    )

    def on_serving(serving: Serving) -> None:
        typer.echo(f"serving {data} at {serving.url}, websocket {_ws(serving.url)}/v1/ws")
        sys.stdout.flush()

    if standby:
        uvloop.run(_until_signalled(lambda stop: _stand_by(settings, on_serving, stop)))
    else:
        uvloop.run(_until_signalled(lambda stop: process.serve(settings, on_serving, stop)))


async def _stand_by(
    settings: Settings, on_serving: Callable[[Serving], None], stop: asyncio.Event
) -> None:
    """SIGUSR1 is the operator's word to lead."""
    told = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)

    def on_standing_by(url: str) -> None:
        typer.echo(f"standing by for {settings.data_dir}, health at {url}/health/live")
        sys.stdout.flush()

    await process.stand_by(settings, on_serving, stop, told, on_standing_by)


@commands.command()
def demo(
    data: DataDir = DEFAULT_DATA,
    http_port: HttpPort = 8080,
    demand: Annotated[
        Path | None, typer.Option(help="GPU jobs, CSV or CSV.GZ.", exists=True, dir_okay=False)
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="GPU rental offers, CSV.", exists=True, dir_okay=False)
    ] = None,
    usd_cny: Annotated[str, typer.Option(help="Yuan a dollar, recorded with the index.")] = "7.10",
    days: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many market days, and wind up.")
    ] = None,
    wind_up: Annotated[
        bool, typer.Option(help="With --days: end the supplier, so that nothing stays in escrow.")
    ] = True,
    speed: Annotated[
        int | None,
        typer.Option(min=1, help="Market seconds a second; 720, with --days 120000."),
    ] = None,
    seed: int = 1,
    archive_dirs: ArchiveDirs = None,
    as_json: AsJson = False,
) -> None:
    """
    Serve a living market: suppliers, buyers, market makers and a bank on real demand.

    With --days it runs so many days of market time as fast as it can follow, winds the market up,
    decides every record again and prints what became of the escrow.
    """
    if re.fullmatch(r"\d{1,4}(\.\d{1,6})?", usd_cny) is None:
        raise typer.BadParameter(f"{usd_cny!r} is no rate like 7.10", param_hint="--usd-cny")
    is_wound_up = wind_up and days is not None
    inputs = Inputs(
        demand=demand,
        prices=prices,
        usd_cny=Decimal(usd_cny),
        days=days,
        seed=seed,
        is_wound_up=is_wound_up,
    )
    settings = Settings(
        data_dir=data,
        http_port=http_port,
        speed=speed or (DEMO_SPEED if days is None else DEMO_DAYS_SPEED),
        archive_dirs=tuple(archive_dirs or ()),
    )

    def on_living(serving: Serving, instrument: str) -> None:
        typer.echo(_welcome(data, serving, instrument), err=as_json)
        sys.stdout.flush()

    summary = uvloop.run(
        _until_signalled(lambda stop: serve_living_market(settings, inputs, on_living, stop))
    )
    if not is_wound_up:
        typer.echo(msgspec.json.encode(summary) if as_json else summary.text())
        return
    with records_of(settings.log_settings(read_venue(data)), "verifying", as_json) as log:
        reckoning = reckon(log.records)
    whole = {**asdict(summary), "reckoning": asdict(reckoning)}
    text = f"{summary.text()}\n{reckoning.text()}"
    typer.echo(msgspec.json.encode(whole) if as_json else text)


def _welcome(data: Path, serving: Serving, instrument: str) -> str:
    """Where to go, with which keys, and three commands to paste."""
    tokens = read_credentials(data)
    shell = f"{Path(sys.argv[0])}"
    shown = [name for name in ("trader", "bank", "operator") if name in tokens]
    return "\n".join(
        (
            f"http       {serving.url}/v1",
            f"websocket  {_ws(serving.url)}/v1/ws",
            f"metrics    {serving.admin_url}/metrics",
            f"keys       (in {data / CREDENTIALS_FILE})",
            *(f"  {name:9} {tokens[name]}" for name in shown),
            "try",
            f"  {shell} order {instrument} buy 8 2000 --data {data}",
            f"  {shell} marks --data {data}",
            f"  {shell} replay --data {data}",
            "Ctrl-C stops; the same command goes on from the same log.",
        )
    )


async def _until_signalled(work: Any) -> Any:
    """Runs `work(stop)`; the first SIGINT or SIGTERM sets `stop`, and it ends in its own time."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        return await work(stop)
    except BaseExceptionGroup as group:
        known = group.subgroup((LogError, StartRefused, HalfApplied, ExchangeError, OSError))
        if known is None:
            raise
        # The log's own word first: what else failed, failed because of it.
        causes = sorted(_leaves(known), key=lambda cause: not isinstance(cause, LogError))
        raise causes[0] from None


def _leaves(group: BaseExceptionGroup[Any]) -> list[BaseException]:
    """The single errors, each with the notes of its groups."""
    found: list[BaseException] = []
    for each in group.exceptions:
        found += _leaves(each) if isinstance(each, BaseExceptionGroup) else [each]
    for leaf in found:
        for note in getattr(group, "__notes__", ()):
            leaf.add_note(note)
    return found


def _ws(url: str) -> str:
    return url.replace("http", "ws", 1)


def _wall_clock_second_ns() -> int:
    return time.time_ns() // NS_PER_SECOND * NS_PER_SECOND
