"""The HTTP half of the SDK against a small server."""

import base64
import hashlib

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from clients.sdk import Backoff, ExchangeClient, ProtocolError, Refused, Unauthorized, Unavailable
from exchange.domain.listing_views import ProductView
from exchange.domain.reasons import Reason
from exchange.domain.wire import Health, Receipt, error_of

QUICK = Backoff(first_s=0.01, longest_s=0.02, give_up_s=0.3)
PRODUCT = ProductView(
    product_id=1,
    code="A",
    gpu_class="A100",
    region="SG1",
    supplier_account_id=3,
    lot_qty=8,
    maker_bps=1,
    taker_bps=2,
)


class Server:
    """Answers with what the test puts there and remembers what it was asked."""

    def __init__(self, *answers: tuple[int, bytes]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.asked.append((request.method, request.path_qs, dict(request.headers), body))
        status, answer = self.answers.pop(0)
        return web.Response(status=status, body=answer)

    async def __aenter__(self) -> ExchangeClient:
        await self._server.start_server()
        url = str(self._server.make_url("/"))
        self.client = ExchangeClient(url, "1.secret", backoff=QUICK)
        return self.client

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()
        await self._server.close()


def problem(reason: Reason) -> bytes:
    return msgspec.json.encode(error_of(reason, "so it is", value=3, limit=2))


async def test_reads_carry_the_token_and_come_back_typed():
    server = Server((200, msgspec.json.encode([PRODUCT])))
    async with server as exchange:
        assert await exchange.products() == [PRODUCT]
    method, path, headers, _ = server.asked[0]
    assert (method, path) == ("GET", "/v1/products")
    assert headers["Authorization"] == "Bearer 1.secret"


async def test_a_command_keeps_its_key_when_its_answer_was_lost():
    ready = msgspec.json.encode(Health(is_ready=True, log_seq=1, market_ns=1, tick_age_ms=1))
    receipt = msgspec.json.encode(Receipt(log_seq=8, created_id=4, duplicate=True))
    server = Server((200, ready), (503, problem(Reason.OUTCOME_UNKNOWN)), (201, receipt))
    async with server as exchange:
        await exchange.health()
        sha256 = hashlib.sha256(b"report").digest()
        done = await exchange.admin("grant_capacity", product_id=1, evidence_sha256=sha256)
    assert (done.log_seq, done.created_id, done.duplicate) == (8, 4, True)
    first, second = server.asked[1:]
    assert first[1] == "/v1/admin/grant_capacity"
    assert first[2]["Idempotency-Key"] == second[2]["Idempotency-Key"]
    assert first[3] == second[3]
    body = msgspec.json.decode(first[3])
    assert base64.b64decode(body["evidence_sha256"]) == sha256


async def test_what_one_exchange_does_not_answer_is_asked_of_the_other_under_the_same_key():
    """And what answered last is asked first from then on."""
    receipt = msgspec.json.encode(Receipt(log_seq=8))
    silent = error_of(Reason.NOT_LEADER, "another may lead")
    leader = Server((200, receipt), (503, msgspec.json.encode(silent)))
    standby = Server((201, receipt), (201, receipt))
    async with leader as first, standby:
        urls = [f"{server._server.make_url('/')}" for server in (leader, standby)]
        async with ExchangeClient(
            urls[0], "1.secret", backoff=QUICK, standby_urls=urls[1:]
        ) as both:
            await both.accept_pledge(4)
            await both.accept_pledge(5, command_id="mine")
            await both.accept_pledge(6)
            assert f"{both.url}/" == urls[1]
        assert first.url
    assert [asked[1] for asked in standby.asked] == ["/v1/pledges/5/accept", "/v1/pledges/6/accept"]
    assert [
        server.asked[at][2]["Idempotency-Key"] for server, at in ((leader, 1), (standby, 0))
    ] == [
        "mine",
        "mine",
    ]


async def test_where_no_exchange_ever_was_each_is_tried_once():
    leader, standby = Server((503, b"")), Server((503, b""))
    async with leader, standby:
        urls = [f"{server._server.make_url('/')}" for server in (leader, standby)]
        async with ExchangeClient(urls[0], backoff=QUICK, standby_urls=urls[1:]) as both:
            with pytest.raises(Unavailable):
                await both.products()
    assert (len(leader.asked), len(standby.asked)) == (1, 1)


async def test_a_command_whose_rule_failed_is_not_carried_to_another_exchange():
    receipt = msgspec.json.encode(Receipt(log_seq=8))
    server = Server((201, receipt), (500, problem(Reason.INTERNAL_ERROR)))
    async with server as exchange:
        await exchange.accept_pledge(4)
        with pytest.raises(Unavailable, match="internal_error"):
            await exchange.accept_pledge(5)
    assert len(server.asked) == 2


async def test_a_given_key_is_used():
    server = Server((200, msgspec.json.encode(Receipt(log_seq=8))))
    async with server as exchange:
        await exchange.accept_pledge(5, command_id="mine")
    assert server.asked[0][1] == "/v1/pledges/5/accept"
    assert server.asked[0][2]["Idempotency-Key"] == "mine"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (409, problem(Reason.LIEN), Refused),
        (404, problem(Reason.NOT_FOUND), Refused),
        (401, problem(Reason.AUTH_REQUIRED), Unauthorized),
        (403, problem(Reason.SCOPE), Unauthorized),
        (400, problem(Reason.SCHEMA), ProtocolError),
        (503, problem(Reason.LOG_UNAVAILABLE), Unavailable),
        (401, b"", Unauthorized),
        (502, b"<html>", Unavailable),
        (404, b"<html>", ProtocolError),
        (200, b"<html>", ProtocolError),
    ],
)
async def test_what_is_not_a_success_becomes_the_error_for_it(status, body, kind):
    async with Server((status, body)) as exchange:
        with pytest.raises(kind):
            await exchange.products()


async def test_an_exchange_that_is_not_ready_still_says_so():
    health = Health(is_ready=False, log_seq=1, market_ns=1, tick_age_ms=9, detail="draining")
    async with Server((503, msgspec.json.encode(health))) as exchange:
        assert await exchange.health() == health


async def test_the_log_comes_a_record_at_a_time_however_long():
    lines = [{"seq": 1, "events": ["x" * 200_000]}, {"seq": 2}]
    body = b"\n".join(msgspec.json.encode(line) for line in lines)
    server = Server((200, body))
    async with server as exchange:
        assert [record async for record in exchange.log_records(1, limit=2)] == lines
    assert server.asked[0][1] == "/v1/log?from_seq=1&limit=2"
