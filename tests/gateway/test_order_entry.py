"""Orders over the websocket: answers, refusals, and input that is none."""

import msgspec
import pytest
from msgspec.structs import replace

from exchange.domain.commands import AdvanceClock, ListInstrument
from exchange.domain.enums import SelfMatchPolicy, TimeInForce
from exchange.domain.record import decode_body
from exchange.domain.windows import day_at, gate_ns, parse_window
from exchange.domain.wire import (
    Ack,
    AmendOrder,
    CancelOrder,
    Error,
    MassCancel,
    Ping,
    Pong,
)
from tests.gateway.conftest import BANK, FORMS, OTHER, SUPPLIER, SYMBOL, TRADER, buy, sell

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


@FORMS
async def test_every_condition_of_an_order_reaches_the_record(house, form):
    socket = await house.session(TRADER, form)
    last_day = day_at(house.sequencer.market_ns) + 3
    conditions = {
        "time_in_force": "gtd",
        "expire_day": last_day,
        "display_qty": 2,
        "self_match_policy": "cancel_both",
        "link_id": 7,
    }
    ack = await socket.ask(replace(buy("a", 6), **conditions))
    command, _ = decode_body(house.records[-1])
    assert (command.time_in_force, command.expire_day) == (TimeInForce.GTD, last_day)
    assert command.display_qty == 2
    assert command.self_match_policy is SelfMatchPolicy.CANCEL_BOTH
    (view,) = house.projections.orders.of(TRADER)
    assert (view.order_id, view.time_in_force, view.leaves_qty) == (ack.order_id, "gtd", 6)
    assert (view.expire_day, view.display_qty, view.link_id) == (last_day, 2, 7)
    assert house.projections.depth.bids(house.june, 5) == [(900, 2, 1)]


@pytest.mark.parametrize(
    ("conditions", "code", "value", "limit"),
    [
        ({"all_or_none": True}, 4027, 6, 0),
        ({"all_or_none": True, "time_in_force": "ioc", "display_qty": 2}, 4027, 6, 2),
        ({"post_only": True, "time_in_force": "fok"}, 4029, 4, 0),
        ({"display_qty": 2, "time_in_force": "ioc"}, 4029, 3, 2),
        ({"min_qty": 7}, 4025, 7, 6),
        ({"min_qty": 1}, 4006, 1, 0),
        ({"display_qty": 7}, 4026, 7, 6),
        ({"expire_day": 99_999}, 4028, 99_999, 0),
        ({"time_in_force": "gtd", "expire_day": 1}, 4028, 1, None),
        ({"time_in_force": "gtd", "expire_day": 99_999}, 4028, 99_999, None),
    ],
)
async def test_conditions_that_do_not_go_together_are_refused_with_thing_value_and_limit(
    house, conditions, code, value, limit
):
    socket = await house.session(TRADER)
    error = await socket.ask(replace(buy("a", 6, request_id=4), **conditions))
    assert (error.code, error.value, error.request_id) == (code, value, 4)
    assert limit is None or error.limit == limit
    assert error.message.startswith(f"buy 6 of {SYMBOL}: ")
    assert str(value) in error.message
    assert error.log_seq == len(house.records)


async def test_what_a_fill_takes_from_a_linked_order_is_told_before_the_fill(house):
    """A replacement nobody asked for, or an end with its reason; both before the execution."""
    quarter = parse_window("Q272")
    days = {"start_day": quarter.start_day, "end_day": quarter.end_day}
    await house.sequencer.execute(ListInstrument(key_id=1, product_id=1, kind=quarter.kind, **days))
    socket = await house.session(TRADER)
    for name, instrument in (("month", SYMBOL), ("quarter", SYMBOL.replace("M2706", "Q272"))):
        await socket.ask(replace(buy(name, 5, instrument=instrument), link_id=7))
    supplier = await house.session(SUPPLIER)
    for qty in (2, 3):
        await supplier.ask(sell(f"s{qty}", qty, 900))
    told = [
        (each.client_order_id, each.exec_type, each.leaves_qty, each.reason)
        for each in house.projections.orders.since(TRADER, (0, 0))
    ]
    assert told[-4:] == [
        ("quarter", "replaced", 3, ""),
        ("month", "trade", 3, ""),
        ("quarter", "cancelled", 0, "linked_filled"),
        ("month", "trade", 0, ""),
    ]


async def test_a_linked_order_that_does_not_go_with_the_others_is_refused_in_words(house):
    socket = await house.session(TRADER)
    first = await socket.ask(replace(buy("a", 5), link_id=7))
    error = await socket.ask(replace(buy("b", 5), link_id=7))
    assert (error.code, error.name) == (4032, "link_instrument")
    assert (error.value, error.limit) == (house.june, first.order_id)
    assert f"order {first.order_id}" in error.message
    error = await socket.ask(replace(sell("c", 5), link_id=7))
    assert (error.code, error.value, error.limit) == (4031, 2, 1)


async def test_a_day_order_is_told_as_expired(house):
    socket = await house.session(TRADER)
    await socket.ask(replace(buy("a"), time_in_force="day"))
    gate = gate_ns(day_at(house.sequencer.market_ns))
    while house.sequencer.market_ns < gate:
        await house.sequencer.execute(AdvanceClock(market_ns=gate))
    (view,) = house.projections.orders.of(TRADER)
    assert (view.order_status, view.time_in_force, view.leaves_qty) == ("expired", "day", 0)
    (_, last) = house.projections.orders.since(TRADER, (0, 0))
    assert (last.exec_type, last.order_status, last.reason) == ("expired", "expired", "expired")


async def test_a_bank_that_places_an_order_is_refused_on_the_record(house):
    socket = await house.session(BANK)
    error = await socket.ask(buy("a"))
    assert (error.code, error.name, error.log_seq) == (4022, "wrong_role", len(house.records))


async def test_orders_of_others_cannot_be_changed(house):
    owner, other = await house.session(TRADER), await house.session(OTHER)
    placed = await owner.ask(buy("a"))
    for request in (
        CancelOrder(command_id="x", order_id=placed.order_id),
        CancelOrder(command_id="y", client_order_id="a"),
        AmendOrder(command_id="z", order_id=placed.order_id, order_qty=9),
    ):
        assert (await other.ask(request)).code == 4041
    assert house.projections.depth.bids(house.june, 1) == [(900, 1, 1)]


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
        ("time_in_force", "week"),
        ("expire_day", -1),
        ("min_qty", -1),
        ("display_qty", 10_000_001),
        ("self_match_policy", "none"),
        ("all_or_none", 1),
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
