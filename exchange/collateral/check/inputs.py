"""
A case's inputs, read by name and unit.

Numbers come as JSON numbers or as decimal texts; `null` is as good as absent. What does not fit
the unit's places is rounded half to even, so that a wrong digit shows in the answer. A missing
name and a value of another kind are a `NotUnderstood` that names both.
"""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from exchange.collateral.rounding import to_integer
from exchange.domain.windows import day_of

PPM_PLACES, E12_PLACES, FEN_PLACES = 6, 12, 2


class NotUnderstood(Exception):
    """The inputs of a case ask for something that no calculation of its group can read."""


class Inputs:
    """One object of inputs."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self._fields = fields

    def has(self, name: str) -> bool:
        """Whether there is a value under this name."""
        return self._fields.get(name) is not None

    def value(self, name: str) -> Any:
        """Whatever stands under a name; it must be there."""
        if not self.has(name):
            raise NotUnderstood(f"inputs without {name}; there are: {', '.join(self._fields)}")
        return self._fields[name]

    def decimal(self, name: str, default: str | None = None) -> Decimal:
        """A number, exact."""
        if default is not None and not self.has(name):
            return Decimal(default)
        return decimal_of(self.value(name), name)

    def scaled(self, name: str, places: int, default: str | None = None) -> int:
        """A number as an integer of so many decimal places, half to even."""
        return to_integer(self.decimal(name, default).scaleb(places))

    def ppm(self, name: str, default: str | None = None) -> int:
        """A share in parts per million."""
        return self.scaled(name, PPM_PLACES, default)

    def e12(self, name: str, default: str | None = None) -> int:
        """A number in parts per million million."""
        return self.scaled(name, E12_PLACES, default)

    def integer(self, name: str, default: int | None = None) -> int:
        """A whole number."""
        found = self.decimal(name, None if default is None else str(default))
        if found != found.to_integral_value():
            raise NotUnderstood(f"{name} {found} is not whole")
        return int(found)

    def flag(self, name: str) -> bool:
        """A yes or no; absent is no."""
        found = self._fields.get(name) or False
        if not isinstance(found, bool):
            raise NotUnderstood(f"{name} {found!r} is neither true nor false")
        return found

    def text(self, name: str) -> str:
        """A word."""
        found = self.value(name)
        if not isinstance(found, str):
            raise NotUnderstood(f"{name} {found!r} is no text")
        return found

    def day(self, name: str) -> int:
        """A date as a day number."""
        return day_from(self.text(name), name)

    def items(self, name: str) -> list[Any]:
        """A list; absent is empty."""
        found = self._fields.get(name)
        if found is not None and not isinstance(found, list):
            raise NotUnderstood(f"{name} is no list")
        return found or []

    def part(self, name: str) -> "Inputs | None":
        """An object of its own; None where absent."""
        return inputs_of(self._fields[name], name) if self.has(name) else None


def inputs_of(found: object, name: str) -> Inputs:
    """An object within the inputs."""
    if not isinstance(found, dict):
        raise NotUnderstood(f"{name} is no object")
    return Inputs(found)


def decimal_of(found: object, name: str) -> Decimal:
    """One number, however it is written."""
    if isinstance(found, int | str | Decimal) and not isinstance(found, bool):
        try:
            number = Decimal(found)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite():
            return number
    raise NotUnderstood(f"{name} {found!r} is no number")


def day_from(text: object, name: str) -> int:
    """One ISO date as a day number."""
    try:
        return day_of(date.fromisoformat(str(text)))
    except ValueError:
        raise NotUnderstood(f"{name} {text!r} is no date") from None
