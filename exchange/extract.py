"""
An extract of the log for a bank: what the marks of its pool depend on, and nobody else's orders.

It is lines of JSON in the order of the log, so that it is made and read as it comes, and cut in
two it is refused:

    gx-extract-4   whose it is, and up to which record
    gx-facts-1     single events of a record that also holds what is others', or that no signed head
                   stands for yet: stated and not proved; trades of months without who traded
    gx-record-1    a whole record, with its way to the root in the next header
    gx-header-1    the header of the frame that ends here; each names the one before
    gx-signed-1    the signed head of the last header: all whole records since the one before are
                   proved by it
    gx-end-1       how many lines there were

Whole records are the first, and those whose every event is public (marks, indices, parameters,
calendars, products, meter readings and auditors' findings on them) or the bank's own business (its
pledges and loans). `clients/check_extract.py` checks all of it under the venue's key.
"""

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec
from msgspec import Struct

from exchange.domain.commands import Command
from exchange.domain.events import Event
from exchange.domain.proofs import SignedHead
from exchange.domain.record import Record, events_of, join_record

RowT = TypeVar("RowT")
EXTRACT_FORMAT = "gx-extract-4"
FACTS_FORMAT = "gx-facts-1"
RECORD_FORMAT = "gx-record-1"
HEADER_FORMAT = "gx-header-1"
SIGNED_FORMAT = "gx-signed-1"
END_FORMAT = "gx-end-1"
_NOTHING = Command()


class ExtractHead(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The first line."""

    format: str
    venue_id: str
    bank: str
    """Its name."""
    bank_account_id: int
    last_seq: int
    """The record up to which it was made."""


class TradeKind(StrEnum):
    """What a line of trades tells of."""

    TRADE = "trade"
    AUCTION = "auction"
    """A book that had collected traded at one price; its trades follow."""
    BUSTED = "busted"
    REPRICED = "repriced"


class TradeFact(Struct, frozen=True, array_like=True):
    """
    A trade of a month window, without who traded; an auction of one; what became of such a trade.

    A bust and another price name their trade and no window.
    """

    kind: TradeKind
    trade_id: int = 0
    """0 for an auction."""
    price: int = 0
    instrument_id: int = 0
    product_id: int = 0
    month: int = 0
    traded_hours: int = 0
    """GPU-hours."""
    pair_number: int = 0
    """Of the two parties, whichever of them bought; another one in each month."""
    is_affiliated: bool = False


class ToldRecord(Record, frozen=True):
    """A record as far as an extract tells it, with its trades."""

    trades: Sequence[TradeFact] = ()


class Facts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What of a record may be told, as hexadecimal events; not proved."""

    format: str
    seq: int
    events: list[str]
    trades: list[TradeFact] = []


class WholeRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record of the frame whose header comes next; `siblings` as in a `RecordProof`."""

    format: str
    seq: int
    record: str
    siblings: list[list[str]]


class HeaderLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A frame's header, in hexadecimal; it holds counts, lengths and times."""

    format: str
    header: str


class SignedLine(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue's signature over the header before."""

    format: str
    signed_head: SignedHead


class ExtractEnd(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last line."""

    format: str
    lines_count: int
    """Of those before it."""


class ExtractUnreadable(ValueError):
    """The file is no extract; says which line and why."""

    exit_code = 2


class ExtractOfAnother(ValueError):
    """The extract is of another bank than the one asked about."""

    exit_code = 2

    def __init__(self, head: ExtractHead, bank: str) -> None:
        super().__init__(
            f"extract_of_another_bank: the extract is of {head.bank!r}, account "
            f"{head.bank_account_id}, and --bank asks for {bank!r}"
        )


def records_in(lines: Iterable[bytes]) -> tuple[ExtractHead, Iterator[ToldRecord]]:
    """
    What an extract tells, record by record; proofs are taken as they are, not checked.

    Nothing of it is held. Raises `ExtractUnreadable`, for what comes later while it is gone
    through: believe nothing before the end, for only there it shows whether it was cut off. Each
    record follows the one before: facts, which nothing proves, must not stand in for a record that
    is proved.
    """
    rows = enumerate(lines, start=1)
    head = _head(*next(rows, (1, b"")))
    return head, _records(rows, head.last_seq)


def _records(rows: Iterable[tuple[int, bytes]], last_seq: int) -> Iterator[ToldRecord]:
    end: ExtractEnd | None = None
    number, at_seq = 1, 0
    for number, line in rows:
        if end is not None:
            raise _unreadable(number, "it goes on behind its end")
        trades: Sequence[TradeFact] = ()
        match _read(number, line, _Line).format:
            case "gx-header-1" | "gx-signed-1":
                continue
            case "gx-end-1":
                end = _read(number, line, ExtractEnd)
                continue
            case "gx-record-1":
                whole = _read(number, line, WholeRecord)
                seq, record = whole.seq, _bytes(number, whole.record)
            case "gx-facts-1":
                facts = _read(number, line, Facts)
                trades = facts.trades
                bodies = b"".join(_bytes(number, event) for event in facts.events)
                seq, record = facts.seq, join_record(b"\xc0", len(facts.events), bodies)
            case other:
                raise _unreadable(number, f"no line of an extract is {other!r}")
        if not 1 <= seq <= last_seq:
            raise _unreadable(number, f"record {seq} is not from 1 to {last_seq}")
        if seq <= at_seq:
            raise _unreadable(number, f"record {seq} is told after record {at_seq}")
        at_seq = seq
        yield ToldRecord(seq, 0, _NOTHING, _events(number, record), trades)
    if end is None or end.lines_count != number - 1:
        raise _unreadable(number, "it is cut off here, or lacks lines before")


def _head(number: int, line: bytes) -> ExtractHead:
    if line and _read(number, line, _Line).format == EXTRACT_FORMAT:
        return _read(number, line, ExtractHead)
    raise ExtractUnreadable(f"extract_unreadable: it does not begin as an {EXTRACT_FORMAT}")


def _read(number: int, line: bytes, kind: type[RowT]) -> RowT:
    try:
        return msgspec.json.decode(line, type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(number, error) from error


def _bytes(number: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise _unreadable(number, error) from error


def _events(number: int, record: bytes) -> list[Event]:
    try:
        return events_of(record)
    except msgspec.MsgspecError as error:
        raise _unreadable(number, error) from error


def _unreadable(number: int, why: object) -> ExtractUnreadable:
    return ExtractUnreadable(f"extract_unreadable: line {number}: {why}")


class _Line(Struct, frozen=True):
    format: str
