"""
What a bank pulls, and a borrower sees of it: marks, loans, margin calls, certificates, melting.

    base = await exchange.borrowing_base()
    assert base.is_signed_by(bytes.fromhex(VENUE_KEY))
    base.to_pandas()

The venue's key comes from whom you trust, once; every signed head in `/v1/log/heads` names it too.
"""

from typing import TYPE_CHECKING, Any, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from exchange.domain.certificates import (
    BorrowingBase,
    CertifiedLoan,
    CertifiedPledge,
    DocumentSignature,
    canonical_json,
    signed_message,
    unsigned,
)
from exchange.domain.collateral_views import CollateralMarkView
from exchange.domain.lending_views import Loans, LoanView, MarginCallView

from .data_frames import Rows, frame
from .errors import ProtocolError
from .pool import PoolMelting, PoolStress, melting_together
from .rest import Document, HttpClient

if TYPE_CHECKING:
    import pandas

FormWord = Literal["csv", "html"]
SIGNATURE_HEADER = "Document-Signature"
MELTING_PAGE_COUNT = 100
"""As many loans as the exchange values at a time."""


class _Envelope(msgspec.Struct, frozen=True):
    certificate: msgspec.Raw
    signed: DocumentSignature


class Certificate(msgspec.Struct, frozen=True):
    """An availability certificate with the venue's signature."""

    certificate: BorrowingBase
    signed: DocumentSignature
    document: bytes
    """The canonical JSON that is signed, with fields that this build does not know."""

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether this key signed exactly this certificate, whatever key the answer names."""
        return is_document_signed(self.document, self.signed, public_key)

    def as_json(self) -> bytes:
        """Certificate and signature, as the exchange answers them."""
        return msgspec.json.encode(_Envelope(msgspec.Raw(self.document), self.signed))

    def to_pandas(self) -> "pandas.DataFrame":
        """A row for each loan."""
        return frame(CertifiedLoan, self.certificate.loans)

    def pledges_to_pandas(self) -> "pandas.DataFrame":
        """A row for each pledge, with its loan."""
        pledges: list[CertifiedPledge] = []
        loan_ids: list[int] = []
        for loan in self.certificate.loans:
            pledges += loan.pledges
            loan_ids += [loan.loan_id] * len(loan.pledges)
        made = frame(CertifiedPledge, pledges)
        made.insert(0, "loan_id", loan_ids)
        return made


class SignedDocument(msgspec.Struct, frozen=True):
    """A certificate as CSV or as a page, with the venue's signature over its bytes."""

    body: bytes
    signed: DocumentSignature

    def is_signed_by(self, public_key: bytes) -> bool:
        """Whether this key signed exactly these bytes."""
        return is_document_signed(self.body, self.signed, public_key)


def read_certificate(answer: bytes) -> Certificate:
    """The certificate of an answer, however it was formatted; raises `msgspec.MsgspecError`."""
    envelope = msgspec.json.decode(answer, type=_Envelope)
    document = canonical_json(msgspec.json.decode(envelope.certificate))
    certificate = msgspec.json.decode(document, type=BorrowingBase)
    return Certificate(certificate, envelope.signed, document)


def is_document_signed(document: bytes, signed: DocumentSignature, public_key: bytes) -> bool:
    """Whether the key signed these bytes as what the signature says they are."""
    found = unsigned(document, signed.media_type, signed.as_of_seq, signed.venue_id, signed.shard)
    try:
        key = Ed25519PublicKey.from_public_bytes(public_key)
        key.verify(bytes.fromhex(signed.signature), signed_message(found))
    except (InvalidSignature, OverflowError):
        # No record has a number that does not fit its eight bytes.
        return False
    return True


class BankClient(HttpClient):
    """
    Loans and what they rest on; an account sees its own, an operator or auditor all.

    `as_of_seq` asks for the log as it stood then, with the same answer for ever.
    """

    async def collateral_marks(
        self, *, as_of_seq: int | None = None, instrument: str | None = None
    ) -> Rows[CollateralMarkView]:
        """Collateral marks with every line of the haircut, as the log stood at `as_of_seq`."""
        found = await super().collateral_marks(as_of_seq=as_of_seq, instrument=instrument)
        return Rows(CollateralMarkView, found)

    async def loans(self, *, as_of_seq: int | None = None) -> Rows[LoanView]:
        """A borrower's own loans, a bank's own pool."""
        answer = await self._get("/loans", Loans, _given(as_of_seq=as_of_seq))
        return Rows(LoanView, answer.loans)

    async def loan(self, loan_id: int, *, as_of_seq: int | None = None) -> LoanView:
        """One loan, with its pledges, calls and lots."""
        return await self._get(f"/loans/{loan_id}", LoanView, _given(as_of_seq=as_of_seq))

    async def margin_calls(
        self, *, with_ended: bool = False, as_of_seq: int | None = None
    ) -> Rows[MarginCallView]:
        """Open margin calls, or all there ever were."""
        params = _given(all=1 if with_ended else None, as_of_seq=as_of_seq)
        found = await self._get("/margin_calls", list[MarginCallView], params)
        return Rows(MarginCallView, found)

    async def borrowing_base(
        self,
        *,
        bank_account_id: int | None = None,
        borrower_account_id: int | None = None,
        as_of_seq: int | None = None,
    ) -> Certificate:
        """The availability certificate of a pool, or of one borrower's part of it."""
        params = _given(bank=bank_account_id, borrower=borrower_account_id, as_of_seq=as_of_seq)
        answer = await self._get("/borrowing_base", Document, params)
        try:
            return read_certificate(answer.body)
        except msgspec.MsgspecError as error:
            raise ProtocolError(f"unreadable certificate: {error}") from error

    async def borrowing_base_document(
        self,
        form: FormWord,
        *,
        bank_account_id: int | None = None,
        borrower_account_id: int | None = None,
        as_of_seq: int | None = None,
    ) -> SignedDocument:
        """The same certificate as CSV or as a page, byte for byte as it is signed."""
        params = _given(bank=bank_account_id, borrower=borrower_account_id, as_of_seq=as_of_seq)
        params["format"] = form
        answer = await self._get("/borrowing_base", Document, params)
        try:
            header = answer.headers[SIGNATURE_HEADER]
            signed = msgspec.json.decode(header, type=DocumentSignature)
        except (KeyError, msgspec.MsgspecError) as error:
            raise ProtocolError(f"unreadable {SIGNATURE_HEADER}: {error}") from error
        return SignedDocument(answer.body, signed)

    async def melting(
        self,
        loan_id: int | None = None,
        *,
        after_loan_id: int | None = None,
        limit: int | None = None,
        as_of_seq: int | None = None,
    ) -> PoolMelting:
        """
        Days to call and sale at several prices: of one loan, or of the whole pool, in pages of
        100 loans, a few seconds each; with `after_loan_id` or `limit` of one page.
        """
        path = "/melting" if loan_id is None else f"/loans/{loan_id}/melting"
        is_whole = (loan_id, after_loan_id, limit) == (None, None, None)
        params = _given(
            after_loan_id=after_loan_id,
            limit=MELTING_PAGE_COUNT if is_whole else limit,
            as_of_seq=as_of_seq,
        )
        found = await self._get(path, PoolMelting, params)
        while is_whole and found.left_count:
            params |= {"after_loan_id": found.loans[-1].loan_id, "as_of_seq": found.as_of_seq}
            found = melting_together(found, await self._get(path, PoolMelting, params))
        return found

    async def stress(
        self,
        *,
        after_loan_id: int | None = None,
        limit: int | None = None,
        as_of_seq: int | None = None,
    ) -> PoolStress:
        """The whole pool under each scenario, and a page of its loans."""
        params = _given(after_loan_id=after_loan_id, limit=limit, as_of_seq=as_of_seq)
        return await self._get("/collateral/stress", PoolStress, params)


def _given(**params: Any) -> dict[str, Any]:
    """The parameters that have a value."""
    return {name: value for name, value in params.items() if value is not None}
