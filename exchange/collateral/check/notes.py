"""CRT: a note's level payments, its price, its yield, and what becomes of it when rents fall."""

from decimal import Decimal

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import E12_PLACES, Inputs, decimal_of
from exchange.collateral.crt import (
    MONTH_END_DAYS,
    level_amount,
    monthly_payment_amount,
    note_performance,
    pool_amount,
    price_e12,
    yield_e12,
)
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

EXAMPLE_NOTE_AMOUNT = 30_000_000_000
"""The note that every case is about which names none: 300 million."""


def note_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is given: rents that fall short, payments with a yield or a price, or a note."""
    if inputs.has("rent_fen"):
        return _performance(inputs, parameters)
    if inputs.has("payment_fen"):
        return _price_or_yield(inputs)
    return _levels(inputs, parameters)


def _pay_days(inputs: Inputs) -> tuple[int, ...]:
    found = inputs.items("cashflows_days")
    return tuple(int(decimal_of(day, "cashflows_days")) for day in found) or MONTH_END_DAYS


def _levels(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What a note needs behind it, what the pool brings in, and what it pays in either way."""
    if inputs.has("y"):
        parameters = replace(parameters, crt_rate_ppm=inputs.ppm("y"))
    if inputs.has("advance"):
        parameters = replace(parameters, crt_advance_ppm=inputs.ppm("advance"))
    days, note_amount = _pay_days(inputs), inputs.integer("note_fen")
    backing_amount = pool_amount(note_amount, parameters)
    return {
        "pool_fen": backing_amount,
        "pool_pv_fen": backing_amount,
        "rent_fen": level_amount(backing_amount, days, parameters),
        "effective_fen": level_amount(note_amount, days, parameters),
        "nominal_fen": monthly_payment_amount(note_amount, len(days), parameters),
    }


def _price_or_yield(inputs: Inputs) -> Answers:
    terms = (inputs.integer("payment_fen"), _pay_days(inputs), inputs.integer("face_fen"))
    if inputs.has("price"):
        found_e12 = yield_e12(*terms, inputs.e12("price"))
        return {"yield_": Decimal(found_e12).scaleb(-E12_PLACES)}
    return {"price": Decimal(price_e12(*terms, inputs.e12("y"))).scaleb(-E12_PLACES)}


def _performance(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What is collected is the rent less the shortfall, down."""
    kept_ppm = PPM_WHOLE - inputs.integer("shortfall_ppm", 0)
    found = note_performance(
        inputs.integer("note_fen", EXAMPLE_NOTE_AMOUNT),
        inputs.integer("due_fen"),
        inputs.integer("rent_fen") * kept_ppm // PPM_WHOLE,
        _pay_days(inputs),
        parameters,
    )
    return {
        "dscr_ppm": found.dscr_ppm,
        "oc_ppm": found.oc_ppm,
        "paid_total_fen": found.paid_amount,
        "irr": Decimal(found.irr_e12).scaleb(-E12_PLACES),
        "trigger": str(found.trigger),
    }
