"""Records on the wire of the log: every message comes back, bounds are kept, newer is refused."""

from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect as kinds

from exchange.domain.commands import AdvanceClock, Command, PlaceOrder
from exchange.domain.enums import ExecInst, Side, TimeInForce
from exchange.domain.events import ClockAdvanced, CommandRefused, Event, OrderAccepted
from exchange.domain.reasons import Reason
from exchange.domain.record import (
    EVENT_TYPES,
    AnyCommand,
    array_header,
    decode_body,
    encode_command,
    encode_event,
    events_of,
    join_record,
)
from tests.domain.generated import bounds, fields_of, messages

COMMANDS: list[type[Command]] = list(get_args(AnyCommand))
EVENTS: list[type[Event]] = list(EVENT_TYPES.values())
TICK = AdvanceClock(market_ns=1)
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
COUNTS = [0, 1, 15, 16, 17, 65_535, 65_536]


def name(kind: type) -> str:
    """A test's name for a message."""
    return kind.__name__


def record_of(command: Command, events: list[Event]) -> bytes:
    """A record as the engine joins it."""
    return join_record(encode_command(command), len(events), b"".join(map(encode_event, events)))


def test_every_command_is_one_of_any_and_every_tag_its_own():
    assert set(COMMANDS) == set(Command.__subclasses__())
    assert set(EVENTS) == set(Event.__subclasses__())
    for message_kinds in (COMMANDS, EVENTS):
        tags = [kind.__struct_config__.tag for kind in message_kinds]
        assert len(tags) == len(set(tags))
        assert all(isinstance(tag, str) and tag.islower() for tag in tags)


@pytest.mark.parametrize("kind", COMMANDS, ids=name)
@settings(PATIENT, max_examples=20)
@given(st.data())
def test_every_command_is_read_back_from_its_record(kind, data):
    command = data.draw(messages(kind))
    refusal = CommandRefused(Reason.LOT, 1, 8, 0)
    assert decode_body(record_of(command, [refusal])) == (command, [refusal])
    assert msgspec.msgpack.encode([command, [refusal]]) == record_of(command, [refusal])


@pytest.mark.parametrize("kind", EVENTS, ids=name)
@settings(PATIENT, max_examples=20)
@given(st.data())
def test_every_event_is_read_back_from_its_record(kind, data):
    events = data.draw(st.lists(messages(kind), min_size=1, max_size=3))
    assert decode_body(record_of(TICK, events)) == (TICK, events)
    assert events_of(record_of(TICK, events)) == events


@settings(PATIENT, max_examples=50)
@given(st.lists(st.sampled_from(EVENTS).flatmap(messages), max_size=40))
def test_events_of_all_kinds_keep_their_order(events):
    assert decode_body(record_of(TICK, events)) == (TICK, events)


@pytest.mark.parametrize("count", COUNTS)
def test_a_record_holds_any_number_of_events(count):
    events: list[Event] = [ClockAdvanced(market_ns=number) for number in range(count)]
    assert decode_body(record_of(TICK, events))[1] == events
    assert events_of(record_of(TICK, events)) == events


@pytest.mark.parametrize("count", COUNTS)
def test_the_header_of_an_array_is_the_shortest_there_is(count):
    header = array_header(count)
    assert msgspec.msgpack.encode([0] * count)[: len(header)] == header
    assert len(array_header(count)) == (1 if count < 16 else 3 if count < 65_536 else 5)


# -- what is not understood ------------------------------------------------------------------------


def plain(command: Command) -> list[Any]:
    """A command as the plain array that it is on the wire."""
    found: list[Any] = msgspec.msgpack.decode(encode_command(command))
    return found


def body_with(command: list[Any]) -> bytes:
    """A record without events around a command in plain form."""
    return msgspec.msgpack.encode([command, []])


@pytest.mark.parametrize("kind", COMMANDS, ids=name)
@settings(PATIENT, max_examples=3)
@given(st.data())
def test_a_command_with_a_field_that_a_newer_build_added_is_refused_whole(kind, data):
    command = plain(data.draw(messages(kind)))
    decode_body(body_with(command))
    with pytest.raises(msgspec.ValidationError):
        decode_body(body_with([*command, 0]))


def test_an_unknown_command_or_event_is_refused():
    with pytest.raises(msgspec.ValidationError, match="split_time"):
        decode_body(body_with(["split_time", 0, 0, 0, ""]))
    with pytest.raises(msgspec.ValidationError, match="time_split"):
        decode_body(msgspec.msgpack.encode([TICK, [["time_split", 1]]]))


@pytest.mark.parametrize("kind", [*COMMANDS, *EVENTS], ids=name)
@settings(PATIENT, max_examples=3)
@given(st.data())
def test_an_older_record_lacks_trailing_fields_only_where_they_have_a_default(kind, data):
    message = data.draw(messages(kind))
    short = msgspec.msgpack.decode(msgspec.msgpack.encode(message))[:-1]
    is_command = isinstance(message, Command)
    body = msgspec.msgpack.encode([short, []] if is_command else [TICK, [short]])
    last = msgspec.structs.fields(kind)[-1]
    if last.required:
        with pytest.raises(msgspec.ValidationError, match="at least"):
            decode_body(body)
    else:
        command, events = decode_body(body)
        found = command if is_command else events[0]
        default = last.default
        if default is msgspec.NODEFAULT:
            default = last.default_factory()
        assert found == msgspec.structs.replace(message, **{last.name: default})


BOUNDED = [
    (kind, place, field)
    for kind in COMMANDS
    for place, field in enumerate(fields_of(kind), start=1)
    if isinstance(field.type, kinds.IntType)
]


@pytest.mark.parametrize(
    ("kind", "place", "field"), BOUNDED, ids=[f"{k.__name__}.{f.name}" for k, _, f in BOUNDED]
)
@settings(PATIENT, max_examples=2)
@given(st.data())
def test_the_first_and_the_last_number_of_a_field_are_read_and_the_ones_beyond_are_not(
    kind, place, field, data
):
    command = plain(data.draw(messages(kind)))
    assert field.type.le is not None, "a number that the border does not bound"
    low, high = bounds(field.type)
    for number in (low, high):
        command[place] = number
        decode_body(body_with(command))
    for number in (low - 1, high + 1):
        command[place] = number
        with pytest.raises(msgspec.ValidationError):
            decode_body(body_with(command))


@pytest.mark.parametrize("limit_price", [1.0, "1", True, None])
def test_a_number_is_an_integer_and_nothing_like_one(limit_price):
    command = plain(PlaceOrder(instrument_id=1, side=Side.BUY, order_qty=1, limit_price=2))
    place = PlaceOrder.__struct_fields__.index("limit_price") + 1
    command[place] = limit_price
    with pytest.raises(msgspec.ValidationError):
        decode_body(body_with(command))


def test_integer_enumerations_travel_as_their_numbers():
    accepted = OrderAccepted(
        7, 3, 3, 0, 1, Side.SELL, 8, 990, TimeInForce.FOK, ExecInst.POST_ONLY, 0
    )
    wanted = ["order_accepted", 7, 3, 3, 0, 1, 2, 8, 990, 4, 1, 0, 0, 1, 0, 0]
    assert msgspec.msgpack.decode(encode_event(accepted)) == wanted


@pytest.mark.parametrize("cut", [1, 5, -1])
def test_a_torn_record_is_not_read(cut):
    whole = record_of(TICK, [ClockAdvanced(market_ns=1)])
    with pytest.raises(msgspec.DecodeError):
        decode_body(whole[:cut])
