"""The first proposal can be read, signed and logged, and a broken one cannot."""

from decimal import Decimal

import msgspec
import pytest

from exchange.collateral.check.tails import student_tail
from exchange.collateral.rounding import to_integer
from exchange.domain.risk_parameters import RiskParameters, risk_parameters_from

from .first_proposal import PARAMETERS, PROPOSAL


def test_the_first_proposal_is_written_in_the_order_of_the_fields():
    assert tuple(PROPOSAL) == RiskParameters.__struct_fields__


def test_parameters_survive_the_log():
    encoded = msgspec.msgpack.encode(PARAMETERS)
    assert msgspec.msgpack.decode(encoded, type=RiskParameters) == PARAMETERS


def test_a_missing_and_an_unknown_name_are_both_named():
    proposal = {name: value for name, value in PROPOSAL.items() if name != "rate_ppm"}
    with pytest.raises(ValueError, match="rate_pmm, rate_ppm"):
        risk_parameters_from(proposal | {"rate_pmm": 60_000})


def test_a_text_is_no_parameter():
    with pytest.raises(msgspec.ValidationError):
        risk_parameters_from(PROPOSAL | {"rate_ppm": "60000"})


def test_a_negative_number_is_no_parameter():
    with pytest.raises(msgspec.ValidationError):
        risk_parameters_from(PROPOSAL | {"rate_ppm": -1})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mark_pairs_count", 9),
        ("participation_ppm", 0),
        ("holding_days_count", 0),
        ("sigma_floor_e12", 0),
        ("apc_high_ppm", 1_250_000),
        ("ltv_floor_ppm", 700_001),
        ("floor_absorbs_ppm", 600_001),
        ("margin_call_ppm", 150_001),
        ("fee_ppm", 1_000_001),
        ("ewma_decay_ppm", 1_000_001),
        ("crt_advance_ppm", 0),
        ("crt_default_ppm", 1_300_001),
        ("voucher_multiple_ppm", 0),
        ("voucher_score_ppm", 0),
        ("voucher_subsidy_ppm", 1_000_001),
        ("data_set_half_life_count", 0),
        ("data_set_lent_count", 4),
        ("data_set_never_ppm", 1_000_001),
        ("lease_decay_low_ppm", 350_001),
        ("spot_hour_low_ppm", 2_000_001),
    ],
)
def test_a_set_that_the_formulas_cannot_carry_is_refused(name, value):
    with pytest.raises(ValueError, match=r"is 0|above|below|exceeds|before|more"):
        risk_parameters_from(PROPOSAL | {name: value})


def test_a_decoded_set_is_checked_as_well():
    fields = [getattr(PARAMETERS, name) for name in RiskParameters.__struct_fields__]
    fields[RiskParameters.__struct_fields__.index("participation_ppm")] = 0
    with pytest.raises(msgspec.ValidationError, match="participation_ppm is 0"):
        msgspec.msgpack.decode(msgspec.msgpack.encode(fields), type=RiskParameters)


def test_a_set_that_was_recorded_before_other_collateral_has_the_first_proposals_terms_for_it():
    fields = [getattr(PARAMETERS, name) for name in RiskParameters.__struct_fields__]
    shorter = fields[: RiskParameters.__struct_fields__.index("crt_advance_ppm")]
    assert (
        msgspec.msgpack.decode(msgspec.msgpack.encode(shorter), type=RiskParameters) == PARAMETERS
    )


def test_the_tail_multiplier_is_the_shortfall_of_the_stated_student_t():
    shortfall = student_tail(Decimal("0.975")).expected_shortfall
    assert to_integer(shortfall, 10**12) == PARAMETERS.tail_multiplier_e12
