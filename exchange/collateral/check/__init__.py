"""
The checker: runs a file of cases with expected values against the model, field by field.

A file is one JSON object with `cases`, each with `id`, `group`, `inputs`, `expected` and perhaps
`tolerance`; its `params` state constants, which replace those of the parameters handed in. A
calculation per group turns a case's inputs into the model's, calls the model and names what came
out as the case does. Formulas of other houses, which stand beside ours for comparison only, live
here (`benchmarks`, `tails`) and not in the model: no mark, haircut or loan depends on them.

    cases ──▶ inputs ──▶ a calculation of the group ──▶ comparison ──▶ verdicts

A file that cannot be read as such is a `MalformedCases`; a case whose inputs are not understood
fails alone and says why. Nothing here opens a file: `exchange collateral check` does.
"""

from .cases import CaseFile, MalformedCases, decode_cases
from .comparison import Difference
from .groups import CALCULATIONS
from .verdicts import Verdict, check

__all__ = [
    "CALCULATIONS",
    "CaseFile",
    "Difference",
    "MalformedCases",
    "Verdict",
    "check",
    "decode_cases",
]
