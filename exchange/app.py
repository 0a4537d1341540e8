"""
One process of the exchange, wired in one visible place.

    open log ─▶ replay into engine and projections ─▶ take over (barrier) ─▶ sequencer ─▶ gateway
                                                                                 ▲
                                                    market clock ─────── ticks ──┘

The gateway listens when market time has caught up with the pause since the last tick.

`serve` runs until it is cancelled or the log fails. An orderly stop takes no more commands, closes
the sessions' connections, takes a snapshot if that can be done quickly, drains the queue, writes
the witness and stops the embedded server, in that order and within five seconds on a disk that
works: nobody waits longer for an answer, and a supervisor need not kill.
"""

import asyncio
import gc
import hashlib
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import msgspec
import structlog
from aiohttp import web

from clients.directory import Serving, add_credentials, read_credentials, write_serving
from exchange import genesis
from exchange.client_witness import ClientWitness
from exchange.domain.commands import CloseSession, CreateVenue, Operator
from exchange.domain.record import LAYOUTS_SHA256, decode_body
from exchange.domain.units import BURN_IN_NS, NS_PER_DAY, NS_PER_SECOND
from exchange.domain.windows import day_at
from exchange.engine.engine import Engine
from exchange.engine.market_clock import IDLE_TICK_NS, MarketClock
from exchange.engine.sequencer import Sequencer
from exchange.gateway.border import HUB
from exchange.gateway.health import catching_up
from exchange.gateway.server import build_app, build_metrics_app, start
from exchange.gateway.settings import GatewaySettings
from exchange.gateway.waiting import CATCHING_UP, STANDING_BY, build_waiting_app
from exchange.head_keeper import HeadKeeper, open_signing
from exchange.history import LogHistory
from exchange.lease import LEASE_NS, TICK_NS, LeasedLog
from exchange.log import (
    Appender,
    EpochBarrier,
    EventLog,
    SnapshotFiles,
    make_head_key,
    open_log,
)
from exchange.log.client_witness import WitnessSeal
from exchange.log.errors import LogConflict, SegmentDamaged
from exchange.log.signing import HEAD_KEY_FILE
from exchange.settings import VENUE_FILE, Settings, StartRefused, VenueFile, read_venue
from exchange.snapshots import (
    BEHAVIOUR_VERSION,
    SNAPSHOT_DIR,
    Loaded,
    SnapshotFailed,
    go_on,
    load,
    take_snapshot,
)
from exchange.standby import Standby

OPERATORS = ("operator", "second_operator")
BUILD = "0.1.0"
COMMAND_ID_RETENTION_DAYS = 2
LONGEST_VALIDITY_NS = NS_PER_DAY // 2
"""Of commands that state none, however fast the market's clock runs."""
WITNESS_INTERVAL_S = 1.0
ALARM_INTERVAL_S = 1.0
TAKE_OVER_TRIES = 20
SNAPSHOT_CHECK_S = 0.5
LAST_SNAPSHOT_S = 2.5
"""For the one at an orderly stop, which only spares the next start some records."""
CONFIGURATION_INTERVAL_S = 60.0
GC_THRESHOLDS = (200_000, 50, 1_000)
ORPHAN_GRACE_S = 10.0
"""After a restart, how long a session that was open may be continued before it is closed."""

log = structlog.get_logger()


async def init(
    settings: Settings,
    venue_id: str,
    *,
    is_always_open: bool,
    market_ns: int,
    burn_in_ns: int = BURN_IN_NS,
) -> dict[str, str]:
    """
    Creates a venue: its directory, its log and the genesis record; returns the operators' tokens.

    The tokens and the key that signs the log's heads are stored nowhere but in the directory's
    private files; the log holds the tokens' hashes and the key's public part. They reach the disk
    once the log is ours and before its genesis does, so an `init` that was refused leaves none, and
    one that was interrupted is finished by the next one.
    """
    data_dir = settings.data_dir
    if (data_dir / VENUE_FILE).exists():
        raise StartRefused(f"{data_dir} already holds a venue; `init` creates a new one only")
    async with open_log(settings.log_settings(VenueFile(venue_id))) as event_log:
        found = [each async for frame in event_log.frames() for each in frame.records]
        if not _is_own_genesis(found, data_dir):
            appender = await event_log.take_over(barrier(), is_genesis=True)
            tokens, public_key = _operators_tokens(data_dir), make_head_key(_head_key(data_dir))
            fees = genesis.fee_schedule()
            command = CreateVenue(
                venue_id=venue_id,
                base_day=day_at(market_ns),
                market_ns=market_ns,
                is_always_open=is_always_open,
                operators=_operators(tokens),
                head_public_key=public_key,
                maker_bps=fees.maker_bps,
                taker_bps=fees.taker_bps,
                risk_parameters=genesis.risk_parameters(),
                command_id_retention_ns=COMMAND_ID_RETENTION_DAYS * NS_PER_DAY,
                burn_in_ns=burn_in_ns,
            )
            outcome, record = Engine().execute(command)
            assert record is not None, f"genesis was refused: {outcome}"
            await appender.append([record])
    (data_dir / VENUE_FILE).write_bytes(msgspec.json.encode(VenueFile(venue_id)))
    return _operators_tokens(data_dir)


def _operators_tokens(data_dir: Path) -> dict[str, str]:
    """Those of an interrupted `init`, else new ones, on the disk before anything else is."""
    known = read_credentials(data_dir)
    if known.keys() >= set(OPERATORS):
        return {name: known[name] for name in OPERATORS}
    tokens = {
        name: f"{number}.{secrets.token_hex(32)}" for number, name in enumerate(OPERATORS, start=1)
    }
    add_credentials(data_dir, tokens)
    return tokens


def _operators(tokens: dict[str, str]) -> list[Operator]:
    return [
        Operator(name=name, token_sha256=hashlib.sha256(token.split(".")[1].encode()).digest())
        for name, token in tokens.items()
    ]


def _head_key(data_dir: Path) -> Path:
    return data_dir / HEAD_KEY_FILE


def _is_own_genesis(records: list[bytes], data_dir: Path) -> bool:
    """Whether the log holds nothing but the genesis of this directory's operators and key."""
    has_secrets = read_credentials(data_dir).keys() >= set(OPERATORS)
    if len(records) != 1 or not has_secrets or not _head_key(data_dir).exists():
        return False
    command, _ = decode_body(records[0])
    if not isinstance(command, CreateVenue):
        return False
    wanted = (_operators(_operators_tokens(data_dir)), make_head_key(_head_key(data_dir)))
    return (command.operators, command.head_public_key) == wanted


async def stand_by(
    settings: Settings,
    on_serving: Callable[[Serving], None],
    stop: asyncio.Event,
    told: asyncio.Event,
    on_standing_by: Callable[[str], None],
) -> None:
    """
    Follows a served venue and serves it when its leader falls silent, or when `told` to.

    Until then it says at its own port, which `on_standing_by` is told of, how far it has come.
    """
    _require_loopback(settings)
    standby = Standby(settings.log_settings(read_venue(settings.data_dir)))
    waiting = build_waiting_app(standby.health, STANDING_BY)
    runner, port = await start(waiting, settings.host, settings.http_port, shutdown_s=0)
    try:
        on_standing_by(f"http://{settings.host}:{port}")
        is_leading = await standby.wait(stop, told)
    finally:
        await runner.cleanup()
    if is_leading:
        await serve(settings, on_serving, stop, standby)


async def serve(
    settings: Settings,
    on_serving: Callable[[Serving], None],
    stop: asyncio.Event,
    standby: Standby | None = None,
) -> None:
    """Serves a venue until `stop` is set; raises what made it stop otherwise."""
    _require_loopback(settings)
    log_settings = settings.log_settings(read_venue(settings.data_dir))
    async with open_log(log_settings, _tell_damaged) as event_log:
        if event_log.torn_tail is not None:
            log.warning("torn_tail_repaired", detail=str(event_log.torn_tail))
        files = SnapshotFiles(settings.data_dir / SNAPSHOT_DIR, log_settings.name)
        if standby is None:
            loaded = await load(event_log, files)
        else:
            loaded = standby.loaded
            await go_on(event_log, standby.head, loaded)
        engine, projections = loaded.engine, loaded.projections
        _spare_the_collector()
        start_ns = _market_start_ns(engine, settings)
        signed, signer = await open_signing(
            log_settings, event_log, engine.state, may_be_unsigned=settings.may_heads_be_unsigned
        )
        appender = await _take_over(event_log, loaded, 1 if standby is None else TAKE_OVER_TRIES)
        log.info("leading", seq=engine.state.seq, from_snapshot_seq=loaded.snapshot_seq)
        has_standby = settings.has_standby
        if has_standby:
            leased = LeasedLog(appender, time.monotonic_ns)
            sequencer = Sequencer(engine, leased, leased.require_lease)
            lease_age_ns = leased.age_ns
        else:
            sequencer = Sequencer(engine, appender)
            lease_age_ns = _no_age_ns
        heads = HeadKeeper(
            signed,
            signer,
            appender,
            engine.state.market_ns,
            settings.head_interval_count,
            log_settings.shared_heads(),
        )
        sequencer.followers.append(heads)
        clock = MarketClock(
            sequencer,
            time.monotonic_ns,
            start_ns,
            settings.speed,
            settings.marking_cycle_ns,
            TICK_NS if has_standby else IDLE_TICK_NS,
        )
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(sequencer.run())
            history = LogHistory(event_log, log_settings, signed)
            snapshot = partial(take_snapshot, sequencer, projections, event_log, files)
            witness = None
            if signer is not None:
                witness = ClientWitness(event_log, WitnessSeal(log_settings.name, signer))
            gateway = build_app(
                sequencer,
                projections,
                history,
                _gateway_settings(settings),
                witness,
                lease_age_ns,
                signer,
            )
            runner, port = await start(
                gateway,
                settings.host,
                settings.http_port,
                before_listening=partial(_catch_up, clock, gateway, settings, stop),
            )
            metrics, admin_port = await start(
                build_metrics_app(gateway), "127.0.0.1", settings.admin_port
            )
            serving = Serving(
                pid=os.getpid(),
                url=f"http://{settings.host}:{port}",
                admin_url=f"http://127.0.0.1:{admin_port}",
            )
            keepers = [
                group.create_task(clock.run()),
                group.create_task(heads.run()),
                group.create_task(_close_orphans(sequencer, list(engine.state.sessions))),
                group.create_task(_every(WITNESS_INTERVAL_S, event_log.write_witness)),
                group.create_task(_every(ALARM_INTERVAL_S, lambda: _raise_alarms(engine))),
                group.create_task(_every(CONFIGURATION_INTERVAL_S, event_log.check_configuration)),
                group.create_task(_keep_snapshots(snapshot, sequencer, settings)),
            ]
            if witness is not None:
                keepers.append(group.create_task(witness.run()))
            write_serving(settings.data_dir, serving)
            on_serving(serving)
            try:
                await stop.wait()
            finally:
                for keeper in keepers:
                    keeper.cancel()
                gateway[HUB].drain()
                # While the read models still follow; sessions close into the next start's tail.
                if sequencer.is_ready:
                    await _try(partial(snapshot, longest_s=LAST_SNAPSHOT_S))
                await runner.cleanup()
                await metrics.cleanup()
                history.close()
                sequencer.stop()
            await writer
            await heads.sign_last()


async def _take_over(event_log: EventLog, loaded: Loaded, tries: int) -> Appender:
    """Opens a new epoch; where a leader is still writing, a standby reads on and tries again."""
    for _ in range(tries - 1):
        try:
            return await event_log.take_over(barrier())
        except LogConflict:
            await go_on(event_log, event_log.verified_head, loaded)
    return await event_log.take_over(barrier())


async def _catch_up(
    clock: MarketClock, gateway: web.Application, settings: Settings, stop: asyncio.Event
) -> None:
    """Brings market time up to now; a day takes seconds, in which the port says what goes on."""
    waiting = build_waiting_app(partial(catching_up, gateway[HUB]), CATCHING_UP)
    runner, _ = await start(waiting, settings.host, settings.http_port, shutdown_s=0)
    try:
        await clock.catch_up(stop)
    finally:
        await runner.cleanup()


def _no_age_ns() -> int:
    """Nobody else may lead."""
    return 0


def _tell_damaged(error: SegmentDamaged) -> None:
    log.warning("archive_copy_damaged", detail=str(error))


def barrier() -> EpochBarrier:
    """Who this process is, for the frame that opens its epoch."""
    return EpochBarrier(
        node_id=socket.gethostname()[:64],
        boot_id=secrets.token_bytes(16),
        build=BUILD,
        schema_hash=LAYOUTS_SHA256,
        behaviour_version=BEHAVIOUR_VERSION,
    )


def _market_start_ns(engine: Engine, settings: Settings) -> int:
    """
    Where market time goes on.

    At speed 1 it is the wall's time; a gap of more than a day, or a wall clock behind the log,
    needs the operator's word. At other speeds it goes on from the log.
    """
    recorded_ns, wall_ns = engine.state.market_ns, time.time_ns()
    if settings.speed != 1:
        return recorded_ns
    gap_ns = wall_ns - recorded_ns
    if (gap_ns < 0 or gap_ns > NS_PER_DAY) and not settings.is_clock_jump_allowed:
        raise StartRefused(
            f"the wall clock is {gap_ns / NS_PER_SECOND:.0f} s ahead of the log's market time "
            f"{recorded_ns}; 0 to 86400 s are allowed: set the clock, or allow the jump with "
            "--allow-clock-jump"
        )
    return wall_ns


def _spare_the_collector() -> None:
    """
    Keeps Python's cycle collector away from the state, which has no cycles and only grows.

    It cost 12 of 32 µs of CPU a record; now what was loaded is never looked at again, and a full
    collection is rare.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


def _gateway_settings(settings: Settings) -> GatewaySettings:
    defaults = GatewaySettings()
    return GatewaySettings(
        validity_ns=min(defaults.validity_ns * settings.speed, LONGEST_VALIDITY_NS),
        allowed_hosts=defaults.allowed_hosts | {settings.host},
        lease_ms=LEASE_NS // 1_000_000 if settings.has_standby else 0,
    )


def _require_loopback(settings: Settings) -> None:
    is_loopback = settings.host in ("localhost", "::1") or settings.host.startswith("127.")
    if not is_loopback and not settings.is_behind_tls_proxy:
        raise StartRefused(
            f"{settings.host} is not a loopback address: tokens would travel in the clear; put a "
            "proxy that ends TLS in front and say so with --behind-tls-proxy"
        )


async def _close_orphans(sequencer: Sequencer, session_ids: list[int]) -> None:
    """Closes sessions that a crash left open, after time for their clients to continue them."""
    await asyncio.sleep(ORPHAN_GRACE_S)
    for session_id in session_ids:
        if session_id in sequencer.engine.state.sessions:
            await sequencer.execute(CloseSession(closed_session_id=session_id))


async def _keep_snapshots(
    snapshot: Callable[[], Awaitable[int]], sequencer: Sequencer, settings: Settings
) -> None:
    """A snapshot every so many records."""
    snapshot_seq = sequencer.seq
    while True:
        await asyncio.sleep(SNAPSHOT_CHECK_S)
        if sequencer.seq - snapshot_seq >= settings.snapshot_records:
            snapshot_seq = sequencer.seq
            await _try(snapshot)


async def _try(snapshot: Callable[[], Awaitable[int]]) -> None:
    """Without a snapshot the next start takes longer; no reason to stop trading."""
    try:
        await snapshot()
    except SnapshotFailed as failed:
        log.error("snapshot_failed", detail=str(failed))


async def _raise_alarms(engine: Engine) -> None:
    """Tells the operator of rules that raised; the log has each as a refusal `internal_error`."""
    faults, engine.faults = engine.faults, []
    for seq, fault in faults:
        log.error("rule_raised", seq=seq, exc_info=fault)


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        await work()
