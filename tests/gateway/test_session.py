"""Websocket sessions: the handshake, orders, streams and their ends."""

import asyncio

import aiohttp
import pytest

from exchange.domain.commands import AdvanceClock, RegisterKey, RevokeKey
from exchange.domain.enums import Scope
from exchange.domain.events import CommandRefused, OrderCancelled, SessionClosed, SessionOpened
from exchange.domain.reasons import Reason
from exchange.domain.wire import (
    Ack,
    Auth,
    AuthOk,
    Balances,
    Bye,
    CancelOrder,
    Done,
    Error,
    Execution,
    Logout,
    MassCancel,
    Ping,
    Pong,
    Subscribe,
)
from exchange.gateway import GatewaySettings
from exchange.gateway.border import HUB
from tests.gateway.conftest import (
    BANK,
    FORMS,
    OTHER,
    SUPPLIER,
    TRADER,
    MemoryLog,
    buy,
    eventually,
    sell,
    token,
)
from tests.scenario import secret_hash

BOOK = "/v1/book/A100-80-SXM.SG1:M2706"

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


# -- ends and resumption --------------------------------------------------------------------------


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


async def test_a_stopping_exchange_says_goodbye_to_who_has_not_said_its_name(house):
    socket, hub = await house.connect(), house.app[HUB]
    hub.drain()
    assert (await socket.until(Bye)).reason == "draining"
    assert await socket.closed() == 1001
    await eventually(lambda: not hub.newcomers)


async def test_a_session_that_opens_while_the_exchange_stops_is_closed_on_the_record(house):
    is_durable = asyncio.Event()

    class SlowLog(MemoryLog):
        """Durable when the test says so."""

        async def append(self, records) -> None:
            await is_durable.wait()
            await super().append(records)

    house.sequencer._log = SlowLog(house.records)
    socket = await house.connect()
    await socket.send(Auth(token=token(TRADER)))
    await eventually(lambda: house.market.state.sessions)
    house.app[HUB].drain()
    is_durable.set()
    assert (await socket.until(Bye)).reason == "draining"
    await eventually(lambda: not house.market.state.sessions)
    assert not house.app[HUB].sessions


async def test_a_stopping_exchange_takes_no_command_and_answers_questions(house):
    house.app[HUB].drain()
    status, refusal = await house.post("/v1/pledges/1/accept", key_id=BANK, idempotency_key="late")
    assert (status, refusal["code"]) == (503, Reason.DRAINING)
    with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
        await house.connect()
    assert (await house.get(BOOK, TRADER))[0] == 200


class TestTightLimits:
    """With small limits, the last that passes and the first that does not."""

    @pytest.fixture
    def settings(self) -> GatewaySettings:
        return GatewaySettings(
            orders_per_second_count=1,
            orders_burst_count=6,
            idle_cancels_per_second_count=2,
            max_subscriptions_count=2,
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


@pytest.mark.parametrize("settings", [GatewaySettings(lease_ms=1_500)])
async def test_who_may_have_been_passed_over_says_nothing_about_now(house):
    """Neither over HTTP nor to a session that is open; how it is, it says."""
    trader = await house.session(TRADER)
    house.lease_age_ns = 1_500_999_999
    assert (await house.get(BOOK, TRADER))[0] == 200
    assert isinstance(await trader.ask(Ping()), Pong)
    house.lease_age_ns = 1_501_000_000
    status, refused = await house.get(BOOK, TRADER)
    assert (status, refused["code"], refused["value"], refused["limit"]) == (503, 9001, 1501, 1500)
    assert (await trader.ask(Ping())).code == Reason.NOT_LEADER
    assert (await trader.ask(Subscribe(channels=["orders"]))).code == Reason.NOT_LEADER
    assert (await house.get("/health/ready"))[0] == 200
    house.lease_age_ns = 0
    assert isinstance(await trader.ask(Subscribe(channels=["orders"])), Done)
