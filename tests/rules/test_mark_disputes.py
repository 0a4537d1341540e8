"""Disputes of marks: who may, every wrong turn, and what the mark says before and after."""

import pytest
from msgspec.structs import replace

from exchange.domain.commands import AcceptPledge, DeclinePledge, ReleasePledge
from exchange.domain.enums import MarkLine, Role
from exchange.domain.lending_commands import CountersignMarkRuling, DisputeMark, RuleMark
from exchange.domain.lending_events import (
    MarkDisputed,
    MarkRuled,
    MarkRulingProposed,
    PledgeMarked,
)
from exchange.domain.reasons import Reason
from tests.rules.markets import assert_refused
from tests.rules.pledge_marks import MarkedMarket
from tests.rules.test_pledge_marks import PARAMETERS
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, secret_hash

PROOF, OTHER_PROOF = secret_hash("proof"), secret_hash("other proof")
OPERATOR = 1
DISPUTE_LINE = -1


@pytest.fixture
def market() -> MarkedMarket:
    """A pledge of ten GPUs for February under lien."""
    market = MarkedMarket()
    market.pledge()
    market.cycle()
    return market


def dispute(market: MarkedMarket, key_id: int = TRADER, claimed_amount: int = 10**9) -> int:
    """The id of a dispute of the mark in force."""
    market.do(key_id, disputed(market, claimed_amount))
    return market.state.seq


def disputed(market: MarkedMarket, claimed_amount: int = 10**9) -> DisputeMark:
    """The command."""
    return DisputeMark(
        pledge_id=1,
        mark_seq=market.state.pledges[1].mark_seq,
        line=MarkLine.LIQUIDITY,
        claimed_amount=claimed_amount,
        evidence_sha256=PROOF,
    )


def ruling(dispute_id: int, ruled_ppm: int = 0, ruled_amount: int = 0) -> RuleMark:
    """An auditor's finding."""
    return RuleMark(
        dispute_id=dispute_id,
        ruled_ppm=ruled_ppm,
        ruled_amount=ruled_amount,
        evidence_sha256=PROOF,
    )


def countersign(dispute_id: int) -> CountersignMarkRuling:
    """An operator's word on it."""
    return CountersignMarkRuling(dispute_id=dispute_id, evidence_sha256=PROOF)


@pytest.mark.parametrize("key_id", [TRADER, BANK])
def test_either_side_disputes_and_the_mark_bears_the_charge(market, key_id):
    before, mark_seq = market.mark(), market.state.pledges[1].mark_seq
    dispute_id = dispute(market, key_id)
    said, mark = market.events
    assert said == MarkDisputed(
        dispute_id=dispute_id,
        account_id=key_id,
        pledge_id=1,
        mark_seq=mark_seq,
        line=MarkLine.LIQUIDITY,
        claimed_amount=10**9,
        evidence_sha256=PROOF,
    )
    assert mark.is_disputed
    assert mark.lines_ppm[DISPUTE_LINE] == PARAMETERS.dispute_open_ppm
    assert mark.value_amount == before.value_amount
    assert market.cycle() == [], "the next cycle says the same"
    market.assert_replays()


def test_only_the_parties_dispute(market):
    for stranger in (OTHER, SUPPLIER, market.admit("other bank", Role.BANK)):
        assert_refused(market, stranger, disputed(market), Reason.UNKNOWN_PLEDGE, 1)
    nothing = replace(disputed(market), pledge_id=9)
    assert_refused(market, TRADER, nothing, Reason.UNKNOWN_PLEDGE, 9)


def test_only_the_mark_in_force_can_be_disputed(market):
    in_force = market.state.pledges[1].mark_seq
    for mark_seq in (in_force - 1, in_force + 1):
        command = replace(disputed(market), mark_seq=mark_seq)
        assert_refused(market, TRADER, command, Reason.WRONG_STATE, mark_seq, in_force)


def test_what_is_no_security_has_no_mark_to_dispute(market):
    market.request("M2703")
    market.do(BANK, DeclinePledge(pledge_id=2))
    command = replace(disputed(market), pledge_id=2, mark_seq=market.state.pledges[2].mark_seq)
    assert_refused(market, TRADER, command, Reason.WRONG_STATE, 2)


@pytest.mark.parametrize("key_id", [TRADER, BANK])
def test_either_side_has_one_dispute_of_a_pledge_at_a_time(market, key_id):
    dispute_id = dispute(market, key_id)
    assert_refused(market, key_id, disputed(market), Reason.ALREADY_DONE, 1, dispute_id)


def test_a_dispute_of_one_side_keeps_the_other_from_nothing_and_is_ruled_by_itself(market):
    of_bank = dispute(market, BANK, claimed_amount=0)
    of_owner = dispute(market)
    open_ppm = PARAMETERS.dispute_open_ppm
    assert market.mark().lines_ppm[DISPUTE_LINE] == open_ppm, "the charge is one"
    market.do(AUDITOR, ruling(of_owner, ruled_ppm=5_000))
    market.do(OPERATOR, countersign(of_owner))
    assert (market.mark().is_disputed, market.mark().ruled_ppm) == (True, 5_000)
    assert market.mark().lines_ppm[DISPUTE_LINE] == open_ppm, "the bank's is open still"
    assert list(market.state.mark_disputes) == [of_bank]
    market.do(AUDITOR, ruling(of_bank, ruled_ppm=5_000))
    market.do(OPERATOR, countersign(of_bank))
    assert (market.mark().is_disputed, market.mark().lines_ppm[DISPUTE_LINE]) == (False, 5_000)
    assert market.state.mark_disputes == {}
    market.assert_replays()


def test_a_ruling_takes_an_auditor_and_an_operator(market):
    dispute_id = dispute(market)
    mark_seq = market.state.mark_disputes[dispute_id].disputed.mark_seq
    assert_refused(market, OPERATOR, countersign(dispute_id), Reason.WRONG_STATE, dispute_id)
    market.do(AUDITOR, ruling(dispute_id, ruled_ppm=30_000))
    market.do(AUDITOR, ruling(dispute_id, ruled_ppm=10_000, ruled_amount=777))
    assert market.events == [
        MarkRulingProposed(
            dispute_id=dispute_id,
            auditor_account_id=AUDITOR,
            ruled_ppm=10_000,
            ruled_amount=777,
            evidence_sha256=PROOF,
        )
    ]
    market.do(OPERATOR, countersign(dispute_id))
    ruled, mark = market.events
    assert ruled == MarkRuled(
        dispute_id=dispute_id, operator_account_id=OPERATOR, ruled_ppm=10_000, ruled_amount=777
    )
    assert mark.supersedes_seq == mark_seq
    assert (mark.value_amount, mark.ruled_amount, mark.is_disputed) == (777, 777, False)
    assert mark.lendable_amount == 777 * mark.ltv_ppm // 10**6
    assert mark.lines_ppm[DISPUTE_LINE] == 10_000
    assert market.state.mark_disputes == {}
    market.assert_replays()


def test_what_is_unknown_or_over_cannot_be_ruled(market):
    assert_refused(market, AUDITOR, ruling(5), Reason.UNKNOWN_DISPUTE, 5)
    assert_refused(market, OPERATOR, countersign(5), Reason.UNKNOWN_DISPUTE, 5)
    dispute_id = dispute(market)
    market.do(AUDITOR, ruling(dispute_id))
    market.do(OPERATOR, countersign(dispute_id))
    assert_refused(market, AUDITOR, ruling(dispute_id), Reason.UNKNOWN_DISPUTE, dispute_id)
    again = countersign(dispute_id)
    assert_refused(market, OPERATOR, again, Reason.UNKNOWN_DISPUTE, dispute_id)


def test_an_auditor_of_the_supplier_s_house_does_not_rule(market):
    dispute_id = dispute(market)
    own_auditor = market.admit("own auditor", Role.AUDITOR, affiliate_ids=[SUPPLIER])
    refused = (Reason.SAME_PERSON, own_auditor)
    assert_refused(market, own_auditor, ruling(dispute_id), *refused)


def test_an_auditor_of_a_party_s_house_does_not_rule(market):
    dispute_id = dispute(market)
    for party in (TRADER, BANK):
        friend = market.admit(f"friend of {party}", Role.AUDITOR, affiliate_ids=[party])
        assert_refused(market, friend, ruling(dispute_id), Reason.SAME_PERSON, friend)


def test_an_operator_of_a_party_s_house_or_of_the_supplier_s_does_not_countersign(market):
    dispute_id = dispute(market)
    market.do(AUDITOR, ruling(dispute_id))
    for party in (TRADER, BANK, SUPPLIER):
        friend = market.admit(f"friend of {party}", Role.OPERATOR, affiliate_ids=[party])
        assert_refused(market, friend, countersign(dispute_id), Reason.SAME_PERSON, friend)
    market.do(OPERATOR, countersign(dispute_id))


def test_nobody_countersigns_the_own_ruling(market):
    both = market.admit("both", Role.AUDITOR, Role.OPERATOR)
    dispute_id = dispute(market)
    market.do(both, ruling(dispute_id))
    assert_refused(market, both, countersign(dispute_id), Reason.SAME_PERSON, both)
    market.do(OPERATOR, countersign(dispute_id))


def test_what_is_countersigned_is_what_was_found(market):
    dispute_id = dispute(market)
    market.do(AUDITOR, ruling(dispute_id))
    other = replace(countersign(dispute_id), evidence_sha256=OTHER_PROOF)
    assert_refused(market, OPERATOR, other, Reason.EVIDENCE, dispute_id)


def test_a_ruled_value_is_for_its_day_and_the_ruled_charge_until_another(market):
    model_amount = market.mark().value_amount
    dispute_id = dispute(market)
    market.do(AUDITOR, ruling(dispute_id, ruled_ppm=15_000, ruled_amount=777))
    market.do(OPERATOR, countersign(dispute_id))
    market.quote(market.months[1], 795, 801)
    (mark,) = market.cycle()
    assert (mark.value_amount, mark.supersedes_seq) == (777, 0)
    market.tomorrow()
    (mark,) = market.cycle()
    assert mark.value_amount > model_amount * 9 // 10
    assert mark.lines_ppm[DISPUTE_LINE] == 15_000
    dispute_id = dispute(market)
    assert market.mark().lines_ppm[DISPUTE_LINE] == PARAMETERS.dispute_open_ppm, "the larger"
    market.do(AUDITOR, ruling(dispute_id))
    market.do(OPERATOR, countersign(dispute_id))
    assert market.mark().lines_ppm[DISPUTE_LINE] == 0


def test_a_ruled_value_is_of_the_gpus_that_it_was_ruled_for(market):
    dispute_id = dispute(market)
    market.do(AUDITOR, ruling(dispute_id, ruled_amount=777))
    market.do(OPERATOR, countersign(dispute_id))
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=7))
    assert (market.mark().pledged_qty, market.mark().value_amount) == (3, 233), "of ten, down"
    assert market.cycle() == []
    market.do(BANK, ReleasePledge(pledge_id=1, released_qty=1))
    assert (market.mark().pledged_qty, market.mark().value_amount) == (2, 155)
    market.assert_replays()


def test_a_dispute_of_what_is_released_since_ends_without_a_mark(market):
    market.request("M2703")
    command = replace(disputed(market), pledge_id=2, mark_seq=market.state.pledges[2].mark_seq)
    market.do(TRADER, command)
    dispute_id = market.state.seq
    market.do(BANK, DeclinePledge(pledge_id=2))
    market.do(AUDITOR, ruling(dispute_id))
    market.do(OPERATOR, countersign(dispute_id))
    assert not any(isinstance(event, PledgeMarked) for event in market.events)
    assert market.state.mark_disputes == {}


def test_a_requested_pledge_may_be_disputed_and_taken(market):
    market.request("M2703")
    command = replace(disputed(market), pledge_id=2, mark_seq=market.state.pledges[2].mark_seq)
    market.do(BANK, command)
    market.do(BANK, AcceptPledge(pledge_id=2))
    assert market.mark(2).is_disputed
