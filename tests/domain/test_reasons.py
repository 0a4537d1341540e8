"""Reasons: stable codes by hundreds, and which of them the log keeps."""

import re
from pathlib import Path

import pytest

from exchange.domain.reasons import Reason, Refused, require

ROOT = Path(__file__).resolve().parents[2]
RANGES = {
    "protocol": range(1000, 2000),
    "authentication": range(2000, 3000),
    "limits": range(3000, 4000),
    "market": range(4000, 5000),
    "means": range(5000, 6000),
    "server": range(9000, 10000),
}
UNBUILT = {Reason.LIEN}
"""Promised by the wire, and given by no rule yet."""
CHANGES_NOTHING = {Reason.UNKNOWN_ORDER, Reason.ID_CONFLICT, Reason.EMPTY}


def test_every_code_is_of_one_range_and_listed_in_rising_order():
    codes = [int(reason) for reason in Reason]
    assert codes == sorted(set(codes))
    assert all(any(code in span for span in RANGES.values()) for code in codes)


def test_no_two_names_share_a_code():
    assert len(Reason.__members__) == len(list(Reason))


@pytest.mark.parametrize("reason", list(Reason), ids=lambda reason: reason.name)
def test_facts_of_the_market_are_recorded_and_nothing_else(reason):
    is_fact = reason in RANGES["market"] or reason in RANGES["means"]
    expected = (is_fact and reason not in CHANGES_NOTHING) or reason is Reason.INTERNAL_ERROR
    assert reason.is_recorded is expected


def test_a_refusal_names_what_was_asked_the_limit_and_the_day():
    with pytest.raises(Refused, match="title: 500 against 400, day 20909") as found:
        require(False, Reason.TITLE, 500, 400, 20_909)
    refused = found.value
    assert (refused.reason, refused.value, refused.limit, refused.day) == (
        Reason.TITLE,
        500,
        400,
        20_909,
    )


def test_what_holds_is_not_refused():
    require(True, Reason.TITLE, 400, 400)


@pytest.mark.parametrize("name", [r.name for r in Reason if r.is_recorded and r not in UNBUILT])
def test_a_reason_that_the_log_can_hold_is_named_by_the_tests(name):
    """Each reason has its test: the last value that passes and the first that does not."""
    places = [*ROOT.glob("tests/rules/*.py"), *ROOT.glob("tests/engine/*.py")]
    assert any(re.search(rf"\bReason\.{name}\b", place.read_text()) for place in places)
