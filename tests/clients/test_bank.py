"""What a bank pulls with the SDK and the shell, from a gateway over a pool of loans."""

import asyncio

import msgspec
import pytest
from typer.testing import CliRunner

from clients.bank import Certificate, SignedDocument, is_document_signed
from clients.errors import Refused, Unauthorized
from clients.sdk import ExchangeClient
from exchange.cli import app
from tests.gateway.conftest import token
from tests.gateway.lending_house import PUBLIC_KEY, LendingHouse
from tests.projections.lending_tape import OTHER_BANK, OTHER_TRADER, PRINCIPAL
from tests.projections.records import BANK, SUPPLIER, TRADER

NO_PANDAS = "pandas is not installed: pip install '.[pandas]'"


def url_of(house: LendingHouse) -> str:
    """Where it listens."""
    return str(house.client.make_url("")).rstrip("/")


@pytest.fixture
async def house():
    """The gateway over the pool."""
    async with LendingHouse() as running:
        yield running


@pytest.fixture
async def bank(house):
    """The bank's client."""
    async with ExchangeClient(url_of(house), token(BANK)) as client:
        yield client


# -- the SDK ---------------------------------------------------------------------------------------


async def test_a_bank_pulls_its_loans_and_their_calls(bank):
    loans = await bank.loans()
    assert [loan.loan_id for loan in loans] == [1, 2]
    assert loans[0] == await bank.loan(1)
    assert [call.loan_id for call in await bank.margin_calls()] == [2]
    assert await bank.margin_calls(as_of_seq=20) == []
    with pytest.raises(Refused, match="there is no loan 3"):
        await bank.loan(3)


async def test_a_certificate_is_checked_with_the_venue_s_key(bank):
    base = await bank.borrowing_base()
    assert isinstance(base, Certificate)
    assert base.is_signed_by(PUBLIC_KEY)
    assert not base.is_signed_by(bytes(32)[:-1] + b"\1")
    part = await bank.borrowing_base(borrower_account_id=TRADER)
    assert [loan.account_id for loan in part.certificate.loans] == [TRADER]
    with pytest.raises(Unauthorized, match="own business"):
        await bank.borrowing_base(bank_account_id=OTHER_BANK)


@pytest.mark.parametrize("as_of_seq", [-1, 2**64])
async def test_a_signature_of_no_record_is_none(bank, as_of_seq):
    document = await bank.borrowing_base_document("csv")
    signed = msgspec.structs.replace(document.signed, as_of_seq=as_of_seq)
    assert not is_document_signed(document.body, signed, PUBLIC_KEY)


@pytest.mark.parametrize("form", ["csv", "html"])
async def test_a_document_is_checked_byte_for_byte(bank, form):
    document = await bank.borrowing_base_document(form, as_of_seq=23)
    assert document.is_signed_by(PUBLIC_KEY)
    assert document.signed.as_of_seq == 23
    assert not SignedDocument(document.body + b" ", document.signed).is_signed_by(PUBLIC_KEY)


async def test_a_bank_sees_how_its_pool_melts_and_what_stress_leaves(bank):
    melting = await bank.melting()
    assert [loan.loan_id for loan in melting.loans] == [1, 2]
    assert (await bank.melting(1)).loans == melting.loans[:1]
    assert [loan.loan_id for loan in (await bank.melting(after_loan_id=1)).loans] == [2]
    stress = await bank.stress()
    assert stress.pool[0].value_amount == sum(loan.value_amount for loan in melting.loans)


async def test_the_sdk_turns_the_pages_of_melting_into_one(bank, monkeypatch):
    whole = await bank.melting()
    page = await bank.melting(limit=1)
    assert ([loan.loan_id for loan in page.loans], page.left_count) == ([1], 1)
    assert page.pool != whole.pool
    monkeypatch.setattr("clients.bank.MELTING_PAGE_COUNT", 1)
    assert await bank.melting() == whole


async def test_rows_become_data_frames(bank):
    pandas = pytest.importorskip("pandas", reason=NO_PANDAS)
    loans = (await bank.loans()).to_pandas()
    assert list(loans["loan_id"]) == [1, 2]
    assert str(loans["owed_amount"].dtype) == "int64"
    assert loans["drawn_day"][0] == pandas.Timestamp("2026-11-23")
    assert "pledges" not in loans.columns
    base = await bank.borrowing_base()
    frame = base.to_pandas()
    assert frame["base_amount"].sum() == base.certificate.totals.base_amount
    pledges = base.pledges_to_pandas()
    assert list(pledges["loan_id"]) == [1, 2]
    assert pledges["value_amount"].sum() == base.certificate.totals.value_amount
    marks = (await bank.collateral_marks()).to_pandas()
    assert list(marks["pledge_id"]) == [1, 2]
    assert (marks["base_ppm"] == 300_000).all()


async def test_melting_and_stress_become_data_frames(bank):
    pytest.importorskip("pandas", reason=NO_PANDAS)
    melting, stress = await bank.melting(), await bank.stress()
    runways = melting.to_pandas()
    assert list(runways["loan_id"]) == [1] * 4 + [2] * 4
    shown = runways.pivot(index="loan_id", columns="move_ppm", values="margin_call_days_count")
    assert list(shown.min()) == [
        each.margin_call_days_count for each in sorted(melting.pool, key=lambda each: each.move_ppm)
    ]
    assert list(melting.pool_to_pandas()["move_ppm"]) == [each.move_ppm for each in melting.pool]
    by_scenario = stress.to_pandas().groupby("scenario", sort=False)["shortfall_amount"].sum()
    pool = stress.pool_to_pandas()
    assert list(by_scenario.index) == list(pool["scenario"])
    assert list(by_scenario) == list(pool["shortfall_amount"])


async def test_no_rows_have_the_columns_and_types_of_some(bank):
    pytest.importorskip("pandas", reason=NO_PANDAS)
    pairs = [
        (await bank.loans(), await bank.loans(as_of_seq=3)),
        (await bank.margin_calls(), await bank.margin_calls(as_of_seq=3)),
        (await bank.melting(), await bank.melting(after_loan_id=2)),
        (await bank.stress(), await bank.stress(after_loan_id=2)),
    ]
    for some, none in pairs:
        full, empty = some.to_pandas(), none.to_pandas()
        assert len(full) > len(empty) == 0
        assert dict(empty.dtypes) == dict(full.dtypes)
    marks = (await bank.collateral_marks()).to_pandas()
    none = (await bank.collateral_marks(as_of_seq=3)).to_pandas()
    plain = list(none.columns)
    assert "haircut_ppm" in plain
    assert [name for name in marks.columns if name in plain] == plain


# -- the shell -------------------------------------------------------------------------------------


@pytest.fixture
def shell(house, tmp_path):
    """Runs a command against the gateway, off its event loop."""
    for name, key_id in (("bank", BANK), ("other", OTHER_TRADER)):
        (tmp_path / name).write_text(token(key_id))

    async def run(*words: str, who: str = "bank"):
        at = ["--url", url_of(house), "--token-file", str(tmp_path / who)]
        runner = CliRunner(env={"COLUMNS": "160"})
        return await asyncio.to_thread(runner.invoke, app, [*words, *at])

    return run


async def test_the_shell_prints_loans_calls_and_melting(shell):
    loans = await shell("loans")
    assert loans.exit_code == 0, loans.output
    assert "margin_called" in loans.output
    assert "36,270,000.00" in loans.output
    calls = await shell("margin-calls", who="other")
    assert "partly_met" in calls.output
    assert "1,000,000.00" in calls.output
    melting = await shell("melting", "1")
    assert "break-even" in melting.output
    assert "the first" not in (await shell("melting")).output
    part = " ".join((await shell("melting", "--limit", "1")).output.split())
    assert "the first 1 of 2 loans" in part
    assert "the pool under stress, 2 loans" in (await shell("stress")).output
    assert f"supplier {SUPPLIER} fails" in (await shell("stress")).output


async def test_the_shell_s_certificate_is_checked_by_the_shell(shell, tmp_path):
    shown = await shell("borrowing-base")
    assert "availability" in shown.output
    file, signature = tmp_path / "base.json", tmp_path / "signature.json"
    file.write_bytes((await shell("borrowing-base", "--json")).stdout_bytes)
    key = ["--public-key", PUBLIC_KEY.hex()]
    good = CliRunner().invoke(app, ["check-certificate", str(file), *key])
    assert good.output == "signed by test/main as of seq 24\n"
    file.write_bytes(file.read_bytes().replace(str(PRINCIPAL).encode(), b"1"))
    bad = CliRunner().invoke(app, ["check-certificate", str(file), *key])
    assert bad.exit_code == 1
    csv = await shell("borrowing-base", "--csv", "--signature", str(signature))
    file.write_bytes(csv.stdout_bytes)
    words = ["check-certificate", str(file), *key, "--signature", str(signature)]
    assert CliRunner().invoke(app, words).exit_code == 0
    file.write_bytes(csv.stdout_bytes + b"\n")
    assert CliRunner().invoke(app, words).exit_code == 1
