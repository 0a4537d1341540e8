"""
The constants of the collateral model, which a bank's risk committee signs.

The model holds no number of its own: it is handed one value of `RiskParameters`. The value
travels in the log as a plain array, so its fields keep their order for ever and new ones are
appended with a default. A number's last word is its unit: `_ppm` parts per million, `_e12` parts
per million million where ppm is too coarse, `_amount` fen, `_hours`, and `_count` how many.

People read and sign it by name. A proposal is a JSON object with one member per field:

    risk_parameters_from(msgspec.json.decode(proposal))

The version number belongs to the event that publishes a set, not to the set.
"""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct, convert

from .units import MAX_INTEGER, PPM_WHOLE

Natural = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
MOST_PAIRS_COUNT = 8
"""Different pairs of parties that a mark may ask for; as many of each minute are remembered."""


class RiskParameters(Struct, frozen=True, array_like=True, kw_only=True):
    """
    One signed set of constants of model CR-1.

    Building one checks what would otherwise divide by zero or turn a rule upside down; a set
    that fails raises `ValueError`, which msgspec reports as a `ValidationError` when decoding.
    """

    # -- marks
    mark_window_hours: Natural
    """Age up to which a trade or an auction may set a mark."""
    mark_trades_count: Natural
    """Trades an average price needs."""
    mark_pairs_count: Natural
    """Different pairs of parties an average price needs."""
    mark_floor_hours: Natural
    """GPU-hours an average price or an auction needs."""
    mark_pledged_ppm: Natural
    """The same floor as a share of the GPU-hours pledged on the node; the larger counts."""
    quote_width_ppm: Natural
    """Widest spread, as a share of the middle, at which the middle is a price."""
    index_days_count: Natural
    """Business days an external index may be carried for a mark."""
    basis_days_count: Natural
    """Span of the moving average of mark over index: a new day weighs 2 / (span + 1)."""
    stale_decay_ppm: Natural
    """Continuous yearly decay of a mark that nothing renews."""
    rise_cap_ppm: Natural
    """Largest rise over the last mark that needs no second source."""

    # -- present value
    curve_decline_ppm: Natural
    """Fall per month beyond the last node of the curve."""
    rate_ppm: Natural
    """Discount rate, annual effective, ACT/365F."""
    occupancy_ppm: Natural
    """Share of the time that is rented out."""
    sla_ppm: Natural
    """Share of the rented time that is delivered as promised."""
    fee_ppm: Natural
    """Taken off the rent by the venue."""

    # -- volatility and expected shortfall
    ewma_decay_ppm: Natural
    """Weight of yesterday's variance."""
    history_days_count: Natural
    """Days of prices kept for the historical expected shortfall."""
    sigma_floor_e12: Natural
    """Lowest daily volatility believed."""
    stress_weight_ppm: Natural
    """Weight of the largest volatility ever seen; the current one has the rest."""
    kappa_e12: Natural
    """Yearly rate at which a spot move fades along the curve."""
    tail_degrees_count: Natural
    """Degrees of freedom of the Student t behind `tail_multiplier_e12`; stated, not used."""
    tail_confidence_ppm: Natural
    """Confidence of the expected shortfall, the historical one included."""
    tail_multiplier_e12: Natural
    """Expected shortfall of the unit-variance Student t."""
    variance_ratio_ppm: Natural
    """How much faster variance grows over the holding period than days do."""
    holding_days_count: Natural
    """Days from the last good value to the sale."""
    revaluation_days_count: Natural
    """Days between two revaluations."""
    adv_days_count: Natural
    """Days over which traded GPU-hours are averaged."""
    participation_ppm: Natural
    """Share of the daily volume a seller may be."""

    # -- haircut lines
    base_ppm: Natural
    vol_allowance_ppm: Natural
    """Expected shortfall the base line already covers."""
    apc_ppm: Natural
    """Buffer against procyclicality, as a share of expected shortfall."""
    apc_low_ppm: Natural
    """Current over long volatility at which the buffer starts to be released."""
    apc_high_ppm: Natural
    """Current over long volatility at which the buffer is gone."""
    impact_ppm: Natural
    """Price impact of selling one day's volume, in daily volatilities."""
    liquidity_cap_ppm: Natural
    generation_rate_ppm: Natural
    """New hardware generations a year."""
    generation_loss_ppm: Natural
    """What a new generation takes off the rent."""
    tenor_free_years_ppm: Natural
    """Millionths of a year of average life that carry no obsolescence."""
    tenor_cap_ppm: Natural
    concentration_slope_ppm: Natural
    concentration_free_ppm: Natural
    """Share of a bank's pool that one supplier may have for free."""
    concentration_cap_ppm: Natural
    default_a_ppm: Natural
    """Yearly default probability of a supplier of grade A; B to E follow."""
    default_b_ppm: Natural
    default_c_ppm: Natural
    default_d_ppm: Natural
    default_e_ppm: Natural
    loss_given_default_ppm: Natural
    wrong_way_ppm: Natural
    """Multiplier because the collateral fails with its supplier."""
    affiliated_ppm: Natural
    """Added where supplier and borrower belong together."""
    uptime_target_ppm: Natural
    uptime_slope_ppm: Natural
    """Haircut for each part of uptime under the target."""
    uptime_cap_ppm: Natural
    level_1_ppm: Natural
    """Haircut for a mark of level 1; 2 to 7 follow."""
    level_2_ppm: Natural
    level_3_ppm: Natural
    level_4_ppm: Natural
    level_5_ppm: Natural
    level_6_ppm: Natural
    level_7_ppm: Natural
    dispute_open_ppm: Natural

    # -- from haircut to loan-to-value
    ltv_floor_ppm: Natural
    ltv_cap_ppm: Natural
    floor_absorbs_ppm: Natural
    """How far under the floor the raw ratio may be and still be lifted to it."""
    stress_es_ppm: Natural
    """Expected shortfall above which the regime is stress."""
    stress_uptime_ppm: Natural
    """Uptime under which the regime is stress."""
    stress_exit_days_count: Natural
    """Clear marking days that end the stress regime."""
    glide_up_ppm: Natural
    """Most a drawn loan's haircut may rise in a marking day."""
    glide_down_ppm: Natural
    """Most a drawn loan's haircut may fall in a marking day."""

    # -- ladder
    margin_call_ppm: Natural
    """Points above the ratio at drawdown."""
    liquidation_ppm: Natural
    """Points above the ratio at drawdown."""
    liquidation_cap_ppm: Natural
    """Ratio at which any loan is liquidated."""
    cure_days_count: Natural
    """Business days to meet a call."""
    minimum_call_amount: Natural
    """Cash calls under this are not issued."""
    close_factor_ppm: Natural
    """Most of the collateral that one round of a liquidation sells."""
    full_sale_ppm: Natural
    """Points above the liquidation ratio at which a round may sell everything."""

    # -- other collateral; a set recorded before these fields has the first proposal's
    crt_advance_ppm: Natural = 700_000
    """A note's face as a share of its pool's present value."""
    crt_rate_ppm: Natural = 90_000
    """Rate of a pool and of its note, annual effective, ACT/365F."""
    crt_turbo_ppm: Natural = 1_300_000
    """Over-collateralisation under which all that is collected repays the note."""
    crt_default_ppm: Natural = 1_150_000
    """Over-collateralisation under which the note is in default."""
    voucher_subsidy_ppm: Natural = 600_000
    """Share of a bill that a voucher pays."""
    voucher_subsidy_cap_amount: Natural = 1_000_000_000
    """Most that a voucher pays of one bill."""
    voucher_multiple_ppm: Natural = 3_000_000
    """Credit on a voucher's face at the lowest score."""
    voucher_step_ppm: Natural = 500_000
    """What each step of the score adds to the multiple."""
    voucher_score_ppm: Natural = 200_000
    """How much score makes a step."""
    voucher_steps_count: Natural = 4
    """Most steps a score can earn."""
    data_set_monthly_ppm: Natural = 1_000_000
    """Value of a data set that is renewed every month; rarer renewals follow."""
    data_set_quarterly_ppm: Natural = 900_000
    data_set_half_yearly_ppm: Natural = 800_000
    data_set_yearly_ppm: Natural = 650_000
    data_set_never_ppm: Natural = 500_000
    data_set_half_life_count: Natural = 24
    """Months in which a data set loses half its value."""
    data_set_lent_count: Natural = 2
    """Parts of the value that are lent, of `data_set_parts_count`: two thirds, exactly."""
    data_set_parts_count: Natural = 3
    data_set_rate_ppm: Natural = 45_000
    """Interest on a loan against a data set, a year."""
    lease_decay_low_ppm: Natural = 200_000
    """Least continuous yearly decay of leased hardware that is believed."""
    lease_decay_high_ppm: Natural = 350_000
    """Most continuous yearly decay of leased hardware that is believed."""
    spot_hour_exponent_ppm: Natural = 2_000_000
    """How steeply scarcity follows utilisation over its target."""
    spot_hour_low_ppm: Natural = 500_000
    """Least that scarcity makes of the cost."""
    spot_hour_high_ppm: Natural = 2_000_000
    """Most that scarcity makes of the cost."""

    # -- lots of a liquidation; a set recorded before these fields has the first proposal's
    lot_reserve_ppm: Natural = 700_000
    """Least floor of a lot, as a share of its pledge's value."""
    lot_reserve_step_ppm: Natural = 200_000
    """What an auction that found no buyer at its reserve takes off the next one's."""

    def __post_init__(self) -> None:
        """Refuses a set that the formulas cannot carry."""
        for holds, problem in (
            (
                self.mark_pairs_count <= MOST_PAIRS_COUNT,
                f"mark_pairs_count {self.mark_pairs_count} is above {MOST_PAIRS_COUNT}",
            ),
            (self.adv_days_count > 0, "adv_days_count is 0"),
            (self.participation_ppm > 0, "participation_ppm is 0"),
            (self.holding_days_count > 0, "holding_days_count is 0"),
            (self.sigma_floor_e12 > 0, "sigma_floor_e12 is 0"),
            (self.apc_low_ppm < self.apc_high_ppm, "apc_low_ppm is not below apc_high_ppm"),
            (self.ltv_floor_ppm <= self.ltv_cap_ppm, "ltv_floor_ppm is above ltv_cap_ppm"),
            (self.floor_absorbs_ppm <= self.ltv_floor_ppm, "floor_absorbs_ppm exceeds the floor"),
            (self.margin_call_ppm <= self.liquidation_ppm, "a loan is sold before it is called"),
            (self.crt_advance_ppm > 0, "crt_advance_ppm is 0"),
            (self.crt_default_ppm <= self.crt_turbo_ppm, "a note defaults before it is at turbo"),
            (self.voucher_multiple_ppm > 0, "voucher_multiple_ppm is 0"),
            (self.voucher_score_ppm > 0, "voucher_score_ppm is 0"),
            (self.data_set_half_life_count > 0, "data_set_half_life_count is 0"),
            (
                0 < self.data_set_lent_count <= self.data_set_parts_count,
                "a data set lends nothing, or more than its value",
            ),
            (
                self.lease_decay_low_ppm <= self.lease_decay_high_ppm,
                "lease_decay_low_ppm is above lease_decay_high_ppm",
            ),
            (
                self.spot_hour_low_ppm <= self.spot_hour_high_ppm,
                "spot_hour_low_ppm is above spot_hour_high_ppm",
            ),
        ):
            if not holds:
                raise ValueError(problem)
        for name in _SHARES:
            if getattr(self, name) > PPM_WHOLE:
                raise ValueError(f"{name} {getattr(self, name)} is above {PPM_WHOLE}")


_SHARES = (
    "curve_decline_ppm",
    "occupancy_ppm",
    "sla_ppm",
    "fee_ppm",
    "ewma_decay_ppm",
    "stress_weight_ppm",
    "tail_confidence_ppm",
    "base_ppm",
    "ltv_cap_ppm",
    "liquidation_cap_ppm",
    "close_factor_ppm",
    "crt_advance_ppm",
    "voucher_subsidy_ppm",
    "data_set_monthly_ppm",
    "data_set_quarterly_ppm",
    "data_set_half_yearly_ppm",
    "data_set_yearly_ppm",
    "data_set_never_ppm",
    "lot_reserve_ppm",
    "lot_reserve_step_ppm",
)


def risk_parameters_from(named: Mapping[str, object]) -> RiskParameters:
    """
    The set that a JSON object names, one member per field.

    A missing or an unknown name is a `ValueError`: a proposal that is not understood whole is
    not signed. Types and bounds raise `msgspec.ValidationError`, which is one too.
    """
    fields = RiskParameters.__struct_fields__
    if wrong := set(fields) ^ set(named):
        raise ValueError(f"risk parameters missing or unknown: {', '.join(sorted(wrong))}")
    return convert([named[name] for name in fields], RiskParameters)
