"""The SDK against a peer that loses connections, messages and its log."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from clients.sdk import (
    Backoff,
    ExchangeClient,
    ProtocolError,
    Refused,
    Subscription,
    SyncExchangeClient,
    Unauthorized,
    Unavailable,
    Update,
)
from exchange.domain.reasons import Reason
from exchange.domain.wire import Ack, Book, Done, Error, Execution, Orders, PlaceOrder, Pong
from exchange.domain.wire import error_of as wire_error

from .scripted_exchange import Part, Peer, ScriptedExchange, execution

QUICK = Backoff(first_s=0.01, longest_s=0.02, give_up_s=0.3)


@asynccontextmanager
async def client_of(*parts: Part, **options: object) -> AsyncIterator[ExchangeClient]:
    async with (
        ScriptedExchange(*parts) as url,
        ExchangeClient(url, "1.secret", backoff=QUICK, **options) as exchange,  # type: ignore[arg-type]
    ):
        yield exchange


def order(number: int) -> PlaceOrder:
    return PlaceOrder(
        client_order_id=f"c{number}", instrument="A:M2703", side="buy", order_qty=8, limit_price=9
    )


async def wait_for_end(peer: Peer) -> None:
    await peer.socket.receive(timeout=5)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_an_order_is_placed_once_the_exchange_acknowledges_it(encoding):
    async def part(peer):
        auth = await peer.greet()
        assert auth.token == "1.secret"
        assert auth.resume_from is None
        placed = await peer.accept(12)
        assert (placed.instrument, placed.side, placed.order_qty) == ("A:M2703", "buy", 8)
        await wait_for_end(peer)

    async with client_of(part, encoding=encoding) as exchange:
        ack = await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)
    assert (ack.log_seq, ack.order_id, ack.duplicate) == (12, 12, False)


async def test_the_conditions_of_an_order_are_sent_as_they_are_given():
    conditions = {
        "time_in_force": "gtd",
        "expire_day": 20_800,
        "min_qty": 2,
        "display_qty": 4,
        "self_match_policy": "cancel_resting",
        "link_id": 7,
    }

    async def part(peer):
        await peer.greet()
        placed = await peer.accept(12)
        assert {name: getattr(placed, name) for name in conditions} == conditions
        whole = await peer.accept(13)
        assert (whole.all_or_none, whole.time_in_force, whole.expire_day) == (True, "ioc", 0)
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        await exchange.place("A:M2703", "buy", order_qty=8, limit_price=9, **conditions)
        await exchange.place(
            "A:M2703", "buy", order_qty=8, limit_price=9, time_in_force="ioc", all_or_none=True
        )


async def test_a_refusal_names_reason_value_limit_and_day():
    async def part(peer):
        await peer.greet()
        request = await peer.receive()
        await peer.send(
            wire_error(
                Reason.TITLE,
                "300 against 200",
                request_id=request.request_id,
                value=300,
                limit=200,
                day=20605,
                log_seq=9,
            )
        )
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        with pytest.raises(Refused) as refusal:
            await exchange.place("A:M2703", "sell", order_qty=300, limit_price=1000)
    refused = refusal.value
    assert (refused.code, refused.name) == (5002, "title")
    assert (refused.value, refused.limit, refused.free_qty) == (300, 200, 200)
    assert (refused.first_binding_day, refused.log_seq) == (20605, 9)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
async def test_many_orders_leave_in_frames_of_at_most_64_and_are_answered_in_order(encoding):
    sizes: list[int] = []

    async def part(peer):
        await peer.greet()
        for number in range(130):
            placed = await peer.receive()
            if number == 77:
                reply = wire_error(Reason.CASH, "no", request_id=placed.request_id)
            else:
                reply = Ack(request_id=placed.request_id, log_seq=number)
            await peer.send(reply)
        sizes.extend(peer.frame_sizes[1:])
        await wait_for_end(peer)

    async with client_of(part, encoding=encoding) as exchange:
        answers = await exchange.place_many(order(number) for number in range(130))
    assert sizes == [64, 64, 2]
    assert isinstance(answers[77], Refused)
    assert [a.log_seq for a in answers if isinstance(a, Ack)] == [
        number for number in range(130) if number != 77
    ]


async def test_an_unanswered_order_is_sent_again_with_the_same_id_and_body():
    seen: list[PlaceOrder] = []

    async def loses_it(peer):
        await peer.greet(session_id=41)
        seen.append(await peer.receive())

    async def had_it(peer):
        auth = await peer.greet(session_id=42)
        assert auth.previous_session_id == 41
        seen.append(await peer.accept(12, duplicate=True))
        await wait_for_end(peer)

    async with client_of(loses_it, had_it) as exchange:
        ack = await exchange.place(
            "A:M2703", "buy", order_qty=8, limit_price=1000, valid_until_ns=77
        )
    assert ack.duplicate
    assert seen[0] == seen[1]
    assert seen[0].valid_until_ns == 77


async def test_an_answer_that_the_outcome_is_unknown_is_asked_for_again():
    async def loses_its_log(peer):
        await peer.greet()
        request = await peer.receive()
        await peer.send(wire_error(Reason.OUTCOME_UNKNOWN, "?", request_id=request.request_id))
        await wait_for_end(peer)

    async def restarted(peer):
        await peer.greet()
        await peer.accept(3)
        await wait_for_end(peer)

    async with client_of(loses_its_log, restarted) as exchange:
        ack = await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)
    assert ack.log_seq == 3


async def test_a_lost_connection_resumes_from_the_last_private_position():
    async def first(peer):
        await peer.greet(position=(4, 0))
        await peer.serve_orders_channel((4, 0))
        await peer.send(execution((5, 1), (4, 0)))

    async def second(peer):
        auth = await peer.greet(position=(7, 2), resumed=True)
        assert auth.resume_from == (5, 1)
        await peer.send(
            execution((5, 1), (4, 0), replay=True),
            execution((6, 1), (5, 1), replay=True),
            execution((7, 2), (6, 1), replay=True),
        )
        await peer.serve_orders_channel((7, 2))
        await wait_for_end(peer)

    async with client_of(first, second) as exchange:
        updates = await exchange.follow_orders()
        seen = [await asyncio.wait_for(updates.next(), 5) for _ in range(5)]
    positions = [tuple(update.position) for update in seen]
    assert positions == [(4, 0), (5, 1), (6, 1), (7, 2), (7, 2)]
    assert [type(update) for update in seen[1:]] == [Execution, Execution, Execution, Orders]


async def test_a_hole_in_the_private_messages_is_closed_by_resuming():
    async def skips_one(peer):
        await peer.greet(position=(4, 0))
        await peer.serve_orders_channel((4, 0))
        await peer.send(execution((6, 0), (5, 0)))
        await wait_for_end(peer)

    async def has_it(peer):
        auth = await peer.greet(position=(6, 0), resumed=True)
        assert auth.resume_from == (4, 0)
        await peer.send(execution((5, 0), (4, 0), replay=True), execution((6, 0), (5, 0)))
        await wait_for_end(peer)

    async with client_of(skips_one, has_it) as exchange:
        updates = await exchange.follow_orders()
        seen = [await asyncio.wait_for(updates.next(), 5) for _ in range(3)]
    assert [tuple(update.position) for update in seen] == [(4, 0), (5, 0), (6, 0)]


async def test_a_hole_that_resuming_does_not_close_ends_the_session():
    async def skips_one(peer):
        await peer.greet(position=(6, 0), resumed=peer is not None)
        await peer.serve_orders_channel((4, 0))
        await peer.send(execution((6, 0), (5, 0)))
        await wait_for_end(peer)

    async with client_of(skips_one, skips_one) as exchange:
        updates = await exchange.follow_orders()
        with pytest.raises(ProtocolError, match="resuming did not bring them"):
            await asyncio.wait_for(all_of(updates), 5)


async def all_of(updates: Subscription) -> list[Update]:
    return [update async for update in updates]


async def test_a_log_that_went_back_is_refused_loudly():
    async def before(peer):
        await peer.greet(position=(9, 0))
        await peer.serve_orders_channel((9, 3))

    async def restored_from_an_old_copy(peer):
        await peer.greet(position=(8, 0))
        await wait_for_end(peer)

    async with client_of(before, restored_from_an_old_copy) as exchange:
        updates = await exchange.follow_orders()
        assert isinstance(await updates.next(), Orders)
        with pytest.raises(ProtocolError, match="the log went back"):
            await asyncio.wait_for(updates.next(), 5)
        assert exchange.session is not None
        assert isinstance(exchange.session.failure, ProtocolError)


async def test_a_heartbeat_behind_an_earlier_one_is_a_log_that_went_back():
    async def part(peer):
        await peer.greet()
        await peer.send(Pong(log_seq=10, market_ns=6), Pong(log_seq=9, market_ns=7))
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        with pytest.raises(ProtocolError, match="it stands at 9, but 10 was already seen"):
            await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)


async def test_a_client_that_cannot_resume_starts_from_a_snapshot():
    async def first(peer):
        await peer.greet(position=(4, 0))
        await peer.serve_orders_channel((4, 0))

    async def forgot(peer):
        await peer.greet(position=(9, 0), resumed=False)
        await peer.serve_orders_channel((9, 0))
        await peer.send(execution((10, 0), (9, 0)))
        await wait_for_end(peer)

    async with client_of(first, forgot) as exchange:
        updates = await exchange.follow_orders()
        seen = [await asyncio.wait_for(updates.next(), 5) for _ in range(3)]
    assert [tuple(update.position) for update in seen] == [(4, 0), (9, 0), (10, 0)]


async def test_a_wrong_token_is_unauthorized_and_not_tried_again():
    exchange_side = ScriptedExchange()

    async def part(peer):
        await peer.send(
            wire_error(Reason.BAD_SIGNATURE, "unknown key"),
        )

    async with client_of(part) as exchange:
        with pytest.raises(ProtocolError, match="expected hello"):
            await exchange.connect()
    assert exchange_side.connection_count == 0

    async def refuses(peer):
        with pytest.raises(AssertionError):
            await refusing_greet(peer)

    async with client_of(refuses) as exchange:
        with pytest.raises(Unauthorized) as refusal:
            await exchange.connect()
    assert refusal.value.code == 2002


async def refusing_greet(peer: Peer) -> None:
    """The handshake up to the token, which is wrong."""
    send = peer.send

    async def send_refusal_for_auth_ok(*messages):
        if messages[0].__struct_config__.tag == "auth_ok":
            await send(wire_error(Reason.BAD_SIGNATURE, "unknown key"))
            raise AssertionError("the part ends here")
        await send(*messages)

    peer.send = send_refusal_for_auth_ok  # type: ignore[method-assign]
    await peer.greet()


async def test_a_session_closed_for_authorization_is_not_opened_again():
    async def part(peer):
        await peer.greet()
        await peer.receive()
        await peer.socket.close(code=1008)

    async with client_of(part, part) as exchange:
        with pytest.raises(Unauthorized):
            await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)


async def test_a_server_that_was_never_there_fails_at_once():
    async with ExchangeClient("http://127.0.0.1:1", "1.s", backoff=QUICK) as exchange:
        with pytest.raises(Unavailable):
            await exchange.connect()
        with pytest.raises(Unavailable):
            await exchange.products()


async def test_a_server_that_does_not_come_back_is_given_up():
    async def part(peer):
        await peer.greet()
        await peer.receive()

    async with client_of(part) as exchange:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)


async def test_a_frame_that_is_not_the_protocol_ends_the_session():
    async def part(peer):
        await peer.greet()
        await peer.socket.send_str('{"type":"poem"}')
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        with pytest.raises(ProtocolError, match="unreadable frame"):
            await exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)


def level(seq: int, prev_seq: int, *, snapshot: bool = False) -> Book:
    return Book(
        instrument="A:M2703",
        seq=seq,
        prev_seq=prev_seq,
        snapshot=snapshot,
        bids=[(9, 8, 1)],
        asks=[],
    )


async def test_a_book_with_a_missing_change_is_taken_anew_from_a_snapshot():
    async def part(peer):
        await peer.greet()
        request = await peer.receive()
        assert request.channels == ["book:A:M2703:10"]
        await peer.send(Done(request_id=request.request_id), level(5, 0, snapshot=True))
        await peer.send(level(6, 5), level(9, 8))
        again = [await peer.receive(), await peer.receive()]
        assert [type(r).__name__ for r in again] == ["Unsubscribe", "Subscribe"]
        await peer.send(level(9, 0, snapshot=True), level(10, 9))
        await wait_for_end(peer)

    seen: list[int] = []
    done = asyncio.Event()

    def note(update):
        seen.append(update.seq)
        if update.seq == 10:
            done.set()

    async with client_of(part) as exchange:
        await exchange.follow_book("A:M2703", callback=note)
        await asyncio.wait_for(done.wait(), 5)
    assert seen == [5, 6, 9, 10]


async def test_a_closed_subscription_is_unsubscribed_and_ends_its_iteration():
    async def part(peer):
        await peer.greet()
        await peer.serve_orders_channel((1, 0))
        request = await peer.receive()
        assert request.channels == ["orders"]
        await peer.send(Done(request_id=request.request_id))
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        updates = await exchange.follow_orders()
        assert isinstance(await updates.next(), Orders)
        updates.close()
        assert [update async for update in updates] == []
        await asyncio.sleep(0.05)


async def test_logout_ends_the_session_and_says_so():
    async def part(peer):
        await peer.greet()
        request = await peer.receive()
        assert type(request).__name__ == "Logout"
        await peer.send(Done(request_id=request.request_id))
        await wait_for_end(peer)

    async with client_of(part) as exchange:
        await exchange.connect()
        await exchange.logout()
        assert exchange.session is None


def test_an_error_without_a_known_thousand_is_a_refusal():
    assert Refused(Error(code=5001, name="cash", message="m")).code == 5001


async def test_the_blocking_client_does_the_same_from_a_thread():
    async def part(peer):
        await peer.greet()
        await peer.accept(12)
        await peer.serve_orders_channel((12, 0))
        await wait_for_end(peer)

    def trade(url: str) -> tuple[int, str]:
        with SyncExchangeClient(url, "1.secret", backoff=QUICK) as exchange:
            ack = exchange.place("A:M2703", "buy", order_qty=8, limit_price=1000)
            first = next(exchange.updates(exchange.follow_orders()))
            return ack.log_seq, type(first).__name__

    async with ScriptedExchange(part) as url:
        assert await asyncio.to_thread(trade, url) == (12, "Orders")
