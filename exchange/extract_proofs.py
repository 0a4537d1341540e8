"""
What of a bank's extract is proved under the venue's key, and which marks rest on more than that.

What is told of a record as facts cannot be told from what was made up. So a fact is refused where
its kind of event stands only in records that an extract proves whole, up to the last signed head;
and a mark that rests on any other fact is counted as unproved, by whoever accepts it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from clients.check_extract import Proved, proved_in
from clients.check_proof import FAILURES
from exchange.domain.delivery_events import (
    DeliveryAttested,
    DeliveryRuled,
    ReadingsRecorded,
    RulingProposed,
)
from exchange.domain.events import (
    IndexPricePublished,
    MarksPublished,
    NodeMarked,
    NodeObserved,
    ProductDefined,
    RiskParametersPublished,
    VenueCreated,
)
from exchange.domain.lending_events import PledgesMarked
from exchange.domain.record import Record

from .extract import ExtractHead, ExtractOfAnother, ExtractUnreadable, records_in

_ALWAYS_WHOLE = (
    VenueCreated,
    RiskParametersPublished,
    ProductDefined,
    IndexPricePublished,
    NodeMarked,
    NodeObserved,
    MarksPublished,
    ReadingsRecorded,
    DeliveryAttested,
    RulingProposed,
    DeliveryRuled,
)
"""Of records that hold nobody's business; the venue's first among them."""


class MarksUnproved(Exception):
    """Marks rest on records that no signature covers; says how many of how many."""

    exit_code = 9

    def __init__(self, count: int, marks_count: int, signed_seq: int) -> None:
        super().__init__(
            f"marks_unproved: {count} of {marks_count} marks rest on facts that no signature "
            f"covers; the last signed head is of seq {signed_seq}: ask for no later record, or "
            f"take them with --accept-unproved"
        )


class Extract(Struct, frozen=True, kw_only=True):
    """An extract in a file, which is read as its records are."""

    head: ExtractHead
    records: Iterator[Record]
    """Once; they may be believed when the last one was had. Raises `ExtractUnreadable`."""
    proved: Proved | None
    """None where no key was given."""


def read_extract(file: Path, bank: str, as_of_seq: int, public_key: str) -> Extract:
    """
    The extract in a file, which must be of that bank where one is named, and reach that record.

    With a key (hexadecimal) its proofs are checked. Raises `ExtractOfAnother`; `ExtractUnreadable`
    also where it is too short, or a proof is wrong, and as its records are read where a fact stands
    in the place of a proof.
    """
    with file.open("rb") as lines:
        head, _ = records_in(lines)
    if bank and bank != head.bank:
        raise ExtractOfAnother(head, bank)
    if as_of_seq > head.last_seq:
        raise ExtractUnreadable(f"extract_too_short: {file} ends at record {head.last_seq}")
    proved: Proved | None = None
    if public_key:
        try:
            with file.open("rb") as lines:
                proved = proved_in(lines, bytes.fromhex(public_key))
        except FAILURES as failure:
            raise ExtractUnreadable(f"extract_unproved: {file}: {failure}") from failure
    return Extract(head=head, records=_records(file, proved), proved=proved)


def _records(file: Path, proved: Proved | None) -> Iterator[Record]:
    with file.open("rb") as lines:
        for record in records_in(lines)[1]:
            if proved is not None:
                _require_mixed(record, proved)
            yield record


def unproved_count_of(proved: Proved, rests_on: Sequence[set[int]]) -> int:
    """How many marks rest on records that are not proved, each given by what it rests on."""
    return sum(not seqs <= proved.seqs for seqs in rests_on)


def with_counts(answer: bytes, unproved_count: int | None) -> bytes:
    """Marks as JSON, with their count and that of the unproved; null where no key was there."""
    marks = msgspec.json.decode(answer, type=list[msgspec.Raw])
    return msgspec.json.encode(
        {"marks_count": len(marks), "unproved_count": unproved_count, "marks": marks}
    )


def _require_mixed(record: Record, proved: Proved) -> None:
    """Refuses facts of a record that is nobody's business, and so is told whole."""
    if record.seq > proved.signed_seq or record.seq in proved.seqs:
        return
    for event in record.events:
        is_begun = isinstance(event, PledgesMarked) and not event.looked_at_count
        if is_begun or isinstance(event, _ALWAYS_WHOLE):
            raise ExtractUnreadable(
                f"extract_unproved: record {record.seq} is stated, and its "
                f"{type(event).__name__} stands in whole records up to the head of seq "
                f"{proved.signed_seq}: its proof was taken away"
            )
