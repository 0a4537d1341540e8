"""Websocket sessions: the handshake, orders, streams and their ends."""

import asyncio

import msgspec
import pytest

from exchange.domain.commands import AdvanceClock, RegisterKey, RevokeKey
from exchange.domain.enums import Scope
from exchange.domain.events import CommandRefused, OrderCancelled, SessionClosed, SessionOpened
from exchange.domain.reasons import Reason
from exchange.domain.record import decode_body
from exchange.domain.wire import (
    Ack,
    AmendOrder,
    Auth,
    AuthOk,
    Balances,
    Book,
    Bye,
    CancelOrder,
    Done,
    Error,
    Execution,
    Logout,
    Marks,
    MassCancel,
    Orders,
    Ping,
    PlaceOrder,
    Pong,
    Positions,
    Subscribe,
    Trade,
    Unsubscribe,
)
from exchange.gateway import GatewaySettings
from exchange.gateway.border import HUB
from tests.gateway.conftest import OTHER, SUPPLIER, SYMBOL, TRADER, token
from tests.scenario import secret_hash

FORMS = pytest.mark.parametrize("form", [msgspec.json, msgspec.msgpack], ids=["json", "msgpack"])


def buy(client_order_id: str, qty: int = 1, price: int = 900, **more) -> PlaceOrder:
    """A bid for June."""
    return PlaceOrder(
        request_id=more.pop("request_id", 1),
        client_order_id=client_order_id,
        instrument=more.pop("instrument", SYMBOL),
        side="buy",
        order_qty=qty,
        limit_price=price,
        **more,
    )


def sell(client_order_id: str, qty: int = 1, price: int = 1_000, **more) -> PlaceOrder:
    """An offer of June."""
    return msgspec.structs.replace(buy(client_order_id, qty, price, **more), side="sell")


# -- the handshake --------------------------------------------------------------------------------


@FORMS
async def test_a_session_is_a_fact_of_the_log(house, form):
    socket = await house.session(TRADER, form, request_id=5, cancel_on_disconnect=True)
    assert socket.auth.account_id == TRADER
    assert socket.auth.request_id == 5
    assert socket.auth.roles == ["trader"]
    assert socket.auth.session_id == len(house.records)
    (opened,) = house.events()
    assert isinstance(opened, SessionOpened)
    assert (opened.session_id, opened.key_id) == (socket.auth.session_id, TRADER)
    assert opened.is_cancel_on_disconnect


@pytest.mark.parametrize(
    "bad_token", ["4.wrong", "4", "", "99.secret of 99", "x.y", "٤.secret of 4", "4." + "a" * 200]
)
async def test_a_wrong_token_is_told_so_and_put_out(house, bad_token):
    socket = await house.connect()
    error = await socket.ask(Auth(request_id=9, token=bad_token))
    assert isinstance(error, Error)
    assert (error.code, error.name, error.request_id) == (2002, "bad_signature", 9)
    assert isinstance(await socket.receive(), Bye)
    assert await socket.closed() == 1008


async def test_nothing_is_served_before_authentication(house):
    socket = await house.connect()
    before = len(house.records)
    for request in (buy("a"), Ping(request_id=1), Subscribe(channels=["orders"])):
        error = await socket.ask(request)
        assert error.code == Reason.AUTH_REQUIRED
    assert len(house.records) == before


async def test_a_second_authentication_is_refused(house):
    socket = await house.session(TRADER)
    error = await socket.ask(Auth(token=token(OTHER)))
    assert error.code == Reason.ALREADY_DONE


async def test_a_revoked_key_opens_nothing_and_its_sessions_end(house):
    socket = await house.session(TRADER)
    await house.sequencer.execute(RevokeKey(key_id=1, command_id="r", revoked_key_id=TRADER))
    assert (await socket.until(Bye)).reason == "bad_signature"
    assert await socket.closed() == 1008
    again = await house.connect()
    assert (await again.ask(Auth(token=token(TRADER)))).code == Reason.BAD_SIGNATURE
    await asyncio.sleep(0.02)
    assert not any(isinstance(e, CommandRefused) for e in house.events())


async def test_an_expired_key_opens_nothing_and_its_sessions_end(house):
    now_ns = house.sequencer.market_ns
    outcome = await house.sequencer.execute(
        RegisterKey(
            key_id=1,
            command_id="k",
            account_id=TRADER,
            token_sha256=secret_hash("8"),
            scopes=[Scope.READ],
            expires_ns=now_ns + 1_000,
        )
    )
    assert outcome.reason is None
    socket = await house.session(8)
    await house.sequencer.execute(AdvanceClock(market_ns=now_ns + 1_000))
    assert (await socket.until(Bye)).reason == "key_expired"
    again = await house.connect()
    assert (await again.ask(Auth(token=token(8)))).code == Reason.KEY_EXPIRED


async def test_a_key_that_may_only_read_cannot_trade(house):
    await house.sequencer.execute(
        RegisterKey(
            key_id=1,
            command_id="k",
            account_id=TRADER,
            token_sha256=secret_hash("8"),
            scopes=[Scope.READ],
        )
    )
    socket = await house.session(8)
    before = len(house.records)
    for request in (buy("a"), CancelOrder(command_id="b", order_id=1), MassCancel(command_id="c")):
        assert (await socket.ask(request)).code == Reason.SCOPE
    assert len(house.records) == before


async def test_an_unknown_subprotocol_is_not_spoken(house):
    response = await house.client.get(
        "/v1/ws",
        headers={
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Protocol": "gx.v9",
        },
    )
    assert response.status == 400


# -- orders ---------------------------------------------------------------------------------------


@FORMS
async def test_an_order_is_acknowledged_by_its_record_and_rests(house, form):
    socket = await house.session(TRADER, form)
    ack = await socket.ask(buy("a", 3, request_id=7))
    assert ack == Ack(
        request_id=7, log_seq=len(house.records), order_id=len(house.records), client_order_id="a"
    )
    command, _ = decode_body(house.records[-1])
    assert command.key_id == TRADER
    assert command.session_id == socket.auth.session_id
    assert command.valid_until_ns == house.sequencer.market_ns + 30 * 10**9
    assert house.projections.depth.bids(house.june, 5) == [(900, 3, 1)]


async def test_the_same_order_again_is_answered_and_another_under_its_id_is_not(house):
    socket = await house.session(TRADER)
    first = await socket.ask(buy("a", 3))
    again = await socket.ask(buy("a", 3, request_id=2))
    assert (again.order_id, again.duplicate) == (first.order_id, True)
    other = await socket.ask(buy("a", 4))
    assert (other.code, other.name) == (4092, "id_conflict")


async def test_a_market_refusal_names_the_thing_the_numbers_and_the_record(house):
    socket = await house.session(TRADER)
    error = await socket.ask(buy("a", instrument="A100-80-SXM.SG1:M2799", request_id=3))
    assert (error.code, error.request_id, error.log_seq) == (4001, 3, len(house.records))
    assert "M2799" in error.message
    title = await socket.ask(sell("b", 5))
    assert (title.code, title.value, title.free_qty) == (5002, 5, 0)
    assert (
        title.first_binding_day
        == house.projections.listings.instruments[house.june].listed.start_day
    )
    assert "5 GPUs" in title.message


async def test_a_command_past_its_time_is_refused(house):
    socket = await house.session(TRADER)
    error = await socket.ask(buy("a", valid_until_ns=1))
    assert (error.code, error.name) == (4093, "too_late")


async def test_orders_are_amended_and_cancelled_by_either_id(house):
    socket = await house.session(TRADER)
    placed = await socket.ask(buy("a", 5))
    amended = await socket.ask(AmendOrder(command_id="m", client_order_id="a", order_qty=4))
    assert isinstance(amended, Ack)
    assert house.projections.depth.bids(house.june, 1) == [(900, 4, 1)]
    gone = await socket.ask(CancelOrder(command_id="x", order_id=placed.order_id))
    assert isinstance(gone, Ack)
    assert gone.order_id == placed.order_id
    again = await socket.ask(CancelOrder(command_id="y", order_id=placed.order_id))
    assert isinstance(again, Error)


async def test_a_mass_cancel_takes_what_was_named_and_never_more(house):
    socket = await house.session(TRADER)
    await socket.ask(buy("a"))
    await socket.ask(buy("b"))
    unknown = await socket.ask(MassCancel(command_id="x", instrument="nothing"))
    assert (unknown.code, unknown.field) == (4001, "instrument")
    assert house.projections.orders.open_count(TRADER) == 2
    assert isinstance(await socket.ask(MassCancel(command_id="y", instrument=SYMBOL)), Ack)
    assert house.projections.orders.open_count(TRADER) == 0


async def test_acks_of_one_commit_leave_in_one_frame(house):
    socket = await house.session(TRADER)
    await socket.send(*[buy(f"c{n}", request_id=n) for n in range(1, 65)])
    acks = [await socket.receive() for _ in range(64)]
    assert [ack.request_id for ack in acks] == list(range(1, 65))
    assert socket.frame_sizes[-1] == 64


async def test_each_message_of_a_frame_stands_for_itself(house):
    socket = await house.session(TRADER)
    good = msgspec.json.encode(buy("a", request_id=1))
    bad = b'{"type":"place_order","request_id":2,"client_order_id":"b"}'
    await socket.send_raw(b"[" + bad + b"," + good + b',{"type":"dance","request_id":3}]')
    answers = {m.request_id: m for m in [await socket.receive() for _ in range(3)]}
    assert isinstance(answers[1], Ack)
    assert (answers[2].code, answers[2].field) == (1004, "instrument")
    assert (answers[3].code, answers[3].field) == (1003, "type")


# -- bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("payload", "code", "field"),
    [
        (b"{", 1001, ""),
        (b"", 1001, ""),
        (b"\xff\xfe", 1001, ""),
        (b"[" * 30_000, 1001, ""),
        (b"3", 1003, "type"),
        (b'{"request_id":1}', 1003, "type"),
        (b'{"type":"dance"}', 1003, "type"),
        (b'{"type":["ping"]}', 1003, "type"),
        (b'{"type":"ping","extra":1}', 1004, "extra"),
        (b'{"type":"ping","request_id":"a"}', 1004, "request_id"),
        (b'{"type":"ping","request_id":-1}', 1004, "request_id"),
        (b'{"type":"ping","request_id":9007199254740992}', 1004, "request_id"),
        (b'{"type":"subscribe","channels":[]}', 1004, "channels"),
        (b'{"type":"subscribe","channels":[4]}', 1004, "channels[0]"),
    ],
)
async def test_bad_input_gets_its_code_and_its_field(house, payload, code, field):
    socket = await house.session(TRADER)
    before = len(house.records)
    error = await socket.error(payload)
    assert (error.code, error.field) == (code, field)
    assert error.message
    assert isinstance(await socket.ask(Ping()), Pong)
    assert len(house.records) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order_qty", 0),
        ("order_qty", 10_000_001),
        ("order_qty", 1.5),
        ("limit_price", 0),
        ("limit_price", 16_000_001),
        ("limit_price", -5),
        ("side", "hold"),
        ("time_in_force", "day"),
        ("client_order_id", ""),
        ("client_order_id", "x" * 37),
        ("instrument", ""),
        ("post_only", "yes"),
    ],
)
async def test_a_number_or_word_out_of_range_is_named(house, field, value):
    socket = await house.session(TRADER)
    fields = msgspec.to_builtins(buy("a")) | {field: value, "request_id": 6}
    error = await socket.error(msgspec.json.encode(fields))
    assert (error.code, error.field, error.request_id) == (1004, field, 6)


@FORMS
async def test_64_messages_are_a_frame_and_65_are_too_many(house, form):
    socket = await house.session(TRADER, form)
    await socket.send(*[Ping(request_id=n) for n in range(64)])
    assert [(await socket.receive()).request_id for _ in range(64)] == list(range(64))
    error = await socket.error(form.encode([Ping()] * 65))
    assert (error.code, error.value, error.limit) == (1002, 65, 64)


async def test_64_kib_are_read_and_one_byte_more_ends_the_session(house):
    socket = await house.session(TRADER)
    ping = msgspec.json.encode(Ping(request_id=4))
    await socket.send_raw(ping + b" " * (65_536 - len(ping)))
    assert (await socket.receive()).request_id == 4
    await socket.send_raw(ping + b" " * (65_537 - len(ping)))
    assert await socket.closed() == 1009


async def test_text_on_the_binary_protocol_ends_the_session(house):
    socket = await house.session(TRADER, msgspec.msgpack)
    await socket.ws.send_str("{}")
    assert (await socket.receive()).reason == "bad_frame"


# -- streams --------------------------------------------------------------------------------------


async def test_a_book_is_a_snapshot_and_then_its_changes(house):
    trader, reader = await house.session(TRADER), await house.session(OTHER)
    await trader.ask(buy("a", 3))
    await asyncio.sleep(0.03)
    done = await reader.ask(Subscribe(request_id=2, channels=[f"book:{SYMBOL}:5"]))
    assert done == Done(request_id=2)
    snapshot = await reader.until(Book)
    assert snapshot.snapshot
    assert snapshot.bids == [(900, 3, 1)]
    await trader.ask(buy("b", 2, 905))
    change = await reader.until(Book)
    assert (change.bids, change.asks, change.snapshot) == ([(905, 2, 1)], [], False)
    assert change.prev_seq == snapshot.seq
    await trader.ask(MassCancel(command_id="x"))
    gone = await reader.until(Book)
    assert sorted(gone.bids) == [(900, 0, 0), (905, 0, 0)]
    assert gone.prev_seq == change.seq


async def test_a_late_reader_of_a_book_misses_nothing_that_was_undone(house):
    trader, first, late = [await house.session(key) for key in (TRADER, OTHER, SUPPLIER)]
    channel = Subscribe(channels=[f"book:{SYMBOL}:5"])
    await first.ask(channel)
    await first.until(Book)
    await trader.ask(buy("a", 3))
    await late.ask(channel)
    book = {level[0]: level[1] for level in (await late.until(Book)).bids}
    await trader.ask(MassCancel(command_id="x"))
    for price, qty, _ in (await late.until(Book)).bids:
        book[price] = qty
    assert book == {900: 0}


async def test_a_reader_that_fell_behind_gets_a_snapshot_when_it_has_caught_up(house):
    trader, reader = await house.session(TRADER), await house.session(OTHER)
    await reader.ask(Subscribe(channels=[f"book:{SYMBOL}:5"]))
    await reader.until(Book)
    session = house.app[HUB].sessions[reader.auth.session_id]
    session._connection.behind_bytes = lambda: house.app[HUB].settings.public_behind_bytes + 1
    await trader.ask(buy("a", 3))
    await asyncio.sleep(0.03)
    await trader.ask(buy("b", 2))
    await asyncio.sleep(0.03)
    del session._connection.behind_bytes
    caught_up = await reader.until(Book)
    assert caught_up.snapshot
    assert caught_up.bids == [(900, 5, 2)]


async def test_trades_are_public_and_executions_are_not(house):
    seller, buyer, reader = [await house.session(key) for key in (SUPPLIER, TRADER, OTHER)]
    await reader.ask(Subscribe(channels=[f"trades:{SYMBOL}", "orders"]))
    assert (await reader.until(Orders)).orders == []
    for socket in (seller, buyer):
        await socket.ask(Subscribe(channels=["orders"]))
        await socket.until(Orders)
    await seller.ask(sell("s", 5))
    assert (await seller.until(Execution)).exec_type == "new"
    await buyer.send(buy("b", 2, 1_000))
    fill = await seller.until(Execution)
    assert (fill.exec_type, fill.liquidity, fill.last_qty, fill.leaves_qty) == (
        "trade",
        "maker",
        2,
        3,
    )
    new, own = await buyer.until(Execution), await buyer.until(Execution)
    assert (own.previous, own.exec_type, own.order_status) == (new.position, "trade", "filled")
    public = await reader.receive()
    assert isinstance(public, Trade)
    assert (public.last_qty, public.taker_side) == (2, "buy")


async def test_positions_and_balances_follow_a_trade(house):
    seller, buyer = await house.session(SUPPLIER), await house.session(TRADER)
    await buyer.ask(Subscribe(channels=["positions", "balances", "marks"]))
    assert (await buyer.until(Positions)).positions == []
    before = await buyer.until(Balances)
    assert (await buyer.until(Marks)).marks == []
    await seller.ask(sell("s", 5))
    await buyer.send(buy("b", 5, 1_000))
    held = await buyer.until(Positions)
    assert held.positions[0].title[0].qty == 5
    paid = await buyer.until(Balances)
    assert paid.available_amount < before.available_amount - 5 * 1_000 * 720


@pytest.mark.parametrize(
    "channel",
    ["dance", "book:x:5", f"book:{SYMBOL}", f"book:{SYMBOL}:0", f"book:{SYMBOL}:101", "trades:x"],
)
async def test_an_unknown_channel_refuses_the_whole_request(house, channel):
    socket = await house.session(TRADER)
    error = await socket.ask(Subscribe(request_id=3, channels=["orders", channel]))
    assert (error.code, error.field, error.request_id) == (1005, "channels", 3)
    await socket.ask(buy("a"))
    assert isinstance(await socket.ask(Ping()), Pong)


async def test_what_was_left_is_not_sent_any_more(house):
    socket = await house.session(TRADER)
    await socket.ask(Subscribe(channels=["orders"]))
    await socket.until(Orders)
    assert await socket.ask(Unsubscribe(request_id=4, channels=["orders"])) == Done(request_id=4)
    await socket.ask(buy("a"))
    assert isinstance(await socket.ask(Ping()), Pong)


# -- ends and resumption --------------------------------------------------------------------------


async def eventually(condition) -> None:
    """Within two seconds."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


async def test_cancel_on_disconnect_cancels_when_the_connection_goes(house):
    socket = await house.session(TRADER, cancel_on_disconnect=True)
    await socket.ask(buy("a"))
    await socket.ws.close()
    await eventually(lambda: house.projections.orders.open_count(TRADER) == 0)
    closed, cancelled = house.events()
    assert isinstance(closed, SessionClosed)
    assert isinstance(cancelled, OrderCancelled)


async def test_a_logout_keeps_the_orders(house):
    socket = await house.session(TRADER, cancel_on_disconnect=True)
    await socket.ask(buy("a"))
    assert await socket.ask(Logout(request_id=8)) == Done(request_id=8)
    assert await socket.closed() == 1000
    await eventually(lambda: isinstance(house.events()[0], SessionClosed))
    assert house.projections.orders.open_count(TRADER) == 1


async def test_a_client_that_comes_back_gets_what_it_missed(house):
    seller = await house.session(SUPPLIER)
    first = await house.session(TRADER)
    await first.ask(Subscribe(channels=["orders"]))
    await first.ask(buy("a", 5, 1_000))
    seen = await first.until(Execution)
    await first.ws.close()
    await seller.ask(sell("s", 2))
    second = await house.connect()
    auth = await second.ask(
        Auth(
            token=token(TRADER),
            previous_session_id=first.auth.session_id,
            resume_from=seen.position,
        )
    )
    assert isinstance(auth, AuthOk)
    assert auth.resumed
    missed = await second.receive()
    assert (missed.exec_type, missed.last_qty, missed.replay) == ("trade", 2, True)
    assert missed.previous == seen.position
    assert missed.position == auth.position
    await seller.ask(sell("t", 1))
    live = await second.until(Execution)
    assert (live.previous, live.replay) == (missed.position, False)


async def test_a_position_of_another_history_is_not_resumed(house):
    socket = await house.connect()
    auth = await socket.ask(Auth(token=token(TRADER), resume_from=(10**6, 0)))
    assert isinstance(auth, AuthOk)
    assert not auth.resumed


async def test_a_continued_session_ends_the_one_it_continues(house):
    first = await house.session(TRADER, cancel_on_disconnect=True)
    await first.ask(buy("a"))
    await house.session(TRADER, previous_session_id=first.auth.session_id)
    assert (await first.until(Bye)).reason == "already_done"
    await first.closed()
    await asyncio.sleep(0.02)
    assert isinstance(house.events()[0], SessionOpened)
    assert house.projections.orders.open_count(TRADER) == 1


async def test_a_stopping_exchange_says_goodbye(house):
    socket = await house.session(TRADER)
    closing = asyncio.create_task(house.client.server.close())
    assert (await socket.until(Bye)).reason == "draining"
    assert await socket.closed() == 1001
    await closing


class TestTightLimits:
    """With small limits, the last that passes and the first that does not."""

    @pytest.fixture
    def settings(self) -> GatewaySettings:
        return GatewaySettings(
            orders_per_second_count=1,
            orders_burst_count=6,
            idle_cancels_per_second_count=2,
            max_subscriptions_count=2,
            max_open_orders_count=4,
            max_unauthenticated_count=1,
            auth_timeout_s=0.2,
            conflation_s=0.01,
            private_behind_bytes=100_000,
            heartbeat_s=1,
        )

    async def test_the_rate_is_the_accounts_over_all_sessions(self, house):
        one, two = await house.session(TRADER), await house.session(TRADER)
        assert isinstance(await one.ask(MassCancel(command_id="m")), Ack | Error)
        assert isinstance(await two.ask(buy("a")), Ack)
        error = await one.ask(buy("b"))
        assert (error.code, error.limit, error.retry) == (3001, 1, "after")
        assert error.after_ms > 0
        assert isinstance(await (await house.session(OTHER)).ask(buy("c")), Ack)

    async def test_a_cancel_that_cancels_is_free(self, house):
        socket = await house.session(TRADER)
        for n in range(4):
            await socket.ask(buy(f"c{n}"))
        for n in range(4):
            ack = await socket.ask(CancelOrder(command_id=f"x{n}", client_order_id=f"c{n}"))
            assert isinstance(ack, Ack)

    async def test_a_cancel_that_cancels_nothing_draws_on_its_own_bucket(self, house):
        socket = await house.session(TRADER)
        codes = [
            (await socket.ask(CancelOrder(command_id=f"x{n}", order_id=999))).code for n in range(3)
        ]
        assert codes == [4041, 4041, 3001]
        assert isinstance(await socket.ask(buy("a")), Ack)

    async def test_open_orders_are_capped(self, house):
        socket = await house.session(TRADER)
        for n in range(4):
            assert isinstance(await socket.ask(buy(f"c{n}")), Ack)
        error = await socket.ask(buy("more"))
        assert (error.code, error.value, error.limit) == (3002, 4, 4)

    async def test_subscriptions_are_capped(self, house):
        socket = await house.session(TRADER)
        await socket.ask(Subscribe(channels=["orders", "balances"]))
        await socket.until(Balances)
        error = await socket.ask(Subscribe(channels=["positions"]))
        assert (error.code, error.value, error.limit) == (3006, 3, 2)

    async def test_a_connection_must_authenticate_in_time(self, house):
        socket = await house.connect()
        assert isinstance(await socket.receive(), Bye)
        assert await socket.closed() == 4001
        await house.session(TRADER)

    async def test_connections_before_authentication_are_capped(self, house):
        await house.connect()
        status, body = await house.get(
            "/v1/ws",
            Upgrade="websocket",
            Connection="Upgrade",
        )
        assert (status, body["code"]) == (503, 3004)

    async def test_a_client_that_does_not_read_is_closed(self, house):
        socket = await house.session(TRADER)
        session = house.app[HUB].sessions[socket.auth.session_id]
        session._connection.behind_bytes = lambda: 100_001
        session.send(Pong())
        session.flush()
        assert (await socket.until(Bye)).reason == "slow_consumer"
        assert await socket.closed() == 4003

    async def test_the_heart_beats(self, house):
        socket = await house.session(TRADER)
        pong = await socket.receive()
        assert isinstance(pong, Pong)
        assert pong.log_seq == len(house.records)
