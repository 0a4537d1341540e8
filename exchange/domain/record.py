"""
The atom of the log: one command and every event it caused.

On the wire of the log a record is the msgpack array `[command, [event, …]]`; its sequence number
is the frame's `first_seq` plus its place, stored nowhere twice.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct, inspect

from . import (
    capacity_commands,
    capacity_events,
    commands,
    delivery_commands,
    delivery_events,
    desk_commands,
    desk_events,
    events,
    lending_commands,
    lending_events,
    letting,
    movements,
    schedule_events,
    substitution,
    withdrawal_events,
)
from .commands import Command
from .events import Event

AnyCommand = (
    commands.CreateVenue
    | commands.AdmitParticipant
    | commands.ConfirmAdmission
    | commands.RegisterKey
    | commands.RevokeKey
    | commands.OpenSession
    | commands.CloseSession
    | commands.DefineProduct
    | commands.PublishCalendar
    | commands.ListInstrument
    | commands.ScheduleListings
    | commands.PublishBandWidths
    | commands.PublishSettlementPrice
    | commands.HaltInstrument
    | commands.ResumeInstrument
    | commands.DepositCash
    | commands.RequestWithdrawal
    | commands.DeclineWithdrawal
    | commands.WithdrawCash
    | commands.GrantCapacity
    | commands.PlaceOrder
    | commands.AmendOrder
    | commands.CancelOrder
    | commands.MassCancel
    | commands.PublishIndexPrice
    | commands.PublishRiskParameters
    | commands.PublishMarks
    | commands.RequestPledge
    | commands.AcceptPledge
    | commands.DeclinePledge
    | commands.ReleasePledge
    | desk_commands.RequestQuote
    | desk_commands.SubmitQuote
    | desk_commands.AcceptQuote
    | desk_commands.WithdrawQuote
    | desk_commands.WithdrawQuoteRequest
    | desk_commands.ProposeBlock
    | desk_commands.ConfirmBlock
    | desk_commands.DeclineBlock
    | desk_commands.WaiveBand
    | desk_commands.ConfirmWaiver
    | desk_commands.AllocateBlock
    | desk_commands.RequestBust
    | desk_commands.RequestCorrection
    | desk_commands.ApproveCorrection
    | desk_commands.DeclineCorrection
    | desk_commands.RecordClaim
    | commands.AdvanceClock
    | commands.UncrossBooks
    | commands.PublishSettlementPrices
    | commands.CountRefusals
    | commands.MarkState
    | commands.RecordStateHash
    | letting.OpenSublet
    | letting.AcceptSublet
    | letting.DeclineSublet
    | letting.ConsentToSublet
    | letting.EndSublet
    | capacity_commands.SubmitCapacity
    | capacity_commands.InspectCapacity
    | capacity_commands.VerifyCapacity
    | capacity_commands.RejectCapacity
    | capacity_commands.WithdrawCapacity
    | capacity_commands.DerateCapacity
    | delivery_commands.RecordReadings
    | delivery_commands.ReportDelivery
    | delivery_commands.AttestDelivery
    | delivery_commands.DisputeDelivery
    | delivery_commands.RuleDelivery
    | delivery_commands.CountersignRuling
    | delivery_commands.PostBond
    | delivery_commands.WithdrawBond
    | delivery_commands.PayClaim
    | delivery_commands.SuspendSupplier
    | delivery_commands.ReinstateSupplier
    | delivery_commands.TerminateSupplier
    | lending_commands.MarkPledges
    | lending_commands.DisputeMark
    | lending_commands.RuleMark
    | lending_commands.CountersignMarkRuling
    | lending_commands.ApplyForLoan
    | lending_commands.OfferLoan
    | lending_commands.DeclineLoan
    | lending_commands.DrawLoan
    | lending_commands.RepayLoan
    | lending_commands.AddCollateral
    | lending_commands.SubstituteCollateral
    | lending_commands.EnforceLoan
    | lending_commands.OfferLot
    | lending_commands.WithdrawLot
    | lending_commands.BuyLot
    | substitution.OfferSubstitution
    | substitution.AcceptSubstitution
    | substitution.DeclineSubstitution
)

_EVENT_MODULES = (
    events,
    schedule_events,
    movements,
    letting,
    desk_events,
    capacity_events,
    delivery_events,
    lending_events,
    substitution,
    withdrawal_events,
)

EVENT_TYPES: dict[str, type[Event]] = {
    str(kind.__struct_config__.tag): kind
    for module in _EVENT_MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Event) and kind is not Event
}
"""Every event by its tag, in the order in which the modules have them."""

_AnyEvent: Any = events.CommandRefused
for _kind in EVENT_TYPES.values():
    _AnyEvent = _AnyEvent | _kind


class Record(Struct, frozen=True):
    """One command with its events, as followers of the log receive it."""

    seq: int
    market_ns: int
    """Market time when the command was decided."""
    command: Command
    events: Sequence[Event]


_BODY: msgspec.msgpack.Decoder[tuple[Command, list[Event]]] = msgspec.msgpack.Decoder(
    tuple[AnyCommand, list[_AnyEvent]]
)
_EVENTS_OF: msgspec.msgpack.Decoder[tuple[Any, list[Event]]] = msgspec.msgpack.Decoder(
    tuple[msgspec.Raw, list[_AnyEvent]]
)
_COMMAND: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(AnyCommand)
_ENCODER = msgspec.msgpack.Encoder()
encode_command: Callable[[Command], bytes] = _ENCODER.encode
"""The command as it stands in a record."""
decode_command: Callable[[bytes | msgspec.Raw], Command] = _COMMAND.decode
"""A command that stands by itself."""
encode_event: Callable[[Event], bytes] = _ENCODER.encode
"""The event as it stands in a record."""


class RecordUnknown(msgspec.ValidationError):
    """A record holds a message, or a field, that this build does not know: a newer one wrote it."""

    exit_code = 7


def decode_body(encoded: bytes, seq: int = 0) -> tuple[Command, list[Event]]:
    """A record's command and events; `RecordUnknown` at `seq` where a newer build wrote it."""
    try:
        return _BODY.decode(encoded)
    except msgspec.ValidationError as error:
        raise RecordUnknown(
            f"record {seq} holds what this build does not know ({error}): a newer build wrote it, "
            "use that one; nothing was changed"
        ) from error


def events_of(encoded: bytes) -> list[Event]:
    """A record's events, for who has its command already."""
    return _EVENTS_OF.decode(encoded)[1]


def join_record(command: bytes, event_count: int, events: bytes) -> bytes:
    """A record from its encoded parts; `events` is their plain concatenation."""
    return b"\x92" + command + array_header(event_count) + events


def array_header(count: int) -> bytes:
    """The msgpack header of an array of `count` entries."""
    if count < 16:
        return bytes((0x90 | count,))
    if count < 1 << 16:
        return b"\xdc" + count.to_bytes(2, "big")
    return b"\xdd" + count.to_bytes(4, "big")


def _layouts(found: inspect.Type, known: dict[str, list[str]]) -> dict[str, list[str]]:
    """The fields of every struct in a type, by its name."""
    if isinstance(found, inspect.StructType):
        if found.cls.__qualname__ in known:
            return known
        known[found.cls.__qualname__] = [field.encode_name for field in found.fields]
        parts = [field.type for field in found.fields]
    else:
        parts = [*getattr(found, "types", ()), *getattr(found, "item_types", ())]
        parts += [getattr(found, name) for name in _PARTS if hasattr(found, name)]
    for part in parts:
        _layouts(part, known)
    return known


_PARTS = ("item_type", "key_type", "value_type")
LAYOUTS_SHA256 = sha256(
    _ENCODER.encode(_layouts(inspect.type_info(tuple[AnyCommand, list[_AnyEvent]]), {}))
).digest()
"""Over the fields of all messages: a build with the same writes the same bytes."""
