"""How an exchange is served: what is not said follows from what is."""

from pathlib import Path

import pytest

from exchange.domain.units import NS_PER_MINUTE
from exchange.settings import Settings


@pytest.mark.parametrize(
    ("speed", "minutes_count"),
    [(1, 1), (240, 1), (241, 2), (600, 3), (14_400, 60), (120_000, 60)],
)
def test_marks_are_made_every_minute_of_market_time_as_long_as_the_wall_allows(
    speed, minutes_count
):
    settings = Settings(data_dir=Path("data"), speed=speed)
    assert settings.marking_cycle_ns == minutes_count * NS_PER_MINUTE


def test_who_asks_for_another_cycle_has_it():
    settings = Settings(data_dir=Path("data"), speed=600, marking_interval_ns=7)
    assert settings.marking_cycle_ns == 7
