"""Loans, calls, certificates, melting and stress over HTTP: whose they are, and what they say."""

import asyncio
import csv
import io
import os
import subprocess
import sys
from itertools import pairwise

import msgspec
import pytest

from clients.bank import is_document_signed, read_certificate
from exchange.collateral.ladder import lendable_amount
from exchange.collateral.runway import Loan, Secured, break_even_price, melting
from exchange.collateral.stress import SCENARIOS, stress, supplier_fails
from exchange.domain.certificates import BorrowingBase, CertifiedLoan, DocumentSignature
from exchange.domain.lending_views import Loans, LoanView, MarginCallView, Melting, Stress
from exchange.gateway import collateral, loan_views
from exchange.gateway import melting as melting_views
from exchange.gateway.borrowing_base import DOCUMENTS
from exchange.gateway.history import HISTORY
from exchange.projections import Projections
from exchange.projections.loan_views import loans_view
from exchange.projections.views import Question
from tests.gateway.lending_house import DAYS, PUBLIC_KEY, LendingHouse, pool
from tests.memory_history import MemoryHistory
from tests.projections.lending_tape import (
    AUDITOR,
    LEASE,
    OPERATOR,
    OTHER_BANK,
    OTHER_TRADER,
    PARAMETERS,
    PRINCIPAL,
    SIX_PER_CENT,
    LendingTape,
    inputs,
)
from tests.projections.records import BANK, FIRST_DAY, SUPPLIER, TRADER

INTEREST = 27_000_000
"""Of the days since the loans were drawn."""
LATEST = FIRST_DAY + DAYS
PAGES = ("/v1/borrowing_base?format=html", "/v1/melting?format=html",
         "/v1/collateral/stress?format=html")  # fmt: skip


@pytest.fixture
async def house():
    """The gateway over the pool."""
    async with LendingHouse() as running:
        yield running


async def loans_of(house, key_id: int, path: str = "/v1/loans") -> list[LoanView]:
    """The loans that a key sees."""
    status, body, _ = await house.get(path, key_id)
    assert status == 200, body
    return msgspec.json.decode(body, type=Loans).loans


async def certificate_of(house, key_id: int, query: str = "") -> BorrowingBase:
    """The certificate, whose signature is good."""
    status, body, _ = await house.get(f"/v1/borrowing_base{query}", key_id)
    assert status == 200, body
    certificate = read_certificate(body)
    assert certificate.is_signed_by(PUBLIC_KEY)
    return certificate.certificate


# -- who sees what ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/v1/loans", "/v1/loans/1", "/v1/margin_calls", "/v1/borrowing_base", "/v1/melting",
     "/v1/loans/1/melting", "/v1/collateral/stress"],
)  # fmt: skip
async def test_nobody_without_a_key_sees_anything_of_lending(house, path):
    assert (await house.get(path))[0] == 401


@pytest.mark.parametrize(
    ("key_id", "loan_ids"),
    [
        (TRADER, [1, 4]),
        (OTHER_TRADER, [2, 3]),
        (BANK, [1, 2]),
        (OTHER_BANK, [3, 4]),
        (SUPPLIER, []),
        (OPERATOR, [1, 2, 3, 4]),
        (AUDITOR, [1, 2, 3, 4]),
    ],
)
async def test_a_borrower_sees_its_loans_a_bank_its_pool_and_who_answers_for_the_market_all(
    house, key_id, loan_ids
):
    assert [loan.loan_id for loan in await loans_of(house, key_id)] == loan_ids
    melted = msgspec.json.decode((await house.get("/v1/melting", key_id))[1], type=Melting)
    assert [loan.loan_id for loan in melted.loans] == [each for each in loan_ids if each != 4]
    stressed = msgspec.json.decode(
        (await house.get("/v1/collateral/stress", key_id))[1], type=Stress
    )
    assert [loan.loan_id for loan in stressed.loans] == [each for each in loan_ids if each != 4]


@pytest.mark.parametrize("what", ["", "/melting"])
async def test_to_others_a_loan_does_not_exist(house, what):
    for key_id in (TRADER, BANK, OPERATOR):
        assert (await house.get(f"/v1/loans/1{what}", key_id))[0] == 200
    for key_id in (OTHER_TRADER, OTHER_BANK, SUPPLIER):
        status, body, _ = await house.get(f"/v1/loans/1{what}", key_id)
        assert status == 404
        assert (await house.get(f"/v1/loans/99{what}", key_id))[0] == 404
        assert b"there is no loan 1" in body


async def test_calls_are_those_of_the_loans_that_one_sees(house):
    for key_id, count in ((BANK, 1), (OTHER_TRADER, 1), (TRADER, 0), (OTHER_BANK, 0)):
        calls = msgspec.json.decode(
            (await house.get("/v1/margin_calls", key_id))[1], type=list[MarginCallView]
        )
        assert len(calls) == count
    _, body, _ = await house.get("/v1/margin_calls?all", BANK)
    [call] = msgspec.json.decode(body, type=list[MarginCallView])
    assert (call.call_status, call.paid_amount) == ("partly_met", 100_000_000)


class Noted(MemoryHistory):
    """Notes what another process would have been asked."""

    def __init__(self, tape: LendingTape) -> None:
        super().__init__(tape.encoded())
        self.asked: list[str] = []

    async def ask(self, seq: int, question: Question) -> bytes:
        """The answer, noted."""
        self.asked.append(question.noun)
        return await super().ask(seq, question)


@pytest.mark.parametrize("key_id", [BANK, OTHER_TRADER, TRADER, OPERATOR])
async def test_calls_are_answered_without_the_pool_that_they_are_of(monkeypatch, key_id):
    monkeypatch.setattr(loan_views, "MAX_LOANS_INLINE", 1)
    house = LendingHouse()
    history = house.app[HISTORY] = Noted(house.tape)
    pool_of_key = loans_view(0 if key_id == OPERATOR else key_id, house.tape.projection)
    wanted = [msgspec.to_builtins(call) for loan in pool_of_key.loans for call in loan.margin_calls]
    async with house:

        async def calls_of(query: str) -> list:
            return msgspec.json.decode((await house.get(f"/v1/margin_calls{query}", key_id))[1])

        assert (await calls_of(""), history.asked) == (wanted, [])
        assert (await calls_of("?all"), history.asked) == (wanted, ["margin_calls"])
        assert (await calls_of("?as_of_seq=4"), history.asked) == ([], ["margin_calls"] * 2)


@pytest.mark.parametrize(
    ("key_id", "query", "loan_ids"),
    [
        (BANK, "", [1, 2]),
        (BANK, f"?borrower={TRADER}", [1]),
        (BANK, f"?bank={BANK}&borrower={OTHER_TRADER}", [2]),
        (BANK, f"?borrower={BANK}", []),
        (OTHER_BANK, "", [3]),
        (TRADER, "", [1]),
        (OTHER_TRADER, f"?bank={OTHER_BANK}", [3]),
        (SUPPLIER, "", []),
        (OPERATOR, "", [1, 2, 3]),
        (OPERATOR, f"?bank={OTHER_BANK}", [3]),
        (AUDITOR, f"?borrower={OTHER_TRADER}", [2, 3]),
    ],
)
async def test_a_certificate_holds_what_its_reader_may_see(house, key_id, query, loan_ids):
    certificate = await certificate_of(house, key_id, query)
    assert [loan.loan_id for loan in certificate.loans] == loan_ids
    assert certificate.totals.loans_count == len(loan_ids)


@pytest.mark.parametrize(
    ("key_id", "query"),
    [
        (BANK, f"?bank={OTHER_BANK}"),
        (TRADER, f"?borrower={OTHER_TRADER}"),
        (SUPPLIER, f"?borrower={TRADER}&bank={BANK}"),
    ],
)
async def test_a_certificate_of_others_is_refused(house, key_id, query):
    status, body, _ = await house.get(f"/v1/borrowing_base{query}", key_id)
    assert status == 403, body


# -- the figures -----------------------------------------------------------------------------------


async def test_a_loan_shows_what_the_model_and_the_formula_say(house):
    [loan, _] = await loans_of(house, BANK)
    mark = house.tape.projection.collateral_marks.history(1)[-1].event
    assert loan.interest_amount == PRINCIPAL * SIX_PER_CENT * DAYS // (360 * 10**6) == INTEREST
    assert loan.owed_amount == PRINCIPAL + INTEREST
    assert loan.value_amount == mark.value_amount
    assert loan.base_amount == lendable_amount(mark.value_amount, mark.applied_ltv_ppm)


async def test_the_certificate_adds_up_to_the_fen(house):
    certificate = await certificate_of(house, OPERATOR)
    totals = certificate.totals
    for name in ("value_amount", "base_amount", "owed_amount", "excess_amount"):
        assert getattr(totals, name) == sum(getattr(loan, name) for loan in certificate.loans)
    for loan in certificate.loans:
        assert loan.owed_amount == loan.principal_amount + loan.interest_amount
        assert loan.value_amount == sum(pledge.value_amount for pledge in loan.pledges)
        assert loan.base_amount == sum(
            pledge.value_amount * pledge.applied_ltv_ppm // 10**6 for pledge in loan.pledges
        )
        assert loan.excess_amount == loan.base_amount - loan.owed_amount
        assert loan.availability_amount == max(0, loan.excess_amount)
    assert totals.availability_amount - totals.deficit_amount == totals.excess_amount
    assert totals.deficit_amount > 0
    assert totals.call_cash_amount == 500_000_000 - 100_000_000


async def test_melting_is_the_model_s_on_the_same_inputs(house):
    status, body, _ = await house.get("/v1/loans/1/melting", TRADER)
    assert status == 200
    [shown] = msgspec.json.decode(body, type=Melting).loans
    terms = Loan(
        loan_amount=PRINCIPAL + INTEREST,
        drawn_ltv_ppm=house.tape.mark.haircut.ltv_ppm,
        interest_ppm=SIX_PER_CENT,
    )
    curve = inputs(mark_micro=7_900_000).curve
    secured = [Secured(contract=LEASE, curve=curve)]
    wanted = melting(terms, secured, LATEST, PARAMETERS)
    assert [
        (each.move_ppm, each.margin_call_days_count, each.liquidation_days_count)
        for each in shown.runways
    ] == [
        (each.move_ppm, each.margin_call_days_count, each.liquidation_days_count) for each in wanted
    ]
    assert [each.move_ppm for each in wanted] == [0, -100_000, -200_000, -300_000]
    assert shown.break_even_price == break_even_price(terms, LEASE, LATEST)
    assert (
        shown.value_amount
        == house.tape.projection.collateral_marks.history(1)[-1].event.value_amount
    )
    assert wanted[0].margin_call_days_count > wanted[3].margin_call_days_count


async def test_the_pool_melts_with_its_first_loan(house):
    _, body, _ = await house.get("/v1/melting", BANK)
    found = msgspec.json.decode(body, type=Melting)
    for number, first in enumerate(found.pool):
        runways = [loan.runways[number] for loan in found.loans]
        assert first.margin_call_days_count == min(r.margin_call_days_count for r in runways)
    assert found.pool[0].called_30_days_count == 1
    assert found.pool[0].called_30_days_amount == found.loans[1].owed_amount
    called = [each.margin_call_days_count for each in found.loans[0].runways]
    assert all(sooner >= later for sooner, later in pairwise(called))


async def test_a_pool_is_melted_in_pages_that_say_how_many_loans_are_left(house):
    async def page(query: str) -> tuple[list[int], int]:
        _, body, _ = await house.get(f"/v1/melting?{query}", OPERATOR)
        found = msgspec.json.decode(body, type=Melting)
        return [loan.loan_id for loan in found.loans], found.left_count

    assert await page("limit=2") == ([1, 2], 1)
    assert await page("limit=2&after_loan_id=2") == ([3], 0)
    assert await page("") == ([1, 2, 3], 0)
    _, body, _ = await house.get("/v1/melting?limit=2&format=html", OPERATOR)
    assert "2 shown, by id; 1 more behind ?after_loan_id=2" in body.decode()
    assert (await house.get("/v1/melting?limit=0", OPERATOR))[0] == 400


async def test_nobody_queues_up_valuations_that_others_wait_for(house):
    paths = ("/v1/melting", "/v1/collateral/stress?format=html", "/v1/loans/1/melting")
    answers = await asyncio.gather(
        *(house.get(path, BANK) for path in paths), house.get("/v1/melting", OTHER_BANK)
    )
    statuses = [status for status, _, _ in answers]
    assert sorted(statuses[:3]) == [200, 503, 503]
    assert statuses[3] == 200
    assert (await house.get("/v1/melting", BANK))[0] == 200


async def test_stress_is_the_model_s_on_the_same_inputs(house):
    _, body, _ = await house.get("/v1/collateral/stress", TRADER)
    [shown] = msgspec.json.decode(body, type=Stress).loans
    terms = Loan(
        loan_amount=PRINCIPAL + INTEREST,
        drawn_ltv_ppm=house.tape.mark.haircut.ltv_ppm,
        interest_ppm=SIX_PER_CENT,
    )
    held = inputs(LEASE, LATEST, 7_900_000)
    named = msgspec.structs.replace(held.supplier, account_id=SUPPLIER)
    held = msgspec.structs.replace(held, supplier=named)
    wanted = stress(terms, [held], PARAMETERS, [*SCENARIOS, supplier_fails(SUPPLIER)])
    assert [
        (each.scenario, each.value_amount, each.lendable_amount, each.shortfall_amount)
        for each in shown.scenarios
    ] == [
        (each.scenario, each.value_amount, each.lendable_amount, each.shortfall_amount)
        for each in wanted
    ]
    names = [each.scenario for each in shown.scenarios]
    assert {"supplier 3 fails", "new GPU generation", "curve twists, -2 % a month"} <= set(names)
    mark = house.tape.projection.collateral_marks.history(1)[-1].event
    assert shown.scenarios[0].value_amount == mark.value_amount
    assert shown.scenarios[0].lendable_amount == mark.lendable_amount


async def stress_page_of(house, query: str) -> Stress:
    """What an operator is told of all banks' loans."""
    _, body, _ = await house.get(f"/v1/collateral/stress?{query}", OPERATOR)
    return msgspec.json.decode(body, type=Stress)


@pytest.mark.parametrize(
    ("query", "shown", "left_count"),
    [("limit=1", [1], 2), ("limit=1&after_loan_id=1", [2], 1), ("after_loan_id=3", [], 0)],
)
async def test_the_pool_under_stress_is_the_whole_pool_whatever_the_page(
    house, query, shown, left_count
):
    whole, found = await stress_page_of(house, ""), await stress_page_of(house, query)
    assert ([loan.loan_id for loan in found.loans], found.left_count) == (shown, left_count)
    assert found.pool == whole.pool
    assert (found.pool_count, found.pool_left_count) == (3, 0)
    for number, together in enumerate(whole.pool):
        loans = [loan.scenarios[number] for loan in whole.loans]
        for name in ("value_amount", "lendable_amount", "call_cash_amount", "shortfall_amount"):
            assert getattr(together, name) == sum(getattr(loan, name) for loan in loans)
        called = [loan for loan in loans if loan.ladder_status in ("MARGIN_CALL", "LIQUIDATE")]
        assert together.called_count == len(called)


async def test_before_there_is_anything_no_pool_is_under_stress(house):
    found = await stress_page_of(house, "as_of_seq=1")
    assert (found.loans, found.pool_count) == ([], 0)
    assert {each.value_amount for each in found.pool} == {0}


async def test_a_pool_beyond_what_stress_adds_up_says_what_it_leaves_out(house, monkeypatch):
    monkeypatch.setattr(melting_views, "MAX_POOL_COUNT", 2)
    found = await stress_page_of(house, "limit=1")
    assert (found.left_count, found.pool_count, found.pool_left_count) == (2, 2, 1)
    of_two = sum(loan.scenarios[0].value_amount for loan in (await stress_page_of(house, "")).loans)
    assert found.pool[0].value_amount == of_two
    _, body, _ = await house.get("/v1/collateral/stress?format=html", OPERATOR)
    assert "Pool: 2 loans, 1 more left out" in body.decode()


# -- the certificate's forms -----------------------------------------------------------------------


def signature_in(headers) -> DocumentSignature:
    """What the header says."""
    return msgspec.json.decode(headers["Document-Signature"], type=DocumentSignature)


@pytest.mark.parametrize(
    ("query", "headers"),
    [("?format=csv", {}), ("", {"Accept": "text/csv"})],
    ids=["by format", "by Accept"],
)
async def test_csv_and_json_agree_to_the_fen(house, query, headers):
    certificate = await certificate_of(house, OPERATOR)
    status, body, answered = await house.get(f"/v1/borrowing_base{query}", OPERATOR, **headers)
    assert (status, answered["Content-Type"]) == (200, "text/csv; charset=utf-8")
    assert is_document_signed(body, signature_in(answered), PUBLIC_KEY)
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    by_kind = {
        kind: [row for row in rows if row["row"] == kind]
        for kind in ("loan", "pledge", "margin_call", "offer", "total")
    }
    assert sum(map(len, by_kind.values())) == len(rows) == 3 + 3 + 1 + 1 + 1
    for row, loan in zip(by_kind["loan"], certificate.loans, strict=True):
        _agree(row, loan, ("margin_calls", "pledges"))
    pledges = [pledge for loan in certificate.loans for pledge in loan.pledges]
    for row, pledge in zip(by_kind["pledge"], pledges, strict=True):
        _agree(row, pledge)
    [call] = certificate.loans[1].margin_calls
    _agree(by_kind["margin_call"][0], call)
    _agree(by_kind["offer"][0], certificate.offers[0])
    _agree(by_kind["total"][0], certificate.totals)


def _agree(row: dict[str, str], of: msgspec.Struct, apart: tuple[str, ...] = ()) -> None:
    """Every field stands in its column."""
    for name, value in msgspec.structs.asdict(of).items():
        assert name in apart or row[name] == str(value), name


async def test_a_changed_certificate_is_not_what_was_signed(house):
    _, body, headers = await house.get("/v1/borrowing_base", BANK)
    certificate = read_certificate(body)
    assert certificate.signed == signature_in(headers)
    assert certificate.signed.public_key == PUBLIC_KEY.hex()
    owed_amount = certificate.certificate.totals.owed_amount
    forged = body.replace(f'"owed_amount":{owed_amount}'.encode(), b'"owed_amount":1')
    assert forged != body
    assert not read_certificate(forged).is_signed_by(PUBLIC_KEY)
    assert not certificate.is_signed_by(bytes(range(32)))
    again = msgspec.json.format(body, indent=4)
    assert read_certificate(again).is_signed_by(PUBLIC_KEY)


async def test_a_signature_is_good_for_one_record_one_form_and_one_venue_only(house):
    _, body, headers = await house.get("/v1/borrowing_base?format=csv", BANK)
    signed = signature_in(headers)
    assert is_document_signed(body, signed, PUBLIC_KEY)
    for change in (
        {"as_of_seq": signed.as_of_seq - 1},
        {"media_type": "text/html"},
        {"venue_id": "other"},
        {"shard": "other"},
    ):
        changed = msgspec.structs.replace(signed, **change)
        assert not is_document_signed(body, changed, PUBLIC_KEY), change
    assert not is_document_signed(body + b"\n", signed, PUBLIC_KEY)


@pytest.mark.parametrize("query", ["", f"&bank={BANK}", f"&borrower={OTHER_TRADER}", "&bank=9999"])
async def test_a_csv_says_of_whose_loans_it_is_the_certificate(house, query):
    certificate = await certificate_of(house, OPERATOR, f"?{query.lstrip('&')}")
    _, body, _ = await house.get(f"/v1/borrowing_base?format=csv{query}", OPERATOR)
    total = list(csv.DictReader(io.StringIO(body.decode(), newline="")))[-1]
    whose = (certificate.bank_account_id, certificate.borrower_account_id)
    assert (total["row"], total["bank_account_id"], total["account_id"]) == (
        "total",
        *map(str, whose),
    )


async def test_a_venue_without_a_key_says_so():
    async with LendingHouse(is_signing=False) as house:
        _, body, _ = await house.get("/v1/borrowing_base", BANK)
    certificate = read_certificate(body)
    assert (certificate.signed.signature, certificate.signed.public_key) == ("", "")
    assert not certificate.is_signed_by(PUBLIC_KEY)


async def test_an_unknown_form_is_refused(house):
    status, body, _ = await house.get("/v1/borrowing_base?format=xml", BANK)
    assert status == 400
    assert b"json or csv or html" in body
    assert (await house.get("/v1/melting?format=csv", BANK))[0] == 400


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_needs_nothing_but_itself(house, path):
    status, body, headers = await house.get(path, BANK)
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    text = body.decode()
    assert "<script" not in text
    assert "http" not in text
    assert "src=" not in text
    assert "href=" not in text
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert text.count("<svg") == text.count("</svg>")


async def test_the_page_draws_the_waterfall_of_its_totals_and_is_signed(house):
    certificate = await certificate_of(house, BANK)
    _, body, headers = await house.get(PAGES[0], BANK)
    assert is_document_signed(body, signature_in(headers), PUBLIC_KEY)
    text, totals = body.decode(), certificate.totals
    for amount in (totals.value_amount, totals.base_amount, totals.availability_amount):
        assert f"{amount // 100:,}.{amount % 100:02d}" in text
    for word in ("haircuts", "borrowing base", "owed", "deficit"):
        assert f">{word}</text>" in text


# -- the past, and the same bytes ------------------------------------------------------------------


async def test_as_of_a_record_the_certificate_is_what_it_was(house):
    then = house.tape.projection.at_seq - 1
    async with LendingHouse(_cut(pool(), then)) as earlier:
        _, wanted, headers = await earlier.get("/v1/borrowing_base?format=csv", BANK)
    query = f"/v1/borrowing_base?format=csv&as_of_seq={then}"
    status, body, answered = await house.get(query, BANK)
    assert (status, body) == (200, wanted)
    assert answered["Document-Signature"] == headers["Document-Signature"]
    assert answered["As-Of-Seq"] == str(then)
    _, now, _ = await house.get("/v1/borrowing_base?format=csv", BANK)
    assert now != body


def _cut(tape, seq: int):
    """The tape up to a record."""
    tape.records = tape.records[:seq]
    tape.projection = Projections()
    for record in tape.records:
        tape.projection.apply(record)
    return tape


async def test_a_large_pool_is_shown_by_another_process_as_a_small_one_is_here(house, monkeypatch):
    paths = ("/v1/loans", "/v1/margin_calls", "/v1/borrowing_base", "/v1/melting")
    small = [(await house.get(path, BANK))[1] for path in paths]
    house.app[DOCUMENTS].clear()
    monkeypatch.setattr(loan_views, "MAX_LOANS_INLINE", 1)
    assert [(await house.get(path, BANK))[1] for path in paths] == small


async def test_a_loan_did_not_exist_before_it_was_asked_for(house):
    assert (await house.get("/v1/loans/1?as_of_seq=3", BANK))[0] == 404
    assert await loans_of(house, BANK, "/v1/loans?as_of_seq=3") == []
    _, body, _ = await house.get("/v1/loans/1/melting?as_of_seq=3", BANK)
    assert msgspec.json.decode(body, type=Melting).loans == []


@pytest.mark.parametrize("path", ["/v1/borrowing_base", *PAGES, "/v1/melting"])
async def test_who_has_the_answer_is_told_so(house, path):
    _, body, headers = await house.get(path, BANK)
    status, again, _ = await house.get(path, BANK, **{"If-None-Match": headers["ETag"]})
    assert (status, again) == (304, b"")
    status, other, _ = await house.get(path, OTHER_BANK, **{"If-None-Match": headers["ETag"]})
    assert status == 200
    assert other != body


async def test_marks_of_a_large_pool_are_encoded_in_slices_between_which_commits_go_on():
    tape = LendingTape()
    for number in range(1, 1_051):
        tape.lend(number, number)
    cache, projections = collateral.Cache(), tape.projection
    question = (BANK, 0, projections.at_seq)
    making = collateral._parts(question, projections.at_seq, None, projections, cache)
    encoded_counts, found = [0], []
    while not found:
        try:
            making.send(None)
        except StopIteration as done:
            found = done.value
        encoded_counts.append(sum(cache.marks.get(place) is not None for place in places_of(tape)))
    slices = [later - earlier for earlier, later in pairwise(encoded_counts)]
    assert slices == [100] * 10 + [50]
    assert [msgspec.json.decode(body)["pledge_id"] for body in found] == list(range(1, 1_051))


def places_of(tape: LendingTape) -> list[tuple[int, int]]:
    """Where the marks of a tape are kept."""
    marks, at_seq = tape.projection.collateral_marks, tape.projection.at_seq
    pledge_ids = tape.projection.pledges.pledges
    return [(each, marks.as_of(each, at_seq).seq, False) for each in pledge_ids]


class WorkerHere:
    """Does here what another process would do, and notes it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def run(self, work, *arguments):
        """What the work comes to."""
        self.done.append(work.__name__)
        return work(*arguments)

    def close(self) -> None:
        """There is no process."""


@pytest.mark.parametrize(
    ("form", "done"),
    [("json", ["_as_json"]), ("csv", ["_as_csv"]), ("html", ["_as_json", "_as_page"])],
)
async def test_a_large_certificate_is_written_by_the_other_process_in_whatever_form(
    monkeypatch, form, done
):
    worker = WorkerHere()
    monkeypatch.setattr(melting_views, "Worker", lambda: worker)
    async with LendingHouse() as house:
        path = f"/v1/borrowing_base?format={form}"
        _, small, _ = await house.get(path, BANK)
        assert worker.done == []
        house.app[DOCUMENTS].clear()
        monkeypatch.setattr(loan_views, "MAX_LOANS_INLINE", 3)
        _, large, _ = await house.get(path, BANK)
        assert (large, worker.done) == (small, done)


@pytest.mark.parametrize(
    "path", ["/v1/borrowing_base", "/v1/melting", "/v1/collateral/marks", "/v1/collateral/marks/1"]
)
async def test_what_a_client_has_is_its_own_key_s_and_may_come_back_with_a_weakened_tag(
    house, path
):
    _, _, headers = await house.get(path, BANK)
    assert "Authorization" in headers["Vary"]
    for tags in (f"W/{headers['ETag']}", f'"other", {headers["ETag"]}', "*"):
        status, body, again = await house.get(path, BANK, **{"If-None-Match": tags})
        assert (status, body, again["ETag"]) == (304, b"", headers["ETag"])
        assert "Authorization" in again["Vary"]


async def test_whatever_a_client_has_does_not_make_up_what_there_is_not(house):
    for path in ("/v1/collateral/marks/99", "/v1/loans/99/melting"):
        assert (await house.get(path, BANK, **{"If-None-Match": "*"}))[0] == 404
    path = "/v1/collateral/marks/1"
    assert (await house.get(path, BANK, **{"If-None-Match": '"*"'}))[0] == 200


_PRINT = """
import asyncio, sys
from tests.gateway.lending_house import LendingHouse
from tests.projections.records import BANK

async def main():
    async with LendingHouse() as house:
        for form in ("json", "csv", "html"):
            _, body, headers = await house.get(f"/v1/borrowing_base?format={form}", BANK)
            sys.stdout.buffer.write(body + headers["Document-Signature"].encode())

asyncio.run(main())
"""


def test_another_time_zone_and_locale_give_the_same_bytes():
    printed = [
        subprocess.run(
            [sys.executable, "-c", _PRINT],
            env={**os.environ, "TZ": zone, "LC_ALL": locale, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for zone, locale, seed in (
            ("UTC", "C", "1"),
            ("Asia/Shanghai", "tr_TR.UTF-8", "2"),
            ("America/St_Johns", "de_DE.UTF-8", "3"),
        )
    ]
    assert printed[0].count(b"gx-borrowing-base-2") == 1
    assert len(set(printed)) == 1


def test_every_figure_of_a_certified_loan_is_a_whole_number():
    for field in msgspec.inspect.type_info(CertifiedLoan).fields:
        assert "Float" not in type(field.type).__name__
