"""
Bad input over real sockets: each kind its stable code, with the thing, the value and the limit.

Nothing is half done: after each refusal the account stands as before it.
"""

from typing import Any

from exchange.domain.reasons import Reason

from .processes import VenueProcess, in_time
from .venue import ACCOUNT_IDS, DEPOSIT_AMOUNT, GRANTED_QTY, PRODUCT, Answer, Market, fetch
from .wire import Message, Wire, connected


def order(market: Market, **changes: Any) -> Message:
    """A good order, and what is to be wrong with it."""
    good = {
        "type": "place_order",
        "request_id": 7,
        "client_order_id": "one",
        "instrument": market.month_symbol,
        "side": "buy",
        "order_qty": 8,
        "limit_price": 1_000,
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


async def refused(wire: Wire, frame: str | Message, reason: Reason, **facts: Any) -> Message:
    """The error that a frame is answered with, and what must stand in it."""
    error = await wire.answer(frame)
    assert error["type"] == "error", error
    assert (error["code"], error["name"]) == (int(reason), reason.name.lower()), error
    assert error["message"]
    if isinstance(frame, dict):
        assert error["request_id"] == frame["request_id"]
    for name, value in facts.items():
        assert error.get(name, 0) == value, (name, error)
    return error


@in_time
async def test_bad_websocket_messages_are_named_and_change_nothing(
    venue: VenueProcess, market: Market
) -> None:
    """From broken JSON to more cash than there is, on one session that stays open."""
    venue.start()
    before = await _standing(venue)
    async with connected(venue, "trader") as wire:
        # What no market needs to see; none of it is recorded.
        await refused(wire, '{"type":"place_order"', Reason.BAD_FRAME)
        await refused(wire, '{"type":"place_order","type":', Reason.BAD_FRAME)
        await refused(wire, order(market, type="sudo"), Reason.UNKNOWN_TYPE)
        for changes, field in (
            ({"leverage": 5}, "leverage"),
            ({"order_qty": 0}, "order_qty"),
            ({"order_qty": -8}, "order_qty"),
            ({"order_qty": 2**60}, "order_qty"),
            ({"order_qty": 8.5}, "order_qty"),
            ({"order_qty": "8"}, "order_qty"),
            ({"limit_price": 16_000_001}, "limit_price"),
            ({"side": "short"}, "side"),
            ({"client_order_id": "x" * 37}, "client_order_id"),
            ({"limit_price": None}, "limit_price"),
        ):
            await refused(wire, order(market, **changes), Reason.SCHEMA, field=field)
        assert await _standing(venue) == before

        # What the market refuses, on the record.
        last_seq = 0
        days = market.month_end_day - market.month_start_day
        for number, (changes, reason, facts) in enumerate(
            (
                ({"instrument": f"{PRODUCT}:M9901"}, Reason.UNKNOWN_INSTRUMENT, {}),
                ({"order_qty": 9}, Reason.LOT, {"value": 9, "limit": 8}),
                (
                    {"order_qty": 4_000, "limit_price": 16_000_000},
                    Reason.CASH,
                    {"limit": DEPOSIT_AMOUNT},
                ),
                (
                    {"side": "sell"},
                    Reason.TITLE,
                    {
                        "value": 8,
                        "limit": 0,
                        "free_qty": 0,
                        "first_binding_day": market.month_start_day,
                    },
                ),
                ({"time_in_force": "fok"}, Reason.CANNOT_FILL, {"value": 8, "limit": 0}),
            )
        ):
            bad = order(market, client_order_id=f"bad {number}", **changes)
            error = await refused(wire, bad, reason, **facts)
            assert error["log_seq"] > last_seq
            last_seq = error["log_seq"]
            if reason is Reason.CASH:
                assert error["value"] >= 4_000 * 16_000_000 * 24 * days
            again = await refused(wire, bad, reason, log_seq=last_seq, duplicate=True)
            assert {**again, "duplicate": False} == {**error, "duplicate": False}
        assert await _standing(venue) == before

        # One id: the same body is the same order, another body is refused.
        first = await wire.answer(order(market))
        assert first["type"] == "ack", first
        second = await wire.answer(order(market, request_id=8))
        assert second == {**first, "request_id": 8, "duplicate": True}
        await refused(
            wire, order(market, limit_price=1_001), Reason.ID_CONFLICT, limit=first["log_seq"]
        )
        orders = (await fetch(venue, "/v1/accounts/me/orders", "trader")).value["orders"]
        assert [(one["client_order_id"], one["limit_price"]) for one in orders] == [("one", 1_000)]

        # A good message beside a bad one in one frame is served.
        await wire.socket.send_json(
            [{"type": "ping", "request_id": 20}, {"type": "sudo", "request_id": 21}]
        )
        answers = [await wire.receive(), await wire.receive()]
        assert [(one["type"], one["request_id"]) for one in answers if one] == [
            ("pong", 20),
            ("error", 21),
        ]

    # What is really there can be sold, and not a lot more.
    async with connected(venue, "supplier") as wire:
        everything = order(market, side="sell", order_qty=GRANTED_QTY, limit_price=5_000)
        assert (await wire.answer(everything))["type"] == "ack"
        await refused(
            wire,
            order(market, side="sell", client_order_id="two", limit_price=5_000),
            Reason.TITLE,
            value=8,
            free_qty=0,
            first_binding_day=market.month_start_day,
        )
    async with connected(venue, "bank") as wire:
        await refused(wire, order(market), Reason.WRONG_ROLE)
    venue.verify()


@in_time
async def test_bad_requests_over_http_are_named_and_change_nothing(
    venue: VenueProcess, market: Market
) -> None:
    """Bodies, roles, tokens and ids."""
    venue.start()
    before = await _standing(venue)
    deposit = {"account_id": 4, "deposit_amount": 5, "external_reference": "e2e"}

    async def posted(path: str, who: str | None, body: bytes | dict[str, Any], key: str) -> Answer:
        headers = {"Idempotency-Key": key} if key else {}
        return await fetch(venue, path, who, method="POST", body=body, headers=headers)

    admin = "/v1/admin/deposit_cash"
    pledge = {
        "product": PRODUCT,
        "start_day": market.month_start_day,
        "end_day": market.month_end_day,
        "pledged_qty": 8,
        "bank_account_id": ACCOUNT_IDS["bank"],
    }
    for path, who, body, key, status, reason in (
        (admin, "operator", b"{", "a", 400, Reason.BAD_FRAME),
        (admin, "operator", b"[]", "b", 400, Reason.SCHEMA),
        (admin, "operator", {**deposit, "colour": 1}, "c", 400, Reason.SCHEMA),
        (admin, "operator", {**deposit, "deposit_amount": 0}, "d", 400, Reason.SCHEMA),
        (admin, "operator", {**deposit, "deposit_amount": 2**53}, "e", 400, Reason.SCHEMA),
        (admin, "operator", {**deposit, "key_id": 1}, "f", 400, Reason.SCHEMA),
        (admin, "operator", deposit, "", 400, Reason.SCHEMA),
        (admin, "operator", deposit, "x" * 37, 400, Reason.SCHEMA),
        (admin, "operator", {**deposit, "account_id": 99}, "g", 409, Reason.UNKNOWN_ACCOUNT),
        (admin, "trader", deposit, "h", 403, Reason.SCOPE),
        (admin, "auditor", deposit, "i", 403, Reason.SCOPE),
        (admin, None, deposit, "j", 401, Reason.AUTH_REQUIRED),
        ("/v1/admin/advance_clock", "operator", {"market_ns": 1}, "k", 404, Reason.NOT_FOUND),
        ("/v1/pledges", "bank", pledge, "l", 409, Reason.WRONG_ROLE),
        ("/v1/pledges", "trader", pledge, "m", 409, Reason.TITLE),
        ("/v1/pledges", "supplier", {**pledge, "pledged_qty": 5_000}, "n", 409, Reason.TITLE),
        (
            "/v1/pledges",
            "supplier",
            {**pledge, "product": "H100"},
            "o",
            409,
            Reason.UNKNOWN_PRODUCT,
        ),
        ("/v1/pledges", "supplier", {**pledge, "start_day": 1}, "p", 409, Reason.BAD_WINDOW),
    ):
        answer = await posted(path, who, body, key)
        assert (answer.status, answer.value["code"]) == (status, int(reason)), (key, answer)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        if reason is Reason.TITLE:
            assert answer.value["first_binding_day"] == market.month_start_day
            assert answer.value.get("free_qty", 0) == (GRANTED_QTY if who == "supplier" else 0)
    assert await _standing(venue) == before

    for path, who, status in (
        ("/v1/accounts/me/positions", None, 401),
        ("/v1/log", "trader", 403),
        ("/v1/log?from_seq=-1", "operator", 400),
        ("/v1/log?limit=1e3", "auditor", 400),
        ("/v1/collateral/marks?as_of_seq=999999999", "bank", 400),
        ("/v1/collateral/marks?instrument=nowhere", "bank", 404),
        ("/v1/book/nowhere", "trader", 404),
        ("/v1/nowhere", "trader", 404),
    ):
        answer = await fetch(venue, path, who)
        assert answer.status == status, (path, answer)
        assert answer.value["name"] == Reason(answer.value["code"]).name.lower()
    wrong = await fetch(venue, "/v1/accounts/me", headers={"Authorization": "Bearer 1.guess"})
    assert (wrong.status, wrong.value["code"]) == (401, Reason.BAD_SIGNATURE)

    # One key: the same body is the same deposit, another body is refused.
    first = await posted(admin, "operator", deposit, "once")
    again = await posted(admin, "operator", deposit, "once")
    assert first.status == 201, first
    assert again.value == {**first.value, "duplicate": True}
    other = await posted(admin, "operator", {**deposit, "deposit_amount": 6}, "once")
    assert (other.status, other.value["code"]) == (409, Reason.ID_CONFLICT)
    reused = await posted(admin, "operator", deposit, "another")
    assert (reused.status, reused.value["code"]) == (409, Reason.ALREADY_EXISTS)
    balances = (await fetch(venue, "/v1/accounts/me/balances", "trader")).value
    assert balances["available_amount"] == DEPOSIT_AMOUNT + 5
    venue.verify()


@in_time
async def test_a_closed_window_takes_no_order(venue: VenueProcess, market: Market) -> None:
    """Its gate and the time are named, and its resting orders are gone with their holds."""
    venue.start()
    async with connected(venue, "trader") as wire:
        resting = order(market, instrument=market.day_symbol, client_order_id="rests")
        assert (await wire.answer(resting))["type"] == "ack"
    assert venue.stop() == 0
    venue.start("--speed", 50_000)
    await _until_closed(venue, market.day_symbol)
    assert venue.stop() == 0
    venue.start("--speed", 2)
    async with connected(venue, "trader") as wire:
        late = order(market, instrument=market.day_symbol, client_order_id="late")
        error = await refused(wire, late, Reason.WINDOW_CLOSED)
        assert market.day_symbol in error["message"]
    orders = (await fetch(venue, "/v1/accounts/me/orders", "trader")).value["orders"]
    assert [(one["client_order_id"], one["order_status"]) for one in orders] == [
        ("rests", "expired")
    ]
    balances = (await fetch(venue, "/v1/accounts/me/balances", "trader")).value
    assert (balances["available_amount"], balances["held_amount"]) == (DEPOSIT_AMOUNT, 0)
    assert venue.stop() == 0
    venue.verify()


async def _until_closed(venue: VenueProcess, symbol: str) -> None:
    """Lets market time run until the window's gate."""
    while True:
        listed = (await fetch(venue, f"/v1/instruments?product={PRODUCT}")).value
        if not next(one["is_open"] for one in listed if one["instrument"] == symbol):
            return


async def _standing(venue: VenueProcess) -> list[Any]:
    """What every account has and what every book shows."""
    paths = [
        (f"/v1/accounts/me/{kind}", name)
        for name in ("trader", "supplier", "bank")
        for kind in ("orders", "positions", "balances")
    ]
    paths += [("/v1/pledges", "operator"), (f"/v1/windows?product={PRODUCT}", "trader")]
    values = [(await fetch(venue, path, who)).value for path, who in paths]
    for value in values:
        if isinstance(value, dict):
            value.pop("as_of_seq", None)
    return values
