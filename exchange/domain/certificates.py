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

CERTIFICATE_FORMAT = "gx-borrowing-base-2"
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


class CertifiedLien(CertifiedPledge, frozen=True, kw_only=True):
    """A pledge for something outside the exchange's loans: here nothing is drawn on it."""

    account_id: int
    bank_account_id: int
    lendable_amount: int
    """To a new loan."""


class CertifiedOffer(Struct, frozen=True, kw_only=True):
    """A loan that is asked for, or offered, and not drawn: nothing is under lien for it yet."""

    loan_id: int
    account_id: int
    bank_account_id: int
    loan_status: str
    applied_amount: int
    offered_amount: int
    """The bank's principal, held for it; 0 while there are no terms."""
    interest_ppm: int
    maturity_day: int
    lapse_ns: int
    value_amount: int
    lendable_amount: int
    """On the days asked for, at the marks in force; no more than this may be drawn."""


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
    costs_amount: int
    """Of enforcement, unpaid."""
    value_amount: int
    base_amount: int
    availability_amount: int
    """What may still be drawn or released: the excess; 0 where there is none, and in default."""
    excess_amount: int
    """The base less what is owed and the costs; negative is a deficit."""
    margin_calls: list[CertifiedCall]
    pledges: list[CertifiedPledge]


class CertifiedTotals(Struct, frozen=True, kw_only=True):
    """
    Sums over the loans; one loan's availability does not fill another's deficit.

    What is under lien without a loan, and what is not drawn, is added up apart: neither is part of
    any loan's base.
    """

    loans_count: int
    pledges_count: int
    value_amount: int
    base_amount: int
    owed_amount: int
    costs_amount: int
    availability_amount: int
    deficit_amount: int
    excess_amount: int
    margin_calls_count: int
    call_cash_amount: int
    """Of open calls, less what was paid on them."""
    liens_count: int
    liens_value_amount: int
    liens_lendable_amount: int
    offers_count: int
    offered_amount: int
    """What banks hold for terms that may still be taken."""
    offers_lendable_amount: int


class BorrowingBase(Struct, frozen=True, kw_only=True):
    """The availability certificate: loans, then what is not lent, each by id."""

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
    liens: list[CertifiedLien]
    offers: list[CertifiedOffer]
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
_OF_OFFER = ("applied_amount", "offered_amount", "lapse_ns", "lendable_amount")
_OF_TOTALS = (
    "loans_count", "pledges_count", "margin_calls_count", "deficit_amount", "liens_count",
    "liens_value_amount", "liens_lendable_amount", "offers_count", "offers_lendable_amount",
)  # fmt: skip
COLUMNS = (*_HEAD, *_LOAN, *_OF_PLEDGE, *_OF_CALL, *_OF_OFFER, *_OF_TOTALS)


def csv_of(certificate: BorrowingBase) -> str:
    """
    The certificate as CSV: a row for each loan, each of its pledges and open calls, each lien
    outside loans and each offer, one of totals.

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
    for lien in certificate.liens:
        writer.writerow({**msgspec.structs.asdict(lien), **head, "row": "lien"})
    for offer in certificate.offers:
        writer.writerow({**msgspec.structs.asdict(offer), **head, "row": "offer"})
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
