"""HTTP: what is public, what is whose, what an operator may do, and how refusals look."""

import hashlib
import io

import msgspec
import pytest

from clients.rest import HttpClient
from exchange.domain.commands import AdvanceClock, PlaceOrder
from exchange.domain.enums import Scope, Side
from exchange.domain.events import CashDeposited
from exchange.domain.listing_views import InstrumentView, ProductView, WindowView
from exchange.domain.reasons import Reason
from exchange.domain.windows import parse_window
from exchange.domain.wire import (
    AccountView,
    Balances,
    Book,
    Error,
    Orders,
    PledgeView,
    Positions,
    Receipt,
    Trade,
)
from exchange.gateway import GatewaySettings, build_metrics_app, start
from tests.gateway.conftest import (
    AUDITOR,
    BANK,
    OPERATOR,
    OTHER,
    SUPPLIER,
    SYMBOL,
    TRADER,
    bearer,
    token,
)
from tests.scenario import PRODUCT, secret_hash

JUNE = parse_window("M2706")
PLEDGE = {
    "product": PRODUCT,
    "start_day": JUNE.start_day,
    "end_day": JUNE.end_day,
    "pledged_qty": 4,
    "bank_account_id": BANK,
}


async def order(house, account_id: int, side: Side, qty: int, price: int) -> None:
    """A resting or trading order, by the writer directly."""
    outcome = await house.sequencer.execute(
        PlaceOrder(
            key_id=account_id,
            command_id=f"o{len(house.records)}",
            instrument_id=house.june,
            side=side,
            order_qty=qty,
            limit_price=price,
        )
    )
    assert outcome.reason is None, outcome


async def trade_of_ten(house) -> None:
    """The trader owns ten GPUs of June."""
    await order(house, SUPPLIER, Side.SELL, 12, 1_000)
    await order(house, TRADER, Side.BUY, 10, 1_000)


async def publish_marks(house) -> None:
    """An index price, and marks from it."""
    status, _ = await house.post(
        "/v1/admin/publish_index_price",
        {
            "gpu_class": "A100-80-SXM",
            "region": "SG",
            "index_micro": 10_000_000,
            "usd_micro": 1_400_000,
            "usd_cny_ppm": 7_142_857,
            "observed_day": house.projections.marks.day_as_of(10**9),
            "source": "test",
            "row_count": 1,
            "file_sha256": "ab" * 32,
        },
        OPERATOR,
        f"i{len(house.records)}",
    )
    assert status == 201
    status, body = await house.post(
        "/v1/admin/publish_marks", {}, OPERATOR, f"m{len(house.records)}"
    )
    assert status == 201, body


# -- public ---------------------------------------------------------------------------------------


async def test_listings_are_public(house):
    status, products = await house.get("/v1/products")
    assert status == 200
    (product,) = msgspec.convert(products, list[ProductView])
    assert product.code == PRODUCT
    _, found = await house.get(f"/v1/instruments?product={PRODUCT}")
    (instrument,) = msgspec.convert(found, list[InstrumentView])
    assert (instrument.instrument, instrument.hours, instrument.is_open) == (SYMBOL, 720, True)
    assert (await house.get("/v1/instruments"))[1] == found
    status, problem = await house.get("/v1/instruments?product=none")
    assert (status, problem["code"]) == (404, 1005)


async def test_windows_show_the_top_of_their_books(house):
    await trade_of_ten(house)
    await order(house, TRADER, Side.BUY, 3, 900)
    _, found = await house.get(f"/v1/windows?product={PRODUCT}")
    (window,) = msgspec.convert(found, list[WindowView])
    assert (window.bid_price, window.bid_qty) == (900, 3)
    assert (window.ask_price, window.ask_qty) == (1_000, 2)
    assert (window.last_price, window.last_qty) == (1_000, 10)
    assert (await house.get("/v1/windows"))[0] == 404


async def test_book_and_tape_are_public_and_nameless(house):
    await trade_of_ten(house)
    _, body = await house.get(f"/v1/book/{SYMBOL}?depth=1")
    book = msgspec.convert(body, Book)
    assert book.asks == [(1_000, 2, 1)]
    assert book.seq == len(house.records)
    _, body = await house.get(f"/v1/trades/{SYMBOL}")
    (trade,) = msgspec.convert(body, list[Trade])
    assert (trade.last_price, trade.last_qty) == (1_000, 10)
    assert "account" not in str(body)
    for path in ("/v1/book/none", "/v1/trades/none"):
        assert (await house.get(path))[0] == 404


@pytest.mark.parametrize("depth", ["0", "101", "-1", "x", "1.5", "٣", "9" * 20, ""])
async def test_a_bad_query_names_the_parameter(house, depth):
    status, problem = await house.get(f"/v1/book/{SYMBOL}?depth={depth}")
    assert (status, problem["code"], problem["field"]) == (400, 1004, "depth")


async def test_health_is_ready_until_the_sequencer_stops(house):
    status, health = await house.get("/health/ready")
    assert (status, health["is_ready"], health["log_seq"]) == (200, True, len(house.records))
    house.sequencer.is_ready = False
    status, health = await house.get("/health/ready")
    assert (status, health["is_ready"]) == (503, False)
    assert health["detail"]
    assert (await house.get("/health/live"))[0] == 200


async def test_what_is_not_served_is_a_problem_too(house):
    status, problem = await house.get("/v1/nothing")
    assert (status, problem["code"]) == (404, 1005)
    async with house.client.delete("/v1/products") as response:
        assert response.status == 405
        assert response.content_type == "application/problem+json"


async def test_foreign_names_and_pages_are_turned_away(house):
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "[::1"},
    ):
        status, problem = await house.get("/v1/products", **headers)
        assert (status, problem["code"]) == (403, 2004), headers
    status, _ = await house.get("/v1/products", Origin="http://localhost:99", Host="127.0.0.1:8")
    assert status == 200


async def test_answers_keep_a_browser_careful(house):
    async with house.client.get("/v1/products") as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'self'" in response.headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in response.headers
        assert "Set-Cookie" not in response.headers


# -- who may read what ----------------------------------------------------------------------------

EVERYBODY = {OPERATOR, SUPPLIER, TRADER, BANK, AUDITOR}
READERS_OF_THE_LOG = {OPERATOR, AUDITOR}


@pytest.mark.parametrize("key_id", [0, *sorted(EVERYBODY)])
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/products", {0} | EVERYBODY),
        ("/v1/accounts/me", EVERYBODY),
        ("/v1/accounts/me/orders", EVERYBODY),
        ("/v1/accounts/me/positions", EVERYBODY),
        ("/v1/accounts/me/balances", EVERYBODY),
        ("/v1/pledges", EVERYBODY),
        ("/v1/marks", EVERYBODY),
        ("/v1/collateral/marks", EVERYBODY),
        ("/v1/log/head", READERS_OF_THE_LOG),
        ("/v1/participants", READERS_OF_THE_LOG),
        ("/v1/accounts/0/balances", READERS_OF_THE_LOG),
        (f"/v1/accounts/{OTHER}/orders", READERS_OF_THE_LOG),
        (f"/v1/accounts/{OTHER}/positions", READERS_OF_THE_LOG),
        (f"/v1/accounts/{TRADER}/balances", READERS_OF_THE_LOG | {TRADER}),
        (f"/v1/accounts/{BANK}/statement", READERS_OF_THE_LOG | {BANK}),
    ],
)
async def test_each_role_reads_what_it_may(house, path, allowed, key_id):
    status, body = await house.get(path, key_id)
    wanted = 200 if key_id in allowed else 401 if key_id == 0 else 403
    assert status == wanted, body


@pytest.mark.parametrize("key_id", sorted(EVERYBODY))
async def test_only_operators_and_auditors_read_the_log(house, key_id):
    async with house.client.get("/v1/log", headers=bearer(key_id)) as response:
        assert response.status == (200 if key_id in READERS_OF_THE_LOG else 403)


@pytest.mark.parametrize("key_id", sorted(EVERYBODY))
async def test_only_operators_administer(house, key_id):
    before = len(house.records)
    body = {"account_id": TRADER, "deposit_amount": 5, "external_reference": "x"}
    status, _ = await house.post("/v1/admin/deposit_cash", body, key_id, "d")
    assert status == (201 if key_id == OPERATOR else 403)
    assert len(house.records) == before + (key_id == OPERATOR)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic NDo=", "Bearer 4.wrong", "Bearer 99.x", "Bearer x"]
)
async def test_a_bad_bearer_is_unauthorized(house, header):
    status, problem = await house.get("/v1/accounts/me", Authorization=header)
    assert status == 401
    assert problem["code"] in (2001, 2002)


async def test_an_account_sees_itself_and_cannot_name_another(house):
    await trade_of_ten(house)
    _, body = await house.get("/v1/accounts/me", TRADER)
    me = msgspec.convert(body, AccountView)
    assert (me.account_id, me.roles, me.key_id) == (TRADER, ["trader"], TRADER)
    _, body = await house.get("/v1/accounts/me/positions", TRADER)
    held = msgspec.convert(body, Positions)
    assert (held.account_id, held.positions[0].title[0].qty) == (TRADER, 10)
    _, body = await house.get("/v1/accounts/me/orders", TRADER)
    (own,) = msgspec.convert(body, Orders).orders
    assert (own.order_status, own.cum_qty) == ("filled", 10)
    _, body = await house.get("/v1/accounts/me/balances", TRADER)
    assert msgspec.convert(body, Balances).account_id == TRADER
    for other_id in (SUPPLIER, 0, 99):
        status, problem = await house.get(f"/v1/accounts/{other_id}/positions", TRADER)
        assert (status, problem["code"]) == (403, Reason.SCOPE)
        assert problem["message"] == (
            "account 4 is no operator or auditor, and reads its own account only"
        )
    assert (await house.get(f"/v1/accounts/{SUPPLIER}", TRADER))[0] == 404
    _, other = await house.get("/v1/accounts/me/positions", OTHER)
    assert other["positions"] == []


async def test_operators_and_auditors_read_what_the_account_itself_reads(house):
    await trade_of_ten(house)
    for part in ("balances", "positions", "orders", "statement"):
        status, own = await house.get(f"/v1/accounts/me/{part}", TRADER)
        assert status == 200
        for key_id in (OPERATOR, AUDITOR, TRADER):
            found = await house.get(f"/v1/accounts/{TRADER}/{part}", key_id)
            assert found == (200, own), (part, key_id)
    seq = len(house.records) - 1
    path = f"/v1/accounts/{TRADER}/positions?as_of_seq={seq}"
    assert (await house.get(path, AUDITOR))[1]["positions"] == []
    for word in ("99", "x", "-1", "Me"):
        status, problem = await house.get(f"/v1/accounts/{word}/balances", OPERATOR)
        assert (status, problem["code"]) == (404, Reason.NOT_FOUND)


async def test_the_fees_are_on_an_account_of_the_venue_that_is_read_as_any(house):
    await trade_of_ten(house)
    async with HttpClient(str(house.client.make_url("")), token(OPERATOR)) as client:
        cash = await client.balances(account_id=0)
        made = await client.statement(account_id=0)
        found = await client.participants()
    assert (cash.account_id, made.account_id) == (0, 0)
    assert {line.purpose for line in made.lines} == {"fee"}
    assert made.closing_amount == cash.available_amount > 0
    assert {p.account_id: p.roles for p in found}[TRADER] == ["trader"]
    assert [p.account_id for p in found] == sorted(house.projections.participants.accounts)
    assert all(p.is_confirmed for p in found)


# -- pledges --------------------------------------------------------------------------------------


async def test_a_pledge_is_requested_accepted_and_released(house):
    await trade_of_ten(house)
    status, body = await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    assert status == 201
    receipt = msgspec.convert(body, Receipt)
    assert (receipt.created_id, receipt.log_seq) == (1, len(house.records))
    status, again = await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    assert (status, again["duplicate"], again["created_id"]) == (201, True, 1)
    status, problem = await house.post("/v1/pledges/1/accept", {}, TRADER, "a0")
    assert (status, problem["code"]) == (409, 4022)
    assert (await house.post("/v1/pledges/1/accept", {}, BANK, "a1"))[0] == 201
    assert house.projections.positions.of(TRADER)[0].lien[0].qty == 4
    assert (await house.post("/v1/pledges/1/release", {}, BANK, "r1"))[0] == 201
    _, body = await house.get("/v1/pledges", BANK)
    (view,) = msgspec.convert(body, list[PledgeView])
    assert (view.pledge_status, view.product, view.pledged_qty) == ("released", PRODUCT, 4)


async def test_a_pledge_of_others_does_not_exist(house):
    await trade_of_ten(house)
    await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    for key_id in (OTHER, SUPPLIER):
        assert (await house.get("/v1/pledges", key_id))[1] == []
        for action in ("accept", "decline", "release"):
            status, problem = await house.post(f"/v1/pledges/1/{action}", {}, key_id, "x")
            assert (status, problem["code"]) == (404, 1005)
    for path in ("/v1/pledges/9/accept", "/v1/pledges/x/accept", "/v1/pledges/1/burn"):
        assert (await house.post(path, {}, BANK, "y"))[0] == 404
    for key_id in (TRADER, BANK, OPERATOR, AUDITOR):
        assert len((await house.get("/v1/pledges", key_id))[1]) == 1


async def test_a_created_id_is_found_in_the_log_when_it_is_long_ago(house):
    await trade_of_ten(house)
    await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    house.projections.recent._created_ids.clear()
    status, again = await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    assert (status, again["duplicate"], again["created_id"]) == (201, True, 1)


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        (PLEDGE | {"pledged_qty": 0}, 400, 1004, "pledged_qty"),
        (PLEDGE | {"pledged_qty": "4"}, 400, 1004, "pledged_qty"),
        (PLEDGE | {"account_id": SUPPLIER}, 400, 1004, "account_id"),
        ({"product": PRODUCT}, 400, 1004, "start_day"),
        (b"{", 400, 1001, ""),
        (b"[]", 400, 1004, ""),
        (PLEDGE | {"product": "none"}, 409, 4011, ""),
        (PLEDGE | {"pledged_qty": 11}, 409, 5002, ""),
        (PLEDGE | {"bank_account_id": SUPPLIER}, 409, 4022, ""),
    ],
)
async def test_a_bad_pledge_is_refused_with_its_reason(house, body, status, code, field):
    await trade_of_ten(house)
    found, problem = await house.post("/v1/pledges", body, TRADER, "p")
    error = msgspec.convert(problem, Error)
    assert (found, error.code, error.field) == (status, code, field)
    assert bool(error.log_seq) == (status == 409)


# -- marks ----------------------------------------------------------------------------------------


async def test_node_marks_answer_as_of_any_record(house):
    await publish_marks(house)
    seq = len(house.records)
    _, body = await house.get("/v1/marks", BANK)
    (mark,) = [m for m in body["marks"] if m["month"] == 202706]
    assert (mark["mark_micro"], mark["level"], mark["mark_seq"]) == (10_000_000, 6, seq)
    _, before = await house.get(f"/v1/marks?as_of_seq={seq - 1}", BANK)
    assert (before["as_of_seq"], before["marks"]) == (seq - 1, [])
    status, problem = await house.get(f"/v1/marks?as_of_seq={seq + 1}", BANK)
    assert (status, problem["field"]) == (400, "as_of_seq")


# -- the log --------------------------------------------------------------------------------------


async def ndjson(house, query: str) -> list[dict]:
    """The log as an auditor reads it."""
    async with house.client.get(f"/v1/log?{query}", headers=bearer(AUDITOR)) as response:
        assert response.status == 200
        assert response.content_type == "application/x-ndjson"
        return [msgspec.json.decode(line) for line in (await response.read()).splitlines()]


async def test_the_log_is_read_by_name_and_in_order(house):
    lines = await ndjson(house, "limit=10000")
    assert [line["seq"] for line in lines] == list(range(1, len(house.records) + 1))
    genesis = lines[0]
    assert genesis["command"]["type"] == "create_venue"
    assert genesis["command"]["operators"][0]["token_sha256"] == secret_hash("1").hex()
    assert [e["type"] for e in genesis["events"]][:2] == ["venue_created", "fee_schedule_published"]
    assert [line["seq"] for line in await ndjson(house, "from_seq=3&limit=2")] == [3, 4]
    assert await ndjson(house, f"from_seq={len(house.records) + 1}") == []
    _, head = await house.get("/v1/log/head", OPERATOR)
    assert head["log_seq"] == len(house.records)


async def test_a_long_log_comes_in_pages_without_a_hole(house):
    for n in range(450):
        house.sequencer.submit(
            PlaceOrder(
                key_id=TRADER,
                command_id=f"n{n}",
                instrument_id=house.june,
                side=Side.BUY,
                order_qty=1,
                limit_price=1,
            ),
            lambda _outcome: None,
        )
    await house.sequencer.execute(AdvanceClock(market_ns=house.sequencer.market_ns + 1))
    lines = await ndjson(house, "limit=401&from_seq=20")
    assert [line["seq"] for line in lines] == list(range(20, 421))
    assert lines[-1]["command"]["side"] == 1


# -- administration -------------------------------------------------------------------------------


async def test_an_operator_admits_and_equips_a_participant(house):
    status, body = await house.post(
        "/v1/admin/admit_participant", {"name": "new", "roles": ["trader"]}, OPERATOR, "n1"
    )
    assert (status, body["created_id"]) == (201, 8)
    token_sha256 = hashlib.sha256(b"secret of 8").hexdigest()
    key = {"account_id": 8, "token_sha256": token_sha256, "scopes": ["read", "trade"]}
    status, body = await house.post("/v1/admin/register_key", key, OPERATOR, "n2")
    assert (status, body["created_id"]) == (201, 8)
    assert (await house.get("/v1/accounts/me", 8))[1]["name"] == "new"
    assert (await house.post("/v1/admin/revoke_key", {"revoked_key_id": 8}, OPERATOR, "n3"))[
        0
    ] == 201
    status, problem = await house.get("/v1/accounts/me", 8)
    assert (status, problem["code"]) == (401, 2002)


async def test_an_account_that_waits_for_its_confirmation_reads_nothing(house):
    await house.post(
        "/v1/admin/admit_participant", {"name": "new", "roles": ["auditor"]}, OPERATOR, "n1"
    )
    assert not house.projections.participants.accounts[8].is_confirmed
    status, problem = await house.post(
        "/v1/admin/confirm_admission", {"account_id": 8}, OPERATOR, "n2"
    )
    assert (status, problem["code"]) == (409, 4020)
    assert (await house.post("/v1/admin/confirm_admission", {"account_id": 8}, 2, "n3"))[0] == 201


async def test_a_hash_may_come_in_base64_too(house):
    body = msgspec.json.encode(
        {"account_id": TRADER, "token_sha256": secret_hash("8"), "scopes": ["read"]}
    )
    status, answer = await house.post("/v1/admin/register_key", body, OPERATOR, "k")
    assert (status, answer["created_id"]) == (201, 8)
    assert house.projections.participants.keys[8].scopes == [Scope.READ]


async def test_a_command_is_done_once_for_its_key(house):
    body = {"account_id": TRADER, "deposit_amount": 7, "external_reference": "one"}
    first = await house.post("/v1/admin/deposit_cash", body, OPERATOR, "d")
    again = await house.post("/v1/admin/deposit_cash", body, OPERATOR, "d")
    assert (first[0], again[0], again[1]["duplicate"]) == (201, 201, True)
    assert first[1]["log_seq"] == again[1]["log_seq"]
    status, problem = await house.post(
        "/v1/admin/deposit_cash", body | {"deposit_amount": 8}, OPERATOR, "d"
    )
    assert (status, problem["code"]) == (409, 4092)
    deposits = [e for e in house.events() if isinstance(e, CashDeposited)]
    assert len(deposits) <= 1


@pytest.mark.parametrize(
    ("tag", "body", "status", "code", "field"),
    [
        ("place_order", {}, 404, 1005, ""),
        ("create_venue", {}, 404, 1005, ""),
        ("advance_clock", {"market_ns": 5}, 404, 1005, ""),
        ("nothing", {}, 404, 1005, ""),
        ("deposit_cash", {"account_id": 4}, 400, 1004, "deposit_amount"),
        ("confirm_admission", {"account_id": 4, "extra": 1}, 400, 1004, "extra"),
        ("confirm_admission", {"account_id": 4, "key_id": 2}, 400, 1004, "key_id"),
        ("confirm_admission", {"account_id": "4"}, 400, 1004, "account_id"),
        ("confirm_admission", {"account_id": -4}, 400, 1004, "account_id"),
        ("register_key", {"account_id": 4, "token_sha256": "aa"}, 400, 1004, "token_sha256"),
        ("publish_risk_parameters", {"risk_parameters": {}}, 400, 1004, None),
        ("admit_participant", {"name": "x", "roles": ["king"]}, 400, 1004, "roles[0]"),
        ("confirm_admission", [1], 400, 1004, ""),
        ("confirm_admission", b"{", 400, 1001, ""),
        ("confirm_admission", {"account_id": 77}, 409, 4010, ""),
        ("admit_participant", {"name": "x", "roles": []}, 409, 4024, ""),
    ],
)
async def test_a_bad_command_is_refused_with_its_field(house, tag, body, status, code, field):
    found, problem = await house.post(f"/v1/admin/{tag}", body, OPERATOR, "b")
    error = msgspec.convert(problem, Error)
    assert (found, error.code) == (status, code), error
    assert field is None or error.field == field


@pytest.mark.parametrize("key", ["", "x" * 37])
async def test_a_command_needs_its_idempotency_key(house, key):
    before = len(house.records)
    for path, key_id in (("/v1/pledges", TRADER), ("/v1/admin/publish_marks", OPERATOR)):
        status, problem = await house.post(path, PLEDGE, key_id, key)
        assert (status, problem["field"]) == (400, "Idempotency-Key")
    assert len(house.records) == before


async def test_risk_parameters_are_proposed_by_name(house):
    in_force = house.projections.marks.parameters_as_of(10**9).risk_parameters
    proposal = msgspec.structs.asdict(in_force) | {"rate_ppm": 70_000}
    body = {"risk_parameters": proposal}
    status, answer = await house.post("/v1/admin/publish_risk_parameters", body, OPERATOR, "r")
    assert status == 201, answer
    published = house.projections.marks.parameters_as_of(10**9)
    assert (published.version, published.risk_parameters.rate_ppm) == (2, 70_000)
    absurd = proposal | {"participation_ppm": 0}
    status, problem = await house.post(
        "/v1/admin/publish_risk_parameters", {"risk_parameters": absurd}, OPERATOR, "s"
    )
    assert (status, problem["code"]) == (400, 1004)
    assert "participation_ppm" in problem["message"]


async def test_a_body_that_is_too_large_is_not_read(house):
    body = io.BytesIO(b" " * ((1 << 20) + 1))
    headers = bearer(TRADER, "p")
    async with house.client.post("/v1/pledges", data=body, headers=headers) as response:
        assert response.status == 413
        assert (await response.json(content_type=None))["code"] == 1002


async def test_a_key_that_may_only_read_changes_nothing(house):
    key = {"account_id": OPERATOR, "token_sha256": secret_hash("8").hex(), "scopes": ["read"]}
    await house.post("/v1/admin/register_key", key, OPERATOR, "k")
    assert (await house.get("/v1/log/head", 8))[0] == 200
    for path in ("/v1/pledges", "/v1/admin/publish_marks"):
        status, problem = await house.post(path, PLEDGE, 8, "x")
        assert (status, problem["code"]) == (403, 2004)


class TestTightRate:
    """One command a second."""

    @pytest.fixture
    def settings(self) -> GatewaySettings:
        return GatewaySettings(orders_per_second_count=1, orders_burst_count=1)

    async def test_http_commands_draw_on_the_accounts_rate(self, house):
        assert (await house.post("/v1/pledges", PLEDGE, TRADER, "a"))[0] == 409
        status, problem = await house.post("/v1/pledges", PLEDGE, TRADER, "b")
        assert (status, problem["code"]) == (429, 3001)


# -- operation ------------------------------------------------------------------------------------


async def test_metrics_count_what_was_committed(house):
    await trade_of_ten(house)
    await house.post("/v1/pledges", PLEDGE | {"pledged_qty": 99}, TRADER, "p")
    runner, port = await start(build_metrics_app(house.app), "127.0.0.1", 0)
    async with house.client.session.get(f"http://127.0.0.1:{port}/metrics") as response:
        text = await response.text()
    await runner.cleanup()
    assert 'exchange_commands_total{command="PlaceOrder"} 2.0' in text
    assert 'exchange_refusals_total{reason="title"} 1.0' in text
    assert f"exchange_log_seq {len(house.records)}.0" in text
    assert "exchange_delivery_days_overdue 0.0" in text
