"""Collateral marks over HTTP: who sees which, as of when, in which bytes, and their explanation."""

import hashlib

import msgspec
import pytest
from aiohttp import ClientPayloadError

from exchange.domain.collateral_views import CollateralMarkView, MarkExplanation
from exchange.domain.commands import AdvanceClock, Command
from exchange.domain.enums import Side
from exchange.domain.lending_commands import MarkPledges
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.reasons import Reason, Refused
from exchange.domain.record import Record, decode_body, encode_event
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import NS_PER_DAY
from exchange.marks_replay import MarksReplay
from tests.gateway.test_http import (
    AUDITOR,
    BANK,
    OPERATOR,
    OTHER,
    PLEDGE,
    SUPPLIER,
    SYMBOL,
    TRADER,
    bearer,
    order,
    publish_marks,
    trade_of_ten,
)

MARKS = "/v1/collateral/marks"
PARAMETERS = set(RiskParameters.__struct_fields__)


@pytest.fixture
async def pledged(house):
    """The trader has pledged four of ten GPUs of June, and a cycle has marked them."""
    await trade_of_ten(house)
    await order(house, SUPPLIER, Side.SELL, 60, 1_000)
    await order(house, OTHER, Side.BUY, 60, 1_000)
    await publish_marks(house)
    await house.post("/v1/pledges", PLEDGE, TRADER, "p1")
    await house.post("/v1/pledges/1/accept", {}, BANK, "a1")
    await mark_pledges(house)
    return house


async def mark_pledges(house) -> None:
    """A cycle, as the market clock runs it."""
    state = house.sequencer.engine.state
    await house.sequencer.execute(MarkPledges())
    while state.marking_left:
        await house.sequencer.execute(MarkPledges())


async def tomorrow(house) -> None:
    """The next day, marked."""
    await house.sequencer.execute(AdvanceClock(market_ns=house.sequencer.market_ns + NS_PER_DAY))
    await mark_pledges(house)


async def raw(house, path: str, key_id: int = BANK, **headers: str) -> tuple[int, bytes, str]:
    """Status, bytes and tag."""
    async with house.client.get(path, headers=bearer(key_id) | headers) as response:
        return response.status, await response.read(), response.headers.get("ETag", "")


async def test_a_bank_pulls_the_marks_of_what_is_pledged_to_it(pledged):
    status, body = await pledged.get(MARKS, BANK)
    assert status == 200
    (mark,) = msgspec.convert(body, list[CollateralMarkView])
    assert (mark.pledge_id, mark.collateral_qty, mark.product) == (1, 4, PLEDGE["product"])
    recorded = pledged.sequencer.engine.state.pledges[1]
    assert mark.as_of_seq == recorded.mark_seq
    assert mark.sha256 == hashlib.sha256(encode_event(recorded.mark)).hexdigest()
    assert mark.market_amount == 4 * 720 * 1_000
    assert 0 < mark.pv_amount == mark.value_amount < mark.market_amount
    assert sum(mark.haircut_lines.values()) == mark.haircut_ppm
    assert next(iter(mark.haircut_lines)) == "base_ppm"
    assert len(mark.haircut_lines) == 10
    assert mark.inputs["adv_hours"] == 70 * 720 // 20
    assert mark.lendable_amount == mark.value_amount * mark.ltv_ppm // 1_000_000 > 0
    assert mark.sentence.startswith("haircut ")


async def test_nobody_sees_the_marks_of_others(pledged):
    for key_id, count in ((OTHER, 0), (SUPPLIER, 0), (TRADER, 1), (OPERATOR, 1), (AUDITOR, 1)):
        assert len((await pledged.get(MARKS, key_id))[1]) == count
        status = (await pledged.get(f"{MARKS}/1", key_id))[0]
        assert status == (200 if count else 404)
        assert (await pledged.get(f"{MARKS}/1/explain", key_id))[0] == status
    assert (await pledged.get(f"{MARKS}/2", BANK))[0] == 404


async def test_the_same_question_has_the_same_bytes_for_ever(pledged):
    seq = len(pledged.records)
    path = f"{MARKS}?as_of_seq={seq}"
    _, first, etag = await raw(pledged, path)
    await tomorrow(pledged)
    _, later, other_etag = await raw(pledged, MARKS)
    assert later != first
    assert other_etag != etag
    await pledged.post("/v1/pledges/1/release", {}, BANK, "r1")
    assert (await raw(pledged, MARKS))[1] == b"[]"
    assert (await raw(pledged, path))[:2] == (200, first)
    for cache in pledged.app.values():
        if hasattr(cache, "answers"):
            cache.answers.clear()
            cache.marks.clear()
    assert await raw(pledged, path) == (200, first, etag)
    assert (await raw(pledged, path, **{"If-None-Match": etag}))[:2] == (304, b"")
    assert (await raw(pledged, path, **{"If-None-Match": other_etag}))[0] == 200
    assert (await raw(pledged, f"{MARKS}?as_of_seq=1"))[1] == b"[]"


async def test_a_moment_names_the_last_record_at_or_before_it(pledged):
    now_ns, seq = pledged.sequencer.market_ns, len(pledged.records)
    before = (await raw(pledged, MARKS))[1]
    await tomorrow(pledged)
    async with pledged.client.get(f"{MARKS}?as_of_time={now_ns}", headers=bearer(BANK)) as found:
        assert int(found.headers["As-Of-Seq"]) == seq
        assert await found.read() == before
    for word in (
        "2026-11-23T00:00:00+08:00",
        "2026-11-22T16:00:00Z",
        "2026-11-23T00:00:00%2B08:00",
    ):
        assert (await raw(pledged, f"{MARKS}?as_of_time={word}"))[:2] == (200, before), word


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("as_of_time=2026-11-23T00:00:00", "time zone"),
        ("as_of_time=noon", "neither"),
        ("as_of_time=9223372036854775807", "not over yet"),
        ("as_of_time=2026-11-24T00:00:00Z", "not over yet"),
        ("as_of_time=5", "before the venue"),
        ("as_of_time=5&as_of_seq=1", "not for both"),
    ],
)
async def test_a_moment_that_cannot_be_meant_is_refused_with_why(pledged, query, said):
    status, problem = await pledged.get(f"{MARKS}?{query}", BANK)
    assert (status, problem["field"]) == (400, "as_of_time")
    assert said in problem["message"]


async def test_the_moment_that_is_now_is_not_over(pledged):
    query = f"as_of_time={pledged.sequencer.market_ns}"
    assert (await pledged.get(f"{MARKS}?{query}", BANK))[0] == 400


async def test_a_mark_is_explained_to_the_last_figure(pledged):
    status, body = await pledged.get(f"{MARKS}/1/explain", BANK)
    assert status == 200
    told = msgspec.convert(body, MarkExplanation)
    assert told.is_reproduced
    lines = {line.name: line for line in told.lines}
    assert sum(month.pv_amount for month in told.months) == told.mark.pv_amount
    for name, value in told.mark.haircut_lines.items():
        assert lines[name].value == value
        assert lines[name].formula
    assert lines["es_ppm"].inputs["adv_hours"] == told.mark.inputs["adv_hours"]
    published = {line.name: line.source_seqs for line in told.lines}
    assert told.mark.curve[0].mark_seq in published["pv_amount"]
    assert told.mark.spot_seq in published["vol_ppm"]
    for name in told.mark.haircut_lines:
        assert all(0 < seq <= told.mark.as_of_seq for seq in published[name])
    events = decode_body(pledged.records[told.mark.as_of_seq - 1])[1]
    assert any(isinstance(event, PledgeMarked) for event in events)


async def test_a_mark_is_disputed_ruled_and_countersigned_over_http(pledged):
    (mark,) = (await pledged.get(MARKS, BANK))[1]
    proof = {"evidence_sha256": "ab" * 32}
    dispute = {"pledge_id": 1, "mark_seq": mark["as_of_seq"], "line": "liquidity"}
    status, receipt = await pledged.post(
        "/v1/collateral/dispute_mark", dispute | {"claimed_amount": 5} | proof, TRADER, "d1"
    )
    assert status == 201
    dispute_id = receipt["created_id"]
    for key_id, count in ((TRADER, 1), (BANK, 1), (AUDITOR, 1), (OTHER, 0)):
        assert len((await pledged.get("/v1/collateral/disputes", key_id))[1]) == count
    ruling = {"dispute_id": dispute_id, "ruled_ppm": 7, "ruled_amount": 99} | proof
    assert (await pledged.post("/v1/collateral/rule_mark", ruling, AUDITOR, "r1"))[0] == 201
    (open_one,) = (await pledged.get("/v1/collateral/disputes", AUDITOR))[1]
    assert open_one["proposed"]["ruled_amount"] == 99
    said = {"dispute_id": dispute_id} | proof
    path = "/v1/collateral/countersign_mark_ruling"
    assert (await pledged.post(path, said, OPERATOR, "c1"))[0] == 201
    (ruled,) = (await pledged.get(MARKS, BANK))[1]
    assert (ruled["value_amount"], ruled["supersedes_seq"]) == (99, mark["as_of_seq"])
    assert ruled["haircut_lines"]["dispute_ppm"] == 7
    assert (await pledged.get("/v1/collateral/disputes", AUDITOR))[1] == []
    assert (await pledged.get(f"{MARKS}/1/explain", BANK))[1]["is_reproduced"]
    assert (await pledged.post("/v1/collateral/mark_pledges", {}, OPERATOR, "x"))[0] == 404


async def test_an_owner_asks_what_a_held_window_would_lend(pledged):
    path = f"{MARKS}?instrument={SYMBOL}"
    _, body = await pledged.get(path, TRADER)
    mark, held = msgspec.convert(body, list[CollateralMarkView])
    assert (mark.pledge_id, held.pledge_id) == (1, 0)
    assert (held.collateral_qty, held.account_id) == (10, TRADER)
    assert held.haircut_lines["concentration_ppm"] == 0
    assert (held.inputs["sigma_ewma_e12"], held.inputs["adv_hours"]) == (
        mark.inputs["sigma_ewma_e12"],
        mark.inputs["adv_hours"],
    )
    assert len((await pledged.get(path, OTHER))[1]) == 1
    assert (await pledged.get(f"{path}&as_of_seq={len(pledged.records)}", TRADER))[1] == body[:1]
    assert (await pledged.get(f"{MARKS}?instrument=none", TRADER))[0] == 404


@pytest.mark.parametrize("first", [BANK, TRADER])
async def test_an_owner_is_told_all_of_its_mark_but_its_banks_pool(pledged, first):
    await raw(pledged, f"{MARKS}/1", first)
    await raw(pledged, MARKS, first)
    seen = {}
    for key_id in (BANK, TRADER, OPERATOR):
        for _ in range(2):
            single = await pledged.get(f"{MARKS}/1", key_id)
            assert (await pledged.get(MARKS, key_id))[1] == [single[1]]
        seen[key_id] = single[1]
    assert seen[BANK] == seen[OPERATOR]
    assert seen[BANK]["inputs"]["pool_share_ppm"] > 250_000
    event = pledged.sequencer.engine.state.pledges[1].mark
    assert seen[BANK]["sha256"] == hashlib.sha256(encode_event(event)).hexdigest()
    hidden = {**seen[BANK], "sha256": ""}
    hidden["inputs"] = {k: v for k, v in hidden["inputs"].items() if k != "pool_share_ppm"}
    assert seen[TRADER] == hidden
    assert (await raw(pledged, f"{MARKS}/1"))[2] != (await raw(pledged, f"{MARKS}/1", TRADER))[2]


async def test_an_explanation_names_the_banks_pool_to_the_bank_alone(pledged):
    for key_id, inputs in ((BANK, {"pool_share_ppm", "value_amount"}), (TRADER, {"value_amount"})):
        status, body = await pledged.get(f"{MARKS}/1/explain", key_id)
        told = msgspec.convert(body, MarkExplanation)
        (line,) = [each for each in told.lines if each.name == "concentration_ppm"]
        assert {name for name in line.inputs if name.islower()} - PARAMETERS == inputs
        assert (status, told.is_reproduced) == (200, True)
        shown = (await pledged.get(f"{MARKS}/1", key_id))[1]
        assert told.mark == msgspec.convert(shown, CollateralMarkView)
        assert b"pool_share_ppm" not in msgspec.json.encode(told) or key_id == BANK


async def test_what_each_side_is_answered_is_computed_again_from_the_log(pledged):
    replay = MarksReplay()
    for seq, body in enumerate(pledged.records, start=1):
        replay.take(Record(seq, 0, Command(), decode_body(body)[1]))
    seq = len(pledged.records)
    for account_id, key_id in ((BANK, BANK), (TRADER, TRADER), (0, OPERATOR)):
        answered = (await raw(pledged, f"{MARKS}?as_of_seq={seq}", key_id))[1]
        assert replay.answer(seq, account_id) == answered


EXTRACT = "/v1/collateral/extract"


async def test_an_extract_is_sent_as_it_is_made_to_its_bank_alone(pledged):
    pledged.history.extract_parts = [b"one\n" * 40_000, b"two\n"]
    assert (await raw(pledged, EXTRACT))[:2] == (200, b"one\n" * 40_000 + b"two\n")
    for key_id in (TRADER, OPERATOR, AUDITOR):
        assert (await raw(pledged, EXTRACT, key_id))[0] == 403
    async with pledged.client.head(EXTRACT, headers=bearer(BANK)) as response:
        assert response.status == 405


async def test_an_extract_that_breaks_off_does_not_look_whole(pledged):
    pledged.history.extract_parts = [Refused(Reason.OVERLOAD, 2, 2)]
    assert (await raw(pledged, EXTRACT))[0] == 503
    pledged.history.extract_parts = [b"one\n", Refused(Reason.OVERLOAD, 2, 2)]
    with pytest.raises(ClientPayloadError):
        await raw(pledged, EXTRACT)
    pledged.history.extract_parts = [b"one\n"]
    assert (await raw(pledged, EXTRACT))[:2] == (200, b"one\n"), "the account may ask again"
