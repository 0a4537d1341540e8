"""The use of days, statements and wallets, on a real exchange that is killed in between."""

import asyncio
import csv
import io

import msgspec

from exchange.domain.account_wire import SubletsView
from exchange.domain.statement import Statement

from .processes import VenueProcess
from .test_shell import REFUSED, done, failed
from .venue import ACCOUNT_IDS, PRODUCT, Market, fetch


def statement_of(venue: VenueProcess, who: str, *words: object) -> Statement:
    """An account's statement through the shell; it adds up."""
    answer = done(venue.shell("statement", *words, "--as", who, "--json"))
    made = msgspec.json.decode(answer.stdout, type=Statement)
    amounts = [line.amount for line in made.lines]
    assert made.opening_amount + sum(amounts) == made.closing_amount
    return made


def sublets_of(venue: VenueProcess, who: str) -> SubletsView:
    """What an account has let and been offered."""
    answer = done(venue.shell("sublet", "list", "--as", who, "--json"))
    return msgspec.json.decode(answer.stdout, type=SubletsView)


def test_the_shell_lets_days_and_states_every_fen(venue: VenueProcess, market: Market) -> None:
    """Own, offer, take, kill, end by both; positions and statements say so."""
    venue.start()
    symbol, code, other = market.month_symbol, market.month_code, ACCOUNT_IDS["other"]
    done(venue.shell("order", symbol, "sell", 16, 1_250, "--as", "supplier", "--json"))
    done(venue.shell("order", symbol, "buy", 16, 1_250, "--json"))
    failed(
        venue.shell("sublet", "open", PRODUCT, code, 24, 900, other),
        REFUSED,
        f"let 24 of {PRODUCT}: 24 GPUs are wanted and 16 are free; first binding day",
    )
    supplies = ("sublet", "open", PRODUCT, code, 8, 900, other, "--as", "supplier")
    failed(venue.shell(*supplies), REFUSED, "wrong_role (4022)")
    failed(
        venue.shell("order", symbol, "sell", 8, 900, "--mode", "sublet"),
        REFUSED,
        f"{symbol}.SUB: there is no such instrument",
    )

    offer = ("sublet", "open", PRODUCT, code, 8, 900, other, "--json")
    offer_id = done(venue.shell(*offer)).value["created_id"]
    assert [one.offer_id for one in sublets_of(venue, "other").offers] == [offer_id]
    venue.kill()
    venue.start()
    assert [one.offer_id for one in sublets_of(venue, "trader").offers] == [offer_id]
    taken = done(venue.shell("sublet", "accept", offer_id, "--as", "other", "--json")).value
    failed(venue.shell("sublet", "accept", offer_id, "--as", "other"), REFUSED, "4060")
    (sublet,) = sublets_of(venue, "trader").sublets
    assert (sublet.sublet_id, sublet.sublet_qty) == (taken["created_id"], 8)

    days = market.month_end_day - market.month_start_day
    rent_amount = 900 * 24 * days * 8
    paid = statement_of(venue, "other")
    assert [(line.purpose, line.amount) for line in paid.lines[1:]] == [
        ("rent", -rent_amount),
        ("fee", -rent_amount * 10 // 10_000),
    ]
    assert paid.lines[1].seq == taken["log_seq"]
    rows = csv.DictReader(io.StringIO(done(venue.shell("statement", "--csv")).stdout))
    assert [row["purpose"] for row in rows] == [
        "opening", "deposit", "trade", "fee", "fee", "closing",
    ]  # fmt: skip
    assert "escrow" not in done(venue.shell("statement")).stdout

    drawn = done(venue.shell("positions", "--calendar")).stdout
    month = f"20{code[1:3]}-{code[3:5]}"
    row = next(line for line in drawn.splitlines() if line.startswith(month))
    assert row.startswith(f"{month} ▒s▒s")
    listed = done(venue.shell("positions", "--calendar", "--as", "other", "--json")).value
    assert len(listed) == days
    assert {(day["title_qty"], day["usable_qty"]) for day in listed} == {(0, 8)}

    end = ("sublet", "end", sublet.sublet_id)
    done(venue.shell(*end))
    failed(venue.shell(*end), REFUSED, "same_person (4020)")
    done(venue.shell(*end, "--as", "other"))
    assert sublets_of(venue, "trader").sublets == []
    refund = statement_of(venue, "other").lines[-1]
    assert (refund.purpose, refund.amount) == ("rent_refund", rent_amount)
    assert venue.stop() == 0
    venue.verify()


def test_a_wallet_offshore_comes_in_and_goes_out(venue: VenueProcess, market: Market) -> None:
    """By the operator's commands, with references that are good once; and the log replays."""
    venue.start()
    deposit = {
        "account_id": ACCOUNT_IDS["trader"],
        "deposit_amount": 5_000,
        "external_reference": "offshore 1",
        "currency": "CNH",
    }

    def admin(tag: str, body: dict[str, object], key: str):
        headers = {"Idempotency-Key": key}
        path = f"/v1/admin/{tag}"
        return asyncio.run(
            fetch(venue, path, "operator", method="POST", body=body, headers=headers)
        )

    first = admin("deposit_cash", deposit, "a")
    again = admin("deposit_cash", deposit, "a")
    assert (again.status, again.value["duplicate"]) == (201, True)
    assert again.value["log_seq"] == first.value["log_seq"]
    twice = admin("deposit_cash", deposit, "b")
    assert (twice.status, twice.value["value"]) == (409, first.value["log_seq"])
    assert f"record {first.value['log_seq']} has that already" in twice.value["message"]
    asked = ("withdrawal", "request", "--currency", "CNH")
    failed(venue.shell(*asked, 5_001), REFUSED, "5001")
    withdrawal_id = done(venue.shell(*asked, 2_000, "--json")).value["created_id"]
    withdrawal = {
        "withdrawal_id": withdrawal_id,
        "account_id": ACCOUNT_IDS["trader"],
        "withdrawal_amount": 2_001,
        "external_reference": "offshore 1",
        "currency": "CNH",
    }
    assert admin("withdraw_cash", withdrawal, "c").value["name"] == "evidence"
    assert admin("withdraw_cash", withdrawal | {"withdrawal_amount": 2_000}, "d").status == 201
    cash = done(venue.shell("balances", "--json")).value
    assert cash["wallets"] == [{"currency": "CNH", "available_amount": 3_000}]
    assert "30.00" in done(venue.shell("balances")).stdout
    offshore = statement_of(venue, "trader", "--currency", "CNH")
    assert [line.amount for line in offshore.lines] == [5_000, -2_000]
    assert venue.stop() == 0
    venue.verify()
