"""
The log's array-like messages by the names of their fields, for people: out for reading the log, in
for an operator's commands.

Hashes and keys are hexadecimal. What comes in is checked against a mirror of the command whose
fields have the same types and bounds, so an unknown, missing or bad field is named.
"""

import re
from enum import Enum
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import NODEFAULT, Struct

from exchange.domain.commands import Command
from exchange.domain.record import Record

CommandT = TypeVar("CommandT", bound=Command)
_HASH = re.compile(r"[0-9a-fA-F]{64}")
ENVELOPE = frozenset(Command.__struct_fields__)


def named(value: Any) -> Any:
    """A message, or whatever a message holds, as plain objects; messages state their `type`."""
    if isinstance(value, Struct):
        fields = {name: named(getattr(value, name)) for name in value.__struct_fields__}
        tag = value.__struct_config__.tag
        return fields if tag is None else {"type": tag, **fields}
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [named(entry) for entry in value]
    return value.value if isinstance(value, Enum) else value


def named_record(record: Record) -> dict[str, Any]:
    """A record as one line of the log for people."""
    return {
        "seq": record.seq,
        "command": named(record.command),
        "events": [named(event) for event in record.events],
    }


def command_from(kind: type[CommandT], body: Any, envelope: dict[str, Any]) -> CommandT:
    """
    A command from its fields by name; `msgspec.ValidationError` names what does not fit.

    The envelope is the gateway's and cannot come with the body.
    """
    if not isinstance(body, dict):
        raise msgspec.ValidationError(f"Expected `object`, got `{type(body).__name__}`")
    mirror = _mirror(kind)
    hashes = {field.name for field in msgspec.structs.fields(kind) if "bytes" in repr(field.type)}
    by_name = {n: _unhexed(value) if n in hashes else value for n, value in body.items()}
    mirrored = msgspec.convert(by_name, mirror)
    try:
        return kind(**envelope, **_fields(mirrored, kind))
    except ValueError as problem:
        raise msgspec.ValidationError(str(problem)) from problem


@cache
def _mirror(kind: type[Struct]) -> type[Struct]:
    """A Struct with the kind's own fields, by name and without the envelope."""
    fields: list[tuple[str, Any, Any]] = []
    for field in msgspec.structs.fields(kind):
        if issubclass(kind, Command) and field.name in ENVELOPE:
            continue
        default: Any = field.default
        if field.default_factory is not NODEFAULT:
            default = msgspec.field(default_factory=field.default_factory)
        field_type = _mirror(field.type) if _is_struct(field.type) else field.type
        fields.append((field.name, field_type, default))
    return msgspec.defstruct(
        f"{kind.__name__}ByName",
        [(n, t) if default is NODEFAULT else (n, t, default) for n, t, default in fields],
        kw_only=True,
        forbid_unknown_fields=True,
    )


def _fields(mirrored: Struct, kind: type[Struct]) -> dict[str, Any]:
    """The mirror's values, nested messages turned back into their own types."""
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    return {
        name: types[name](**_fields(value, types[name])) if isinstance(value, Struct) else value
        for name, value in msgspec.structs.asdict(mirrored).items()
    }


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _unhexed(value: Any) -> Any:
    """A hash in hexadecimal as bytes; anything else as it came."""
    is_hash = isinstance(value, str) and _HASH.fullmatch(value) is not None
    return bytes.fromhex(value) if is_hash else value
