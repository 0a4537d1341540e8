"""A file of cases as it is read: numbers with a point stay exact decimals."""

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct


class Case(Struct, frozen=True, kw_only=True):
    """One question with its answer; other members of the object are for people."""

    id: str
    group: str
    inputs: dict[str, Any]
    expected: dict[str, Any]
    tolerance: dict[str, Any] = {}
    """By field, `*` for all: how far an answer may be from what is expected."""
    description: str = ""


class CaseFile(Struct, frozen=True, kw_only=True):
    """All cases, and the constants under which they were computed."""

    cases: list[Case]
    params: dict[str, Any] = {}


class MalformedCases(Exception):
    """The file holds no cases of this format; the text says where."""


def decode_cases(encoded: bytes) -> CaseFile:
    """A file's cases; raises `MalformedCases`."""
    try:
        found = msgspec.convert(
            msgspec.json.Decoder(float_hook=Decimal).decode(encoded), type=CaseFile
        )
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedCases(f"malformed_cases: {error}") from None
    if not found.cases:
        raise MalformedCases("malformed_cases: the file has no case")
    return found
