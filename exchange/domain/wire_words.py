"""What all messages of the wire are made of: the two bases, and the words they speak in."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from .units import Id

Position = tuple[int, int]
SideWord = Literal["buy", "sell"]
TimeInForceWord = Literal["day", "gtc", "gtd", "ioc", "fok"]
SelfMatchPolicyWord = Literal["cancel_incoming", "cancel_resting", "cancel_both"]
SessionWord = Literal[
    "pre_open", "continuous", "closing_auction", "closed", "break", "auction", "halted"
]
ExecType = Literal["new", "trade", "cancelled", "replaced", "expired"]
Symbol = Annotated[str, Meta(min_length=1, max_length=96)]
ClientId = Annotated[str, Meta(pattern=r"^[\x20-\x7e]{1,36}$")]
"""Printable ASCII, because it is shown in terminals and logs."""


class Request(
    Struct,
    frozen=True,
    kw_only=True,
    tag_field="type",
    forbid_unknown_fields=True,
    omit_defaults=True,
):
    """Base of all requests."""

    request_id: Id = 0


class Message(Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=True):
    """Base of all messages to clients, who ignore fields they do not know."""
