"""
The files that `exchange init` records as the log's first command: fees and risk parameters.

They are proposals. Once recorded, the log is what counts, and later versions are commands.
"""

from importlib.resources import files

import msgspec
from msgspec import Struct

from exchange.domain.risk_parameters import RiskParameters, risk_parameters_from


class FeeSchedule(Struct, frozen=True, forbid_unknown_fields=True):
    """Rates in basis points of the notional, rounded up when charged."""

    maker_bps: int
    taker_bps: int


def fee_schedule() -> FeeSchedule:
    """The first fee schedule."""
    return msgspec.json.decode(_read("fee_schedule.json"), type=FeeSchedule)


def risk_parameters() -> RiskParameters:
    """The first risk parameters of the collateral model."""
    return risk_parameters_from(msgspec.json.decode(_read("risk_parameters.json")))


def _read(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()
