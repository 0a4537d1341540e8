"""Runs cases, one by one, and says of each whether the model answers as expected."""

from collections.abc import Iterator

from msgspec import Struct

from exchange.collateral.check.cases import Case, CaseFile, MalformedCases
from exchange.collateral.check.comparison import Difference, differences
from exchange.collateral.check.groups import CALCULATIONS
from exchange.collateral.check.inputs import Inputs, NotUnderstood
from exchange.collateral.check.stated_parameters import with_stated
from exchange.collateral.rounding import in_model_context
from exchange.domain.risk_parameters import RiskParameters


class Verdict(Struct, frozen=True, kw_only=True):
    """One case; it passed if nothing differs."""

    id: str
    group: str
    description: str
    differences: tuple[Difference, ...]


def check(file: CaseFile, parameters: RiskParameters) -> Iterator[Verdict]:
    """
    A verdict for each case in the order of the file, computed as it is asked for.

    An unknown group is a `MalformedCases`, raised before the first case runs.
    """
    for case in file.cases:
        if case.group not in CALCULATIONS:
            known = " ".join(CALCULATIONS)
            raise MalformedCases(
                f"unknown_group: case {case.id} is of group {case.group!r}; known are {known}"
            )
    stated = with_stated(file.params, parameters)
    return (_verdict(case, stated) for case in file.cases)


@in_model_context
def _verdict(case: Case, parameters: RiskParameters) -> Verdict:
    try:
        answers = CALCULATIONS[case.group](Inputs(case.inputs), parameters)
        found = differences(case.expected, answers, case.tolerance)
    except (NotUnderstood, ArithmeticError, AssertionError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}"
        found = (Difference(field="inputs", expected="an answer", computed=reason),)
    return Verdict(id=case.id, group=case.group, description=case.description, differences=found)
