"""
What the log promises for ever: the shape of every message, and logs that were once written.

`golden/fields.json` pins the fields of every message and the numbers of every enumeration. A field
may be added at the end, with a default; nothing may be removed, renamed or moved. The golden logs
are frames as they were written: they must decode, replay to the state they had, decide the same
again and encode to the same bytes.

    python -m tests.test_golden --write     after something was added: the fields, and the last logs
    python -m tests.test_golden --add       the fields, and more logs beside those that there are

Once a log of a release is kept, only `--add`: an old log shows that the old bytes can still be
read. What `--write` changed shows in the diff, and each changed line is to be meant.
"""

import json
import random
import sys
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain import capacity_commands as cc
from exchange.domain import commands as c
from exchange.domain import delivery_commands as dlc
from exchange.domain import delivery_events as dle
from exchange.domain import desk_commands as d
from exchange.domain import desk_events as de
from exchange.domain import enums
from exchange.domain import letting as l
from exchange.domain import substitution as sb
from exchange.domain.enums import Role, Scope
from exchange.domain.meter_readings import HourRuling, Reading
from exchange.domain.reasons import Reason, RefusalCount
from exchange.domain.record import EVENT_TYPES, AnyCommand, decode_body
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.schedule_events import ChildInterest
from exchange.domain.trading_sessions import SessionStart
from exchange.domain.windows import day_at, parse_window
from exchange.engine.replay import replay, verify
from exchange.log import (
    ChainVerifier,
    EpochBarrier,
    Frame,
    Head,
    LogError,
    LogName,
    decode_frame,
    encode_barrier,
    encode_records,
)
from exchange.log.frame import HEADER, HEADER_BYTES
from exchange.rules.state import State
from tests.golden_delivery import planned, postponed
from tests.golden_lending import called_and_lost, cured_and_forgotten, lent, melted
from tests.properties.test_deliveries import deliver_step, terminate
from tests.properties.test_desk import desk_step, fund_desk
from tests.properties.test_market import linked_step, new_market
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

GOLDEN = Path(__file__).parent / "golden"
FIELDS = GOLDEN / "fields.json"
LOGS = sorted(path.stem for path in GOLDEN.glob("log_*.bin"))

NAME = LogName("golden")
AT_NS = 1_795_363_200_000_000_000
"""Wall clock of every golden frame: 2026-11-23 00:00 at the site."""
BARRIER = EpochBarrier("golden", bytes(16), "golden", bytes(32), 1)
FIRST_SEED = 20_261_125
STEPS_COUNT = 1_600
DESK_STEPS_COUNT = 1_000
DELIVERY_STEPS_COUNT = 600
RECORDS_PER_FRAME = 7

COMMANDS: list[type[msgspec.Struct]] = list(get_args(AnyCommand))
MESSAGES = [
    *COMMANDS,
    *EVENT_TYPES.values(),
    c.Operator,
    d.Allocation,
    de.AllocatedPart,
    de.EscrowRun,
    RiskParameters,
    RefusalCount,
    SessionStart,
    ChildInterest,
    Reading,
    HourRuling,
    dle.Payout,
]
ENUMERATIONS = [
    *(
        kind
        for kind in vars(enums).values()
        if isinstance(kind, type) and issubclass(kind, Enum) and kind.__module__ == enums.__name__
    ),
    Reason,
]


# -- fields ----------------------------------------------------------------------------------------


def shape_now() -> dict[str, Any]:
    """The messages and enumerations of this build, as `fields.json` holds them."""
    return {
        "messages": {
            kind.__name__: {
                "tag": kind.__struct_config__.tag,
                "fields": list(kind.__struct_fields__),
            }
            for kind in MESSAGES
        },
        "enumerations": {
            kind.__name__: {member.name: member.value for member in kind} for kind in ENUMERATIONS
        },
    }


def broken_promises(pinned: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What a reader of an old log would stumble over; empty where only additions were made."""
    found = []
    for name, message in pinned["messages"].items():
        current = now["messages"].get(name)
        fields = message["fields"]
        if current is None:
            found.append(f"{name} is gone")
        elif current["tag"] != message["tag"]:
            found.append(f"{name} has the tag {current['tag']}, pinned {message['tag']}")
        elif current["fields"][: len(fields)] != fields:
            found.append(f"{name} has the fields {current['fields']}, pinned {fields}")
    for name, members in pinned["enumerations"].items():
        current = now["enumerations"].get(name, {})
        for member, value in members.items():
            if current.get(member) != value:
                found.append(f"{name}.{member} is {current.get(member)}, pinned {value}")
    return found


def test_no_message_lost_renamed_or_moved_a_field_and_no_number_changed_its_name():
    assert broken_promises(json.loads(FIELDS.read_text()), shape_now()) == []


def test_an_added_field_has_a_default():
    pinned = json.loads(FIELDS.read_text())["messages"]
    for kind in MESSAGES:
        known = pinned.get(kind.__name__, {"fields": kind.__struct_fields__})["fields"]
        for field in msgspec.structs.fields(kind)[len(known) :]:
            assert not field.required, f"{kind.__name__}.{field.name} is new and has no default"


def test_everything_added_is_pinned_too():
    assert json.loads(FIELDS.read_text()) == shape_now(), "python -m tests.test_golden --write"


@pytest.mark.parametrize(
    ("old", "new", "is_kept"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a", "b", "c"], True),
        (["a", "b"], ["b", "a"], False),
        (["a", "b"], ["a"], False),
        (["a", "b"], ["a", "c"], False),
        (["a", "b"], ["a", "c", "b"], False),
    ],
)
def test_only_an_addition_at_the_end_keeps_the_promise(old, new, is_kept):
    def shape(fields: list[str], tag: str = "t") -> dict[str, Any]:
        return {"messages": {"M": {"tag": tag, "fields": fields}}, "enumerations": {}}

    assert (broken_promises(shape(old), shape(new)) == []) is is_kept
    assert broken_promises(shape(old), shape(old, "other")) != []
    assert broken_promises(shape(old), {"messages": {}, "enumerations": {}}) != []


def test_a_number_that_is_given_to_another_name_breaks_the_promise():
    pinned = {"messages": {}, "enumerations": {"Side": {"BUY": 1}}}
    for members in ({"BUY": 2}, {"BID": 1}, {}):
        now = {"messages": {}, "enumerations": {"Side": members}}
        assert len(broken_promises(pinned, now)) == 1


# -- logs ------------------------------------------------------------------------------------------


def frames_of(data: bytes) -> list[bytes]:
    """The frames that lie back to back in a golden log."""
    found = []
    while data:
        body_length = HEADER.unpack_from(data)[-2]
        size = HEADER_BYTES + body_length
        assert len(data) >= size, "the golden log is cut"
        found.append(data[:size])
        data = data[size:]
    return found


def checked(name: str) -> tuple[list[Frame], Head]:
    """A golden log's frames, each accepted by the verifier, and the head after them."""
    verifier = ChainVerifier(NAME)
    frames = [
        verifier.check(decode_frame(data).header.entry_id, data)
        for data in frames_of((GOLDEN / f"{name}.bin").read_bytes())
    ]
    return frames, verifier.head


def records_of(name: str) -> list[bytes]:
    """A golden log's records."""
    return [record for frame in checked(name)[0] for record in frame.records]


def wanted(name: str) -> dict[str, Any]:
    """What was noted when a golden log was written."""
    found: dict[str, Any] = json.loads((GOLDEN / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("name", LOGS)
def test_a_golden_log_is_one_unbroken_chain_to_its_head(name):
    frames, head = checked(name)
    assert frames[0].barrier == BARRIER
    assert (head.seq, head.header_hash.hex()) == (wanted(name)["seq"], wanted(name)["head_hash"])


@pytest.mark.parametrize("name", LOGS)
def test_a_golden_log_replays_to_the_state_it_had(name):
    engine = replay(records_of(name))
    assert engine.state.seq == wanted(name)["seq"]
    assert engine.state.hash().hex() == wanted(name)["state_hash"]
    engine.state.core.check()


@pytest.mark.parametrize("name", LOGS)
def test_the_state_of_a_golden_log_is_restored_from_its_bytes(name):
    """So the hash above pins the format of snapshots, the core's too."""
    state = State.restore(replay(records_of(name)).state.canonical())
    assert state.hash().hex() == wanted(name)["state_hash"]
    state.core.check()


@pytest.mark.parametrize("name", LOGS)
def test_the_commands_of_a_golden_log_are_decided_the_same_again(name):
    assert verify(records_of(name)).state.hash().hex() == wanted(name)["state_hash"]


@pytest.mark.parametrize("name", LOGS)
def test_the_frames_of_a_golden_log_are_encoded_to_the_same_bytes(name):
    data = (GOLDEN / f"{name}.bin").read_bytes()
    assert framed(records_of(name))[0] == data


@pytest.mark.parametrize("name", LOGS)
def test_the_records_of_a_golden_log_are_encoded_to_the_same_bytes(name):
    for record in records_of(name):
        assert msgspec.msgpack.encode(decode_body(record)) == record


def test_every_command_and_event_is_in_a_golden_log():
    assert missing_from([record for name in LOGS for record in records_of(name)]) == set()


def missing_from(records: list[bytes]) -> set[type]:
    """Commands and events that no record has."""
    seen: set[type] = set()
    for record in records:
        command, events = decode_body(record)
        seen |= {type(command), *map(type, events)}
    return {*COMMANDS, *EVENT_TYPES.values()} - seen


@pytest.mark.parametrize("name", LOGS)
def test_one_flipped_bit_anywhere_in_a_golden_log_is_found(name):
    data = (GOLDEN / f"{name}.bin").read_bytes()
    rng = random.Random(1)
    for frame in rng.sample(frames_of(data), 10):
        place = rng.randrange(len(frame))
        torn = bytearray(frame)
        torn[place] ^= 1 << rng.randrange(8)
        assert accepted(bytes(torn), decode_frame(frame)) is False


def accepted(data: bytes, original: Frame) -> bool:
    """Whether a verifier that stands before a frame takes these bytes for it."""
    header = original.header
    is_barrier = original.barrier is not None
    before = Head(
        header.epoch - is_barrier,
        header.first_seq - 1,
        header.prev,
        header.committed_seq,
        header.at_ns,
    )
    try:
        ChainVerifier(NAME, before).check(header.entry_id, data)
    except LogError:
        return False
    return True


# -- writing ---------------------------------------------------------------------------------------


def scripted(seed: int) -> Market:
    """The market of the properties under a seed, after what its script leaves out."""
    market = new_market(has_sessions=True)
    market.do(1, c.PublishCalendar(year=2028, version=1, trading_days=[21_186, 21_187]))
    market.do(1, c.PublishBandWidths(static_bps=300, day_static_bps=400, dynamic_bps=100))
    market.do(1, c.AdmitParticipant(name="second auditor", roles=[Role.AUDITOR]))
    market.do(2, c.ConfirmAdmission(account_id=len(market.state.participants)))
    market.do(1, c.RegisterKey(account_id=OTHER, token_sha256=secret_hash("x"), scopes=[*Scope]))
    market.do(1, c.RevokeKey(revoked_key_id=market.state.key_count))
    tighter = replace(genesis.risk_parameters(), rise_cap_ppm=100_000)
    market.do(1, c.PublishRiskParameters(risk_parameters=tighter))
    market.do(1, c.DepositCash(account_id=TRADER, deposit_amount=10**9, external_reference="más"))
    market.do(0, c.CountRefusals(counts=[RefusalCount(OTHER, Reason.RATE, 7)]))
    offer = l.OpenSublet(
        product_id=1,
        lessee_account_id=TRADER,
        start_day=parse_window("D261230").start_day,
        end_day=parse_window("D261230").end_day,
        sublet_qty=2,
        rent_price=1,
    )
    market.do(OTHER, offer)
    market.do(TRADER, l.DeclineSublet(offer_id=market.state.seq))
    market.do(TRADER, c.RequestWithdrawal(withdrawal_amount=1))
    market.do(1, c.DeclineWithdrawal(withdrawal_id=market.state.seq))
    offer_id = market.do(OTHER, offer).seq
    market.do(BANK, l.ConsentToSublet(offer_id=offer_id))
    market.do(TRADER, l.AcceptSublet(offer_id=offer_id))
    state_sha256 = market.state.hash()
    market.do(0, c.MarkState())
    marked_seq = market.state.marked_seq
    market.do(0, c.RecordStateHash(marked_seq=marked_seq, state_sha256=state_sha256))
    rng = random.Random(seed)
    for _ in range(STEPS_COUNT):
        market.execute(*linked_step(rng, market))
    fund_desk(market)
    for _ in range(DESK_STEPS_COUNT):
        market.execute(*desk_step(rng, market))
    return market


def delivered(seed: int) -> Market:
    """The market of the deliveries, whose supplier is terminated in the end."""
    market = new_market()
    market.do(1, c.PublishSettlementPrice(instrument_id=4, settlement_price=102))
    substitute(market)
    rng = random.Random(seed)
    for _ in range(DELIVERY_STEPS_COUNT):
        market.execute(*deliver_step(rng, market))
    tomorrow = day_at(market.state.market_ns) + 1
    finding = {"derated_qty": 0, "evidence_sha256": secret_hash("finding")}
    days = {"start_day": tomorrow, "end_day": tomorrow + 1}
    market.do(AUDITOR, cc.DerateCapacity(product_id=1, **days, **finding))
    market.do(SUPPLIER, dlc.PostBond(bond_amount=10_000_000))
    market.do(SUPPLIER, dlc.WithdrawBond(bond_amount=1))
    terminate(market)
    market.drain()
    return market


def substitute(market: Market) -> None:
    """Three offers of other days: one is taken, one declined, one left to lapse."""
    december, january = (parse_window(code).start_day for code in ("D261205", "D270105"))
    for number, answer in enumerate((sb.AcceptSubstitution, sb.DeclineSubstitution, None)):
        offer = sb.OfferSubstitution(
            holder_account_id=TRADER,
            product_id=1,
            start_day=december + number,
            end_day=december + number + 1,
            substituted_qty=1,
            other_product_id=1,
            other_start_day=january + number,
        )
        substitution_id = market.do(SUPPLIER, offer).seq
        if answer is not None:
            market.do(TRADER, answer(substitution_id=substitution_id))


def written_markets() -> list[Market]:
    """Two of the first script and one of each other, by seeds with which they reach everything."""
    others = [lent(), called_and_lost(), melted(), cured_and_forgotten(), postponed(), planned()]
    for seed in count(FIRST_SEED):
        markets = [scripted(seed), scripted(seed + 1), delivered(seed)]
        everything = [*markets, *others]
        if not missing_from([record for market in everything for record in market.records]):
            return everything
    raise AssertionError("no seed reaches everything")


def framed(records: list[bytes]) -> tuple[bytes, Head]:
    """The records as frames behind a barrier, back to back, and the head after them."""
    frame = encode_barrier(NAME, NAME.genesis, AT_NS, BARRIER)
    data, head = frame.data, frame.head
    for start in range(0, len(records), RECORDS_PER_FRAME):
        group = records[start : start + RECORDS_PER_FRAME]
        after = replace(head, committed_seq=head.seq)
        frame = encode_records(NAME, after, AT_NS + start, group)
        data, head = data + frame.data, frame.head
    return data, head


def write_fields() -> None:
    """Pins the fields as they are now."""
    FIELDS.write_text(json.dumps(shape_now(), indent=1) + "\n")


def write_log(name: str, market: Market) -> None:
    """Writes one golden log with what is to be expected of it."""
    market.assert_replays()
    data, head = framed(market.records)
    noted = {
        "seq": head.seq,
        "head_hash": head.header_hash.hex(),
        "state_hash": market.state.hash().hex(),
    }
    (GOLDEN / f"{name}.bin").write_bytes(data)
    (GOLDEN / f"{name}.json").write_text(json.dumps(noted, indent=1) + "\n")
    print(f"{name}: {head.seq} records, {len(data)} bytes")


if __name__ == "__main__":
    write_fields()
    if sys.argv[1:] not in (["--write"], ["--add"]):
        sys.exit("--write or --add")
    markets = written_markets()
    first = len(LOGS) + 1 if sys.argv[1:] == ["--add"] else max(1, len(LOGS) - len(markets) + 1)
    for number, market in enumerate(markets, start=first):
        write_log(f"log_{number}", market)
