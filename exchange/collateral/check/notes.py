"""CRT: a note's level payments, its price, its yield, and what becomes of it when rents fall."""

from decimal import Decimal

from msgspec.structs import replace

from exchange.collateral.check.comparison import Answers
from exchange.collateral.check.inputs import E12_PLACES, Inputs, decimal_of
from exchange.collateral.crt import (
    MONTH_END_DAYS,
    level_amount,
    monthly_payment_amount,
    note_amount_on,
    note_performance,
    pool_amount,
    pool_value_amount,
    price_e12,
    yield_e12,
)
from exchange.domain.risk_parameters import RiskParameters
from exchange.domain.units import PPM_WHOLE

PUBLISHED_NOTE_AMOUNT = 30_000_000_000
"""The note of the model's pages, 300 million; its payments are rounded to the fen."""


def note_answers(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """By what is given: rents that fall short, payments with a yield or a price, or a note."""
    parameters = _with_terms(inputs, parameters)
    if inputs.has("due_fen"):
        return _performance(inputs, parameters)
    if inputs.has("rent_fen"):
        return _pool(inputs, parameters)
    if inputs.has("payment_fen"):
        return _price_or_yield(inputs)
    return _levels(inputs, parameters)


def _pay_days(inputs: Inputs) -> tuple[int, ...]:
    found = inputs.items("cashflows_days")
    return tuple(int(decimal_of(day, "cashflows_days")) for day in found) or MONTH_END_DAYS


def _with_terms(inputs: Inputs, parameters: RiskParameters) -> RiskParameters:
    """Another advance or another rate of the pool, where a case has one."""
    if inputs.has("rate"):
        parameters = replace(parameters, crt_rate_ppm=inputs.ppm("rate"))
    if inputs.has("advance_ppm"):
        parameters = replace(parameters, crt_advance_ppm=inputs.integer("advance_ppm"))
    return parameters


def _pool(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What level rents are worth, and the note they carry."""
    value_amount = pool_value_amount(inputs.integer("rent_fen"), _pay_days(inputs), parameters)
    note_amount = note_amount_on(value_amount, parameters)
    return {"pool_fen": value_amount, "pool_pv_fen": value_amount, "note_fen": note_amount}


def _levels(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What a note needs behind it, what the pool brings in, and what it pays in either way."""
    days, note_amount = _pay_days(inputs), inputs.integer("note_fen")
    backing_amount = pool_amount(note_amount, parameters)
    rent_amount = level_amount(backing_amount, days, parameters)
    return {
        "pool_fen": backing_amount,
        "pool_pv_fen": backing_amount,
        "rent_fen": rent_amount,
        "level_rent_fen": rent_amount,
        "effective_fen": level_amount(note_amount, days, parameters),
        "nominal_fen": monthly_payment_amount(note_amount, len(days), parameters),
    }


def _price_or_yield(inputs: Inputs) -> Answers:
    terms = (inputs.integer("payment_fen"), _pay_days(inputs), inputs.integer("face_fen"))
    if inputs.has("price"):
        found_e12 = yield_e12(*terms, inputs.e12("price"))
        return {"yield_": Decimal(found_e12).scaleb(-E12_PLACES)}
    return {"price": Decimal(price_e12(*terms, inputs.e12("y"))).scaleb(-E12_PLACES)}


def _note_amount(inputs: Inputs, parameters: RiskParameters) -> int:
    """The note that a case names, the published one if it is due this much, or what is repaid."""
    for name in ("note_fen", "face_fen"):
        if inputs.has(name):
            return inputs.integer(name)
    due_amount, days = inputs.integer("due_fen"), _pay_days(inputs)
    if level_amount(PUBLISHED_NOTE_AMOUNT, days, parameters) == due_amount:
        return PUBLISHED_NOTE_AMOUNT
    return pool_value_amount(due_amount, days, parameters)


def _performance(inputs: Inputs, parameters: RiskParameters) -> Answers:
    """What is collected is the rent less the shortfall, down."""
    kept_ppm = PPM_WHOLE - inputs.integer("shortfall_ppm", 0)
    found = note_performance(
        _note_amount(inputs, parameters),
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
