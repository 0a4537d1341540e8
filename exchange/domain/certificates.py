"""
The availability certificate of a pool of loans, and what its signature is over.

A certificate is a function of the log up to `as_of_seq`: asked again, it has the same bytes. What
is signed is the SHA-256 of a document (the canonical JSON of the certificate, its CSV or its page)
together with what it is and where in the log it stands. The message is a row of fields, each behind
its length (u32, big-endian): the domain `gx-certificate-1`, venue id, shard, media type, seq (u64),
SHA-256. The domain keeps such a signature from passing for a signed head.

Canonical JSON is UTF-8 with sorted keys and nothing between tokens: `json.dumps(certificate,
sort_keys=True, separators=(",", ":"), ensure_ascii=False)` in plain Python.
"""

import csv
import hashlib
from typing import Any

import msgspec
from msgspec import Struct

CERTIFICATE_FORMAT = "gx-borrowing-base-1"
DOMAIN = b"gx-certificate-1"
JSON, CSV, HTML = "application/json", "text/csv", "text/html"


class CertifiedPledge(Struct, frozen=True, kw_only=True):
    """A pledge's part of a loan's base: amounts in fen, ratios in ppm."""

    pledge_id: int
    product: str
    supplier_account_id: int
    start_day: int
    end_day: int
    pledged_qty: int
    pledge_status: str
    mark_seq: int
    """The record of the mark in force."""
    marked_day: int
    """Up to which it counts days as delivered."""
    level: int
    regime: str
    value_amount: int
    haircut_ppm: int
    ltv_raw_ppm: int
    applied_ltv_ppm: int
    base_amount: int
    """Value at the applied ratio, down."""


class CertifiedCall(Struct, frozen=True, kw_only=True):
    """An open margin call."""

    call_id: int
    call_status: str
    call_cash_amount: int
    call_collateral_amount: int
    paid_amount: int
    due_ns: int


class CertifiedLoan(Struct, frozen=True, kw_only=True):
    """A loan on which something is owed."""

    loan_id: int
    account_id: int
    bank_account_id: int
    loan_status: str
    ladder_status: str
    interest_ppm: int
    maturity_day: int
    drawn_ltv_ppm: int
    principal_amount: int
    interest_amount: int
    owed_amount: int
    value_amount: int
    base_amount: int
    availability_amount: int
    """What may still be drawn or released: the excess; 0 where there is none, and in default."""
    excess_amount: int
    """The base less what is owed; negative is a deficit."""
    margin_calls: list[CertifiedCall]
    pledges: list[CertifiedPledge]


class CertifiedTotals(Struct, frozen=True, kw_only=True):
    """Sums over the loans; one loan's availability does not fill another's deficit."""

    loans_count: int
    pledges_count: int
    value_amount: int
    base_amount: int
    owed_amount: int
    availability_amount: int
    deficit_amount: int
    excess_amount: int
    margin_calls_count: int
    call_cash_amount: int
    """Of open calls, less what was paid on them."""


class BorrowingBase(Struct, frozen=True, kw_only=True):
    """The availability certificate, loans by id."""

    format: str
    venue_id: str
    as_of_seq: int
    market_ns: int
    valuation_day: int
    """The market's day, up to which interest is counted."""
    parameters_version: int
    bank_account_id: int
    """Whose pool; 0 for all."""
    borrower_account_id: int
    """Whose loans; 0 for all."""
    loans: list[CertifiedLoan]
    totals: CertifiedTotals


class DocumentSignature(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The venue's word on a document; both empty at a venue whose genesis names no key."""

    venue_id: str
    shard: str
    media_type: str
    as_of_seq: int
    sha256: str
    """Of the document, lower-case hexadecimal like the rest."""
    signature: str
    """Ed25519, over `signed_message`."""
    public_key: str


def canonical_json(certificate: Any) -> bytes:
    """The bytes that are signed of a certificate, or of one that was read as plain JSON."""
    return msgspec.json.encode(certificate, order="sorted")


def signed_message(signed: DocumentSignature) -> bytes:
    """The bytes that a document's signature is over."""
    fields = (
        DOMAIN,
        signed.venue_id.encode(),
        signed.shard.encode(),
        signed.media_type.encode(),
        signed.as_of_seq.to_bytes(8, "big"),
        bytes.fromhex(signed.sha256),
    )
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def unsigned(
    document: bytes, media_type: str, as_of_seq: int, venue_id: str, shard: str = ""
) -> DocumentSignature:
    """What a venue is to sign of a document, or says of it where it has no key."""
    return DocumentSignature(
        venue_id=venue_id,
        shard=shard,
        media_type=media_type,
        as_of_seq=as_of_seq,
        sha256=hashlib.sha256(document).hexdigest(),
        signature="",
        public_key="",
    )


# -- CSV ------------------------------------------------------------------------------------------

_HEAD = ("as_of_seq", "valuation_day", "row")
_LOAN = tuple(
    name for name in CertifiedLoan.__struct_fields__ if name not in ("margin_calls", "pledges")
)
_OF_PLEDGE = tuple(name for name in CertifiedPledge.__struct_fields__ if name not in _LOAN)
_OF_CALL = tuple(
    name for name in CertifiedCall.__struct_fields__ if name not in (*_LOAN, *_OF_PLEDGE)
)
_OF_TOTALS = ("loans_count", "pledges_count", "margin_calls_count", "deficit_amount")
COLUMNS = (*_HEAD, *_LOAN, *_OF_PLEDGE, *_OF_CALL, *_OF_TOTALS)


def csv_of(certificate: BorrowingBase) -> str:
    """
    The certificate as CSV: a row for each loan, each of its pledges and open calls, one of totals.

    `row` says which it is; a column that means nothing in a row is empty. The row of totals says by
    bank and account whose loans these are, 0 for all, so that a part or an empty pool cannot pass
    for another's whole. Lines end with LF.
    """
    lines = _Lines()
    writer = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    writer.writeheader()
    head = {"as_of_seq": certificate.as_of_seq, "valuation_day": certificate.valuation_day}
    for loan in certificate.loans:
        row = {name: getattr(loan, name) for name in _LOAN}
        writer.writerow({**row, **head, "row": "loan"})
        of_loan = {**head, "loan_id": loan.loan_id}
        for pledge in loan.pledges:
            writer.writerow({**msgspec.structs.asdict(pledge), **of_loan, "row": "pledge"})
        for call in loan.margin_calls:
            writer.writerow({**msgspec.structs.asdict(call), **of_loan, "row": "margin_call"})
    whose = {
        "account_id": certificate.borrower_account_id,
        "bank_account_id": certificate.bank_account_id,
    }
    totals = msgspec.structs.asdict(certificate.totals)
    writer.writerow({**totals, **head, **whose, "row": "total"})
    return "".join(lines)


class _Lines(list[str]):
    """Takes what a csv writer writes."""

    write = list[str].append
