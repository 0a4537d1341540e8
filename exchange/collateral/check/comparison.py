"""
What is expected against what was computed.

A tolerance applies to the field of its name, `*` to all. Without one a whole number and a text
must be equal (texts of equal numbers are), and a decimal must be equal once it is rounded half to
even to the places shown. Objects are compared member by member, and one that a side leaves out
counts as 0; lists are compared in order.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from msgspec import Struct

from exchange.collateral.rounding import in_model_context

INFORMATION = frozenset({"ppm", "float_check", "quantlib_abs_cny"})
"""Tolerances that say how the expected values were once checked, not how ours are compared."""
EVERY_FIELD = "*"

Answers = Mapping[str, Any]
"""What a calculation found, named as its cases do: `int`, `Decimal`, text, bool, None, or
lists and objects of these."""


class Difference(Struct, frozen=True, kw_only=True):
    """One field with both values; `computed` of a case that was not understood says why."""

    field: str
    expected: str
    computed: str


@in_model_context
def differences(
    expected: Mapping[str, Any], answers: Answers, tolerance: Mapping[str, Any]
) -> tuple[Difference, ...]:
    """Every field that is not as expected, in the order of the case."""
    bounds = {
        name: Decimal(str(bound)) for name, bound in tolerance.items() if name not in INFORMATION
    }
    found: list[Difference] = []
    for name, wanted in expected.items():
        bound = bounds.get(name, bounds.get(EVERY_FIELD, Decimal(0)))
        if name not in answers:
            found.append(Difference(field=name, expected=f"{wanted}", computed="not computed"))
        else:
            found += _unequal(name, wanted, answers[name], bound)
    return tuple(found)


def _unequal(name: str, wanted: Any, got: Any, bound: Decimal) -> list[Difference]:
    """The places below one field at which both sides differ."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        names = [*wanted, *(each for each in got if each not in wanted)]
        return [
            difference
            for each in names
            for difference in _unequal(
                f"{name}.{each}", wanted.get(each, 0), got.get(each, 0), bound
            )
        ]
    if isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        return [
            difference
            for at, (theirs, ours) in enumerate(zip(wanted, got, strict=True))
            for difference in _unequal(f"{name}[{at}]", theirs, ours, bound)
        ]
    if _is_equal(wanted, got, bound):
        return []
    return [Difference(field=name, expected=_shown(wanted), computed=_shown(got))]


def _is_equal(wanted: Any, got: Any, bound: Decimal) -> bool:
    """Whether one value is as expected."""
    theirs, ours = _number(wanted), _number(got)
    if theirs is None or ours is None:
        return type(wanted) is type(got) and bool(wanted == got)
    if bound:
        return abs(ours - theirs) <= bound
    if isinstance(got, Decimal):
        exponent = theirs.as_tuple().exponent
        assert isinstance(exponent, int), f"{theirs} is not finite"
        ours = ours.quantize(Decimal(1).scaleb(min(0, exponent)), ROUND_HALF_EVEN)
    return ours == theirs


def _number(found: Any) -> Decimal | None:
    """A finite number, or None for anything else; yes and no are no numbers."""
    if isinstance(found, bool) or not isinstance(found, int | str | Decimal):
        return None
    try:
        number = Decimal(found)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _shown(value: Any) -> str:
    return "null" if value is None else f"{value}"
