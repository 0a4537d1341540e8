"""
A hundred kills of the exchange, its log server, or both, under load.

Every acknowledged command is in the log once, and the same id sent again gets the same outcome. The
drive is that of `tests/e2e/test_kill.py`, which does a few of them in each run of the tests.
"""

import pytest

from tests.e2e import test_kill as drive


@pytest.mark.parametrize(
    ("kill", "cycles_count"),
    [(drive.exchange_dies, 100), (drive.log_server_dies, 20), (drive.both_die, 20)],
    ids=lambda value: getattr(value, "__name__", None),
)
async def test_every_command_happens_once_in_a_hundred_kills(
    venue, market, rng, often, done, kill, cycles_count
):
    if not often(0, 1):
        pytest.skip("a few of these are in tests/e2e/test_kill.py; run `make test-faults`")
    await drive.kill_under_load(venue, market, kill, cycles_count, rng, orders_count=120)
    done[f"kills under load, {kill.__name__}"] += cycles_count
