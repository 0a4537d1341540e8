"""The operator's tools, on a served log and a stopped one: the same is told, nothing written."""

import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from .processes import PATIENCE_S, Shell, VenueProcess, wait_until
from .venue import Market

EXAMPLES = Path(__file__).parents[2] / "exchange" / "examples"
USAGE = 2


def done(answer: Shell) -> Shell:
    """A command that must succeed."""
    assert answer.exit_code == 0, answer
    return answer


@pytest.fixture
def traded(venue: VenueProcess, market: Market) -> tuple[VenueProcess, int, int]:
    """A served venue, with the seqs of an offer and of the order that took half of it."""
    venue.start()
    offer = ("order", market.month_symbol, "sell", 16, 1_250, "--as", "supplier", "--json")
    bid = ("order", market.month_symbol, "buy", 8, 1_300, "--json")
    offered_seq = done(venue.shell(*offer)).value["log_seq"]
    bought_seq = done(venue.shell(*bid)).value["log_seq"]
    return venue, offered_seq, bought_seq


def test_the_head_says_where_the_log_and_its_followers_stand(
    traded: tuple[VenueProcess, int, int], tmp_path: Path
) -> None:
    """Lags of read models, signature and archive while it is served; the end of it afterwards."""
    venue, _, bought_seq = traded
    served = done(venue.shell("log", "head", "--json")).value
    assert served["is_served"] is True
    assert served["seq"] >= bought_seq
    assert set(served["lags"].values()) == {0}
    assert "positions" in served["lags"]
    assert 0 <= served["tick_age_ms"] < PATIENCE_S * 1_000
    assert served["archived_seq"] is None
    places = [tmp_path / "a", tmp_path / "b"]
    to = [word for place in places for word in ("--to", place)]
    archived = done(venue.shell("log", "archive", *to, "--json")).value["archived_seq"]
    named = [word for place in places for word in ("--archive", place)]
    assert done(venue.shell("log", "head", *named, "--json")).value["archived_seq"] == archived
    assert venue.stop() == 0
    stopped = done(venue.shell("log", "head", "--json")).value
    assert (stopped["is_served"], stopped["lags"]) == (False, {})
    assert stopped["signed_seq"] == stopped["seq"] >= served["seq"]
    table = done(venue.shell("log", "head")).stdout
    assert stopped["header_hash"][:16] in table


def test_a_record_is_shown_by_name_with_its_frame(
    traded: tuple[VenueProcess, int, int], market: Market
) -> None:
    """For people in words, for programs in numbers."""
    venue, _, bought_seq = traded
    shown = done(venue.shell("log", "show", bought_seq)).stdout
    for word in ("place_order", "of trader", market.month_symbol, "side buy", "12.50", "supplier"):
        assert word in shown, word
    row = done(venue.shell("log", "show", bought_seq, "--json")).value
    assert row["command"]["type"] == "place_order"
    assert [event["type"] for event in row["events"]][:2] == ["order_accepted", "trade_executed"]
    frame = row["frame"]
    assert frame["first_seq"] <= bought_seq < frame["first_seq"] + frame["record_count"]
    assert len(frame["root"]) == len(frame["record_sha256"]) == 64
    tail = done(venue.shell("log", "tail", "--count", 1_000, "--json")).rows
    [same] = [each for each in tail if each["seq"] == bought_seq]
    assert same == {name: row[name] for name in same}
    assert venue.shell("log", "show", 999_999).exit_code == USAGE


def test_the_difference_of_two_moments_is_what_happened_between(
    traded: tuple[VenueProcess, int, int], market: Market
) -> None:
    """Served and stopped, there and back."""
    venue, offered_seq, bought_seq = traded
    diff = ("log", "diff", offered_seq, bought_seq)
    served = done(venue.shell(*diff, "--json")).value
    for side, seq in (("before", offered_seq), ("after", bought_seq)):
        replayed = done(venue.shell("replay", "--to-seq", seq, "--json")).value
        assert served[side]["state_hash"] == replayed["state_hash"]
        assert served[side]["seq"] == seq
    titles = {c["key"]: (c["before"], c["after"]) for c in served["changes"] if "title" in c["key"]}
    [(trader, bought)] = [(key, v) for key, v in titles.items() if key.startswith("trader")]
    assert bought == (None, 8)
    order = next(c for c in served["changes"] if c["noun"] == "order")
    assert (order["before"]["leaves_qty"], order["after"]["leaves_qty"]) == (16, 8)
    back = done(venue.shell("log", "diff", bought_seq, offered_seq, "--json")).value
    assert {(c["noun"], c["key"]) for c in back["changes"]} == {
        (c["noun"], c["key"]) for c in served["changes"]
    }
    assert (back["before"], back["after"]) == (served["after"], served["before"])
    assert venue.stop() == 0
    assert done(venue.shell(*diff, "--json")).value == served
    text = done(venue.shell(*diff)).stdout
    for word in ("positions", "balances", "orders", served["after"]["state_hash"]):
        assert word in text, word
    same = done(venue.shell("log", "diff", bought_seq, bought_seq)).stdout
    assert "the states are the same" in same
    assert venue.shell("log", "diff", 1, 999_999).exit_code == USAGE
    assert trader


def test_a_replay_to_a_market_time_is_the_state_of_then(
    traded: tuple[VenueProcess, int, int],
) -> None:
    """By the clock that the rules know, not by the wall's."""
    venue, _, bought_seq = traded
    then = done(venue.shell("replay", "--to-seq", bought_seq, "--json")).value
    # A moment has microseconds, the clock nanoseconds: rounded down, it is just before the tick.
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=then["market_ns"] // 1_000)
    before = venue.shell("replay", "--to-time", moment.isoformat(), "--json")
    assert done(before).value["market_ns"] <= then["market_ns"]
    for wrong, why in (
        ("2001-01-01T00:00:00Z", "begins after"),
        ("2101-01-01T00:00:00Z", "clock stands at"),
        ("2026-11-23T00:00:00", "no offset"),
        ("yesterday", "isoformat"),
    ):
        refused = venue.shell("replay", "--to-time", wrong)
        assert refused.exit_code == USAGE, refused
        assert why in " ".join(refused.stderr.replace("│", " ").split()), refused.stderr
    assert (
        venue.shell("replay", "--to-time", "2026-11-23T00:00:00Z", "--to-seq", 1).exit_code == USAGE
    )


def test_what_if_writes_nothing(traded: tuple[VenueProcess, int, int], tmp_path: Path) -> None:
    """Both examples, on the served log and on the stopped one, from its end and from before."""
    venue, offered_seq, _ = traded
    what_if = ("replay", "--what-if", EXAMPLES / "price_fall.json", "--at-seq", offered_seq)
    served = done(venue.shell(*what_if, "--json")).value
    marks = [c for c in served["difference"]["changes"] if c["noun"] == "mark"]
    falls = {c["after"]["mark_micro"] * 10 // c["before"]["mark_micro"] for c in marks}
    assert falls == {8}
    assert venue.stop() == 0
    head = done(venue.shell("log", "head", "--json")).value["header_hash"]
    files = _files(venue.data_dir)
    assert done(venue.shell(*what_if, "--json")).value == served
    failure = ("replay", "--what-if", EXAMPLES / "supplier_failure.json")
    failed = done(venue.shell(*failure, "--json")).value
    assert any(c["noun"] == "halt" for c in failed["difference"]["changes"])
    text = done(venue.shell(*failure)).stdout
    assert "nothing was written" in text
    assert _files(venue.data_dir) == files
    assert done(venue.shell("log", "head", "--json")).value["header_hash"] == head
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps({"steps": [{"step": "supplier_fails", "supplier": "nobody"}]}))
    refused = venue.shell("replay", "--what-if", wrong)
    assert refused.exit_code == USAGE
    assert "nobody" in refused.stderr
    assert venue.shell(*failure, "--at-seq", 999_999).exit_code == USAGE
    assert venue.shell(*failure, "--to-seq", 1).exit_code == USAGE


def test_a_tail_that_follows_prints_what_comes_and_ends_at_ctrl_c(
    traded: tuple[VenueProcess, int, int], market: Market, tmp_path: Path
) -> None:
    """Each record once, in order; on a stopped exchange it says that nothing follows."""
    venue, _, bought_seq = traded
    out = tmp_path / "tail"
    command = [sys.executable, "-m", "exchange.cli", "log", "tail", "--follow", "--json"]
    with out.open("wb") as file:
        tail = subprocess.Popen([*command, "--data", str(venue.data_dir)], stdout=file)
    try:
        wait_until(lambda: _seqs(out)[-1:] >= [bought_seq], "the tail does not begin")
        came = [
            done(venue.shell("order", market.month_symbol, "buy", 8, 900, "--json")).value
            for _ in range(3)
        ]
        # The last frame is told of once a later one confirms it: each order brings more frames.
        wait_until(lambda: came[1]["log_seq"] in _seqs(out), "the tail does not follow")
        tail.send_signal(signal.SIGINT)
        assert tail.wait(PATIENCE_S) == 0
    finally:
        if tail.poll() is None:
            tail.kill()
            tail.wait()
    seqs = _seqs(out)
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert venue.stop() == 0
    stopped = done(venue.shell("log", "tail", "--follow", "--json"))
    assert "nothing follows" in stopped.stderr


def test_verify_says_how_much_it_proved(traded: tuple[VenueProcess, int, int]) -> None:
    """Its last line is one JSON value with counts and rates."""
    venue, _, bought_seq = traded
    verified = done(venue.shell("verify", "--from-genesis", "--json")).value
    assert verified["is_clean"] is True
    assert verified["event_count"] > verified["seq"] >= bought_seq
    assert verified["events_per_second"] > verified["records_per_second"] > 0
    told = done(venue.shell("verify", "--from-genesis"))
    assert "events/s" in told.stdout


def _seqs(path: Path) -> list[int]:
    """Of whole lines."""
    lines = path.read_bytes().splitlines(keepends=True)
    return [json.loads(line)["seq"] for line in lines if line.endswith(b"\n")]


def _files(data_dir: Path) -> dict[str, Any]:
    """Everything that the venue's directory holds."""
    paths = [path for path in data_dir.rglob("*") if path.is_file()]
    return {str(path): path.read_bytes() for path in paths}
