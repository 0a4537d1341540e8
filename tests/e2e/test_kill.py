"""
`kill -9` under load: of the exchange, of its log server, of both.

Two clients pour orders, most accepted, some refused, without waiting for answers. Something dies at
a random moment. After the restart the clients send again what is unanswered, and a part of what was
answered, under the same ids. In the end every command is in the log exactly once, with the outcome
that was told, however often it was told.
"""

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from exchange.domain.commands import PlaceOrder
from exchange.domain.events import CommandRefused, OrderAccepted
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.log import ChainVerifier, LogName, read_frames, read_only_log

from .processes import VenueProcess, in_time, is_running
from .venue import LOT_QTY, Market, fetch
from .wire import Message, Outcome, Told, pour

ORDERS_PER_CYCLE = 800
RESENT_SHARE = 0.3
RESENT_AT_ONCE = 2_000
"""An account that has more under way than it may still be refused hears `rate`, not its outcome."""

Kill = Callable[[VenueProcess], None]


def exchange_dies(venue: VenueProcess) -> None:
    """Only the exchange; the next one adopts the living log server."""
    log_server_pid = venue.log_server_pid
    venue.kill()
    assert is_running(log_server_pid), "the log server outlives the exchange"


def log_server_dies(venue: VenueProcess) -> None:
    """Only the log server; the exchange must then stop by itself and say why."""
    venue.kill_log_server()
    exit_code = venue.wait_end()
    assert 40 <= exit_code < 60, (exit_code, venue.stderr())
    assert "error: log_" in venue.stderr()
    assert "Traceback" not in venue.stderr()


def both_die(venue: VenueProcess) -> None:
    """First the exchange, then the log server."""
    venue.kill()
    venue.kill_log_server()


@pytest.mark.parametrize(
    ("kill", "cycles_count"),
    [(exchange_dies, 5), (log_server_dies, 2), (both_die, 2)],
    ids=lambda value: getattr(value, "__name__", None),
)
@in_time
async def test_every_command_happens_once_whatever_dies_under_load(
    venue: VenueProcess, market: Market, kill: Kill, cycles_count: int
) -> None:
    """A few kills of each kind; `tests/faults/test_kill.py` does many."""
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    await kill_under_load(venue, market, kill, cycles_count, random.Random(seed))


async def kill_under_load(
    venue: VenueProcess,
    market: Market,
    kill: Kill,
    cycles_count: int,
    rng: random.Random,
    orders_count: int = ORDERS_PER_CYCLE,
) -> None:
    """Every acknowledged command is in the log once, with the outcome that was told."""
    told = Told()
    sent: dict[str, list[Message]] = {"supplier": [], "trader": []}
    for cycle in range(cycles_count):
        # So often that deaths hit snapshots at every stage.
        await asyncio.to_thread(venue.start, "--snapshot-records", 300)
        now = {who: some_orders(rng, market, who, cycle, orders_count) for who in sent}
        pouring = [asyncio.create_task(pour(venue, who, now[who], told)) for who in now]
        await told.heard(rng.randint(1, orders_count))
        await asyncio.sleep(rng.random() / 100)  # the random moment itself, nothing waits for it
        await asyncio.to_thread(kill, venue)
        await asyncio.gather(*pouring)
        for who in sent:
            sent[who] += now[who]

    await asyncio.to_thread(venue.start)
    first_told = {name: replies[0] for name, replies in told.replies.items()}
    open_count = sum(len(orders) for orders in sent.values()) - len(first_told)
    print(f"{len(first_told)} answered, {open_count} unanswered")
    assert first_told, "nothing was answered before the kill"
    assert not any(reply.is_duplicate for reply in first_told.values())
    again = {
        who: [
            order
            for order in orders
            if order["client_order_id"] not in first_told or rng.random() < RESENT_SHARE
        ]
        for who, orders in sent.items()
    }
    await asyncio.gather(*(resend(venue, who, again[who], told) for who in again))

    for name, replies in told.replies.items():
        assert len({reply.outcome for reply in replies}) == 1, (name, replies)
        assert all(reply.is_duplicate for reply in replies[1:]), (name, replies)
    assert len(told.replies) == sum(len(orders) for orders in sent.values())
    recorded = recorded_outcomes(venue.data_dir)
    for name, replies in told.replies.items():
        assert recorded[name] == [replies[0].outcome], name
    codes = {outcome.code for outcomes in recorded.values() for outcome in outcomes}
    assert codes >= {0, Reason.LOT, Reason.UNKNOWN_INSTRUMENT}, codes
    # What the exchange shows of its log is the log.
    some = [reply.outcome.log_seq for reply in list(first_told.values())[:: len(first_told) // 5]]
    for seq in some:
        answer = await fetch(venue, f"/v1/log?from_seq={seq}&limit=1", "operator")
        name = answer.value["command"]["command_id"]
        assert told.replies[name][0].outcome.log_seq == answer.value["seq"] == seq
    assert await asyncio.to_thread(venue.stop) == 0
    await asyncio.to_thread(venue.verify)


async def resend(venue: VenueProcess, who: str, orders: list[Message], told: Told) -> None:
    """Orders of whatever number, with no more under way than the account may have."""
    for at in range(0, len(orders), RESENT_AT_ONCE):
        await pour(venue, who, orders[at : at + RESENT_AT_ONCE], told)


@in_time
async def test_an_exchange_without_its_log_says_so_and_stops(
    venue: VenueProcess, market: Market
) -> None:
    """Idle when its log server dies, it ends with the next command, whose outcome is unknown."""
    await asyncio.to_thread(venue.start)
    await asyncio.to_thread(venue.kill_log_server)
    answer = await fetch(
        venue,
        "/v1/pledges/1/accept",
        "operator",
        method="POST",
        headers={"Idempotency-Key": "too late"},
    )
    assert answer.status == 404, "reading goes on as long as the process lives"
    answer = await fetch(
        venue,
        "/v1/admin/deposit_cash",
        "operator",
        method="POST",
        headers={"Idempotency-Key": "unheard"},
        body={"account_id": 4, "deposit_amount": 1, "external_reference": "unheard"},
    )
    assert answer.status == 503
    assert answer.value["code"] in (Reason.OUTCOME_UNKNOWN, Reason.LOG_UNAVAILABLE)
    exit_code = await asyncio.to_thread(venue.wait_end)
    assert 40 <= exit_code < 60, venue.stderr()
    assert "error: log_" in venue.stderr()
    assert "Traceback" not in venue.stderr()
    await asyncio.to_thread(venue.start)
    health = await fetch(venue, "/health/ready")
    assert health.status == 200


def recorded_outcomes(data_dir: Path) -> dict[str, list[Outcome]]:
    """By client order id, the outcomes of all records that place an order, in the log's order."""
    found: dict[str, list[Outcome]] = {}
    with read_only_log(data_dir) as client:
        for frame in read_frames(client, ChainVerifier(LogName("e2e"))):
            for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
                command, events = decode_body(encoded)
                if not isinstance(command, PlaceOrder):
                    continue
                first = events[0]
                if isinstance(first, CommandRefused):
                    outcome = Outcome(seq, int(first.reason), 0)
                else:
                    assert isinstance(first, OrderAccepted), first
                    outcome = Outcome(seq, 0, first.order_id)
                found.setdefault(command.command_id, []).append(outcome)
    return found


def some_orders(
    rng: random.Random, market: Market, who: str, cycle: int, orders_count: int = ORDERS_PER_CYCLE
) -> list[Message]:
    """Orders that rest, meet, are too large, or are wrong."""
    orders = []
    for number in range(orders_count):
        kind = rng.random()
        symbol = rng.choice((market.month_symbol, market.next_month_symbol, market.day_symbol))
        orders.append(
            {
                "type": "place_order",
                "client_order_id": f"{who} {cycle} {number}",
                "instrument": f"{market.month_symbol}9" if kind < 0.02 else symbol,
                "side": "sell" if who == "supplier" else "buy",
                "order_qty": LOT_QTY * rng.randint(1, 4) + (kind > 0.97),
                "limit_price": rng.randint(990, 1_010),
                # Few rest, so that the account stays below its limit of open orders.
                "time_in_force": "gtc" if rng.random() < 0.1 else rng.choice(("ioc", "fok")),
            }
        )
    return orders
