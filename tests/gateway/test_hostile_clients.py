"""What one client can do to the others: nothing."""

import asyncio
import hashlib
import os
import signal
from collections import Counter

import pytest

from exchange.domain.commands import CountRefusals
from exchange.domain.reasons import Reason, RefusalCount
from exchange.domain.record import decode_body
from exchange.domain.wire import (
    Ack,
    Auth,
    AuthOk,
    Balances,
    CancelOrder,
    Error,
    MassCancel,
    Orders,
    Positions,
)
from exchange.gateway import GatewaySettings
from exchange.gateway.border import HUB
from exchange.gateway.worker import Worker

from .conftest import AUDITOR, BANK, OPERATOR, OTHER, TRADER, bearer, buy, eventually, token


async def test_an_idempotency_key_that_cannot_be_recorded_is_refused_and_trading_goes_on(house):
    server = house.client.server
    reader, writer = await asyncio.open_connection(server.host, server.port)
    head = (
        b"POST /v1/pledges HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        b"Authorization: Bearer " + token(TRADER).encode() + b"\r\n"
        b"Idempotency-Key: ab\xff1\r\nContent-Length: 2\r\n\r\n{}"
    )
    writer.write(head)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"printable ASCII" in answer
    trader = await house.session(TRADER)
    assert (await trader.ask(buy("still trading"))).log_seq


async def test_a_client_order_id_of_control_characters_is_refused(house):
    trader = await house.session(TRADER)
    error = await trader.error(
        b'{"type":"place_order","client_order_id":"C\\u001b[31m","instrument":"x","side":"buy",'
        b'"order_qty":1,"limit_price":1}'
    )
    assert (error.code, error.field) == (1004, "client_order_id")


@pytest.mark.parametrize(
    "settings", [GatewaySettings(sessions_per_second_count=0, sessions_burst_count=2)]
)
async def test_an_account_that_opens_session_after_session_is_refused_for_its_rate(house):
    for _ in range(2):
        await house.session(TRADER)
    count = len(house.records)
    socket = await house.connect()
    error = await socket.ask(Auth(token=token(TRADER)))
    assert isinstance(error, Error)
    assert (error.code, len(house.records)) == (3001, count)
    await house.session(BANK)


async def test_a_position_that_nobody_knows_is_answered_with_snapshots(house):
    socket = await house.connect()
    auth = await socket.ask(Auth(token=token(TRADER), resume_from=(2**50, 5)))
    assert isinstance(auth, AuthOk)
    assert not auth.resumed
    for kind in (Orders, Positions, Balances):
        assert (await socket.until(kind)).account_id == TRADER


async def test_an_auditor_keeps_its_own_keys_and_nobody_elses(house):
    def key(account_id: int) -> dict[str, object]:
        digest = hashlib.sha256(b"new").hexdigest()
        return {"account_id": account_id, "token_sha256": digest, "scopes": ["read"]}

    status, error = await house.post("/v1/keys", key(BANK), AUDITOR, "one")
    assert (status, error["name"]) == (409, "wrong_role")
    status, receipt = await house.post("/v1/keys", key(AUDITOR), AUDITOR, "two")
    assert status == 201
    revocation = f"/v1/keys/{receipt['created_id']}/revoke"
    assert (await house.post(revocation, {}, TRADER, "three"))[0] == 409
    assert (await house.post(revocation, {}, AUDITOR, "four"))[0] == 201


async def test_a_payment_reference_may_look_like_a_hash(house):
    deposit = {"account_id": TRADER, "deposit_amount": 1, "external_reference": "ab" * 32}
    status, _ = await house.post("/v1/admin/deposit_cash", deposit, OPERATOR, "d")
    assert status == 201


async def test_a_refusal_states_a_limit_of_nothing_too(house):
    trader = await house.session(TRADER)
    error = await trader.ask(Auth(token=token(TRADER)))
    assert error.name == "already_done"
    body = {"account_id": 99, "deposit_amount": 1, "external_reference": "x"}
    _, refusal = await house.post("/v1/admin/deposit_cash", body, OPERATOR, "d")
    assert (refusal["value"], refusal["limit"]) == (99, 0)


def _process_id() -> int:
    return os.getpid()


async def test_a_worker_that_is_killed_is_replaced():
    worker = Worker()
    try:
        first = await worker.run(_process_id)
        assert await worker.run(_process_id) == first != os.getpid()
        os.kill(first, signal.SIGKILL)
        assert await worker.run(_process_id) != first
    finally:
        worker.close()


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=50)]
)
async def test_a_flood_of_what_is_refused_leaves_few_records_and_one_count(house):
    trader = await house.session(TRADER)
    count = len(house.records)
    codes = Counter()
    for round_number in range(10):
        # No such lot: a refusal of the market, with a record of its own.
        flood = [buy(f"{round_number} {n}", instrument="nowhere") for n in range(60)]
        await trader.send(*flood)
        for _ in flood:
            codes[(await trader.until(Error)).code] += 1
    assert codes[4001] == len(house.records) - count == 50
    assert codes[3001] == 550
    other = await house.session(OTHER)
    assert (await other.ask(buy("another account is not in debt"))).log_seq
    house.app[HUB].record_counts()
    await eventually(lambda: isinstance(decode_body(house.records[-1])[0], CountRefusals))
    assert decode_body(house.records[-1])[0].counts == [RefusalCount(TRADER, Reason.RATE, 550)]


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=50)]
)
async def test_a_flood_of_mass_cancels_that_find_nothing_leaves_as_few_records(house):
    """Each is recorded for its id; one that ends an order costs nothing of that."""
    trader = await house.session(TRADER)
    count = len(house.records)
    for number in range(30):
        await trader.ask(buy(f"bid {number}"))
        assert isinstance(await trader.ask(MassCancel(command_id=f"good {number}")), Ack)
    assert len(house.records) - count == 60
    await trader.send(*(MassCancel(command_id=f"idle {number}") for number in range(60)))
    answers = Counter([type(await trader.until(Ack | Error)) for _ in range(60)])
    assert answers == {Ack: 50, Error: 10}
    assert len(house.records) - count == 110


async def test_an_account_has_no_more_under_way_than_it_may_still_be_refused(house):
    limits = house.app[HUB].limits_of(TRADER)
    limits.refusals.spend(limits.refusals.level_count - 3)
    trader = await house.session(TRADER)
    await trader.send(*(buy(f"good {n}") for n in range(10)))
    answers = [await trader.receive() for _ in range(10)]
    refused = [answer for answer in answers if isinstance(answer, Error)]
    assert {answer.code for answer in refused} == {3001}
    assert 0 < len(refused) < 10
    assert (await trader.ask(buy("later"))).log_seq, "what was accepted costs nothing"


def spread(count: int = 100) -> dict[str, object]:
    """A block over accounts that there are not."""
    parts = [{"account_id": 2**53 - 1 - n, "allocated_qty": 80_000} for n in range(count)]
    return {"allocations": parts}


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=200)]
)
async def test_a_refusal_of_a_long_command_takes_as_much_as_it_grows_the_log(house):
    count = len(house.records)
    statuses = Counter()
    for number in range(30):
        status, problem = await house.post("/v1/blocks/1/allocate", spread(), TRADER, f"{number}")
        statuses[status, problem["name"]] += 1
    refused = house.records[count:]
    assert statuses == {(409, "unknown_block"): len(refused), (429, "rate"): 30 - len(refused)}
    longest = max(map(len, refused))
    assert longest > 1_400
    assert 0 < sum(map(len, refused)) < 200 * 140 + longest
    level_count = house.app[HUB].limits_of(TRADER).refusals.level_count
    assert -(longest // 90) < level_count <= 0, "the last one may owe itself"
    house.app[HUB].record_counts()
    await eventually(lambda: isinstance(decode_body(house.records[-1])[0], CountRefusals))
    counts = [RefusalCount(TRADER, Reason.RATE, 30 - len(refused))]
    assert decode_body(house.records[-1])[0].counts == counts


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=60)]
)
async def test_long_commands_that_come_at_once_have_no_more_room_than_one_after_the_other(house):
    count = len(house.records)
    answers = await asyncio.gather(
        *(house.post("/v1/blocks/1/allocate", spread(), TRADER, f"{n}") for n in range(40))
    )
    statuses = Counter(status for status, _ in answers)
    refused_count = len(house.records) - count
    assert statuses == {409: refused_count, 429: 40 - refused_count}
    assert 1 <= refused_count <= 4, "of 16 tokens each"


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=1)]
)
async def test_commands_that_succeed_take_no_room_however_long_and_many(house):
    path = "/v1/admin/deposit_cash"
    for number in range(20):
        reference = f"{number:0128d}"
        deposit = {"account_id": TRADER, "deposit_amount": 1, "external_reference": reference}
        assert (await house.post(path, deposit, OPERATOR, f"{number}"))[0] == 201
    assert house.app[HUB].limits_of(OPERATOR).refusals.level_count == 1
    deposit["account_id"] = 99
    assert (await house.post(path, deposit, OPERATOR, "none"))[0] == 409
    assert (await house.post(path, deposit, OPERATOR, "more"))[0] == 429


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=50)]
)
async def test_refusals_one_at_a_time_pay_for_their_frames(house):
    trader = await house.session(TRADER)
    names = Counter()
    for number in range(50):
        names[(await trader.ask(buy(f"{number}", instrument="nowhere"))).name] += 1
    assert names == {"unknown_instrument": 17, "rate": 33}, "three tokens each"


@pytest.mark.parametrize(
    "settings", [GatewaySettings(refusals_per_second_count=0, refusals_burst_count=40)]
)
async def test_a_flood_of_cancels_that_come_too_late_leaves_few_records(house):
    """They are refused on the record; a cancel in time is free and never refused for its rate."""
    trader = await house.session(TRADER)
    ack = await trader.ask(buy("bid"))
    count = len(house.records)
    for untimely_ns in (1, 2**62):
        for order_id in (ack.order_id, 1):
            named = {"order_id": order_id, "valid_until_ns": untimely_ns}
            names = [f"{untimely_ns % 10} {order_id} {number}" for number in range(60)]
            await trader.send(*(CancelOrder(command_id=name, **named) for name in names))
            for _ in names:
                await trader.until(Error)
    assert len(house.records) - count == 40
    cancel = CancelOrder(command_id="in time", order_id=ack.order_id)
    assert isinstance(await trader.ask(cancel), Ack)


async def test_refusals_beyond_one_list_wait_for_the_next_and_keep_their_reason(house):
    hub, counts = house.app[HUB], []
    for account_id in range(300):
        hub.count_refusal(account_id, Reason.SCOPE)
    for _ in range(2):
        count = len(house.records)
        hub.record_counts()
        await eventually(lambda count=count: len(house.records) > count)
        counts.append(decode_body(house.records[-1])[0].counts)
    assert [len(rows) for rows in counts] == [256, 44]
    rows = [row for each in counts for row in each]
    assert sorted(row.account_id for row in rows) == list(range(300))
    assert {(row.reason, row.refusal_count) for row in rows} == {(Reason.SCOPE, 1)}


async def test_a_body_that_cannot_be_unpacked_is_refused_in_our_words(house):
    headers = bearer(TRADER, "packed") | {"Content-Encoding": "gzip"}
    async with house.client.post("/v1/pledges", data=b"no gzip", headers=headers) as response:
        error = await response.json(content_type=None)
    assert (response.status, error["name"]) == (400, "bad_frame")
    assert "gzip" in error["message"]
