"""
Faults on real servers and real files: a handful in `make test`, many by `make test-faults`.

    pytest tests/faults --long [--seed N]       ends with a table of what was done, and the seed

A test draws all its chances from `rng`, whose seed is printed when it fails.
"""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

# The venue's fixtures serve here too.
from tests.e2e.conftest import market, prepared, venue, venues  # noqa: F401
from tests.log.conftest import data_dir, server  # noqa: F401

from .faulty_disk import FaultyDisk, compile_library

_DONE = pytest.StashKey[Counter]()
_SEED = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Known where this directory is named on the command line."""
    parser.addoption("--long", action="store_true", help="hundreds of faults instead of a few")
    parser.addoption("--seed", type=int, default=None, help="of a run that is to be repeated")


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    """Of all chances in this run."""
    given = pytestconfig.getoption("--seed", None)
    drawn = random.SystemRandom().randrange(2**32) if given is None else given
    pytestconfig.stash[_SEED] = drawn
    return drawn


@pytest.fixture
def rng(request: pytest.FixtureRequest, seed: int) -> random.Random:
    """This test's chances: the same whichever tests run beside it."""
    print(f"seed {seed}")
    return random.Random(f"{seed} {request.node.nodeid}")


@pytest.fixture(scope="session")
def often(pytestconfig: pytest.Config) -> Callable[[int, int], int]:
    """`often(few, many)`: how many times in this run."""
    is_long = pytestconfig.getoption("--long", False)
    return lambda few, many: many if is_long else few


@pytest.fixture
def done(pytestconfig: pytest.Config) -> Counter:
    """What was done, for the table at the end of a long run."""
    return pytestconfig.stash.setdefault(_DONE, Counter())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """The table for `load_tests/README.md`."""
    if not config.getoption("--long", False):
        return
    at, seed = datetime.now(UTC).date(), config.stash.get(_SEED, None)
    terminalreporter.write_line(f"faults, {at}, seed {seed}")
    for what, count in sorted(config.stash.get(_DONE, Counter()).items()):
        terminalreporter.write_line(f"| {what} | {count} |")


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faulty disk, compiled; skips where there is no compiler."""
    return compile_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def disk(
    library: Path,
    data_dir: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> FaultyDisk:
    """A faulty disk under `data_dir`, for every server that the test starts."""
    disk = FaultyDisk(library, data_dir, tmp_path / "disk")
    disk.install(monkeypatch)
    return disk
