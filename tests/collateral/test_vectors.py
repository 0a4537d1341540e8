"""
Every published case of the model, compared as its page says.

The cases are kept beside the checkout; without them this file has nothing to say and is skipped.
"""

from pathlib import Path

import pytest

from exchange.collateral.check import CALCULATIONS, CaseFile, check, decode_cases
from exchange.collateral.check.stated_parameters import FIELDS, stated

from .first_proposal import PARAMETERS

VECTORS = Path(__file__).resolve().parents[3] / "shared/vectors/collateral_vectors.json"
PUBLISHED = decode_cases(VECTORS.read_bytes()) if VECTORS.exists() else CaseFile(cases=[])
pytestmark = pytest.mark.skipif(
    not PUBLISHED.cases, reason=f"the published cases are not at {VECTORS}"
)


@pytest.mark.parametrize("case", PUBLISHED.cases, ids=lambda case: case.id)
def test_a_published_case_is_reproduced(case):
    [verdict] = check(CaseFile(cases=[case], params=PUBLISHED.params), PARAMETERS)
    assert verdict.differences == ()


def test_every_group_has_published_cases():
    assert {case.group for case in PUBLISHED.cases} == set(CALCULATIONS)


def test_the_first_proposal_has_the_published_parameters():
    found = stated(PUBLISHED.params)
    assert len(found) == len(FIELDS) + len("ABCDE") + len("1234567")
    assert {field: getattr(PARAMETERS, field) for field in found} == found
