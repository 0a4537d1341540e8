"""One venue is made for the session; every test gets a stopped copy of its directory."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .processes import VenueProcess, shell
from .venue import Market, set_up

Prepared = tuple[Path, Market]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A venue's directory after its set-up, stopped in order, and what it lists."""
    data_dir = tmp_path_factory.mktemp("prepared") / "venue"
    created = shell(
        "init", "--data", data_dir, "--venue-id", "e2e", "--always-open", "--burn-in-hours", "0"
    )
    assert created.exit_code == 0, created
    venue = VenueProcess(data_dir)
    try:
        venue.start()
        market = asyncio.run(set_up(venue))
        assert venue.stop() == 0, venue.stderr()
    finally:
        venue.clean_up()
    return data_dir, market


@pytest.fixture
def market(prepared: Prepared) -> Market:
    """What the venue lists."""
    return prepared[1]


@pytest.fixture
def venues(tmp_path: Path) -> Iterator[Callable[[Path | None], VenueProcess]]:
    """Makes venues on copies of a directory, or on none; ends all their processes in the end."""
    made: list[VenueProcess] = []

    def make(source: Path | None) -> VenueProcess:
        data_dir = tmp_path / f"venue{len(made)}"
        if source is not None:
            shutil.copytree(source, data_dir, ignore=shutil.ignore_patterns("sock"))
        made.append(VenueProcess(data_dir))
        return made[-1]

    yield make
    for venue in made:
        venue.clean_up()


@pytest.fixture
def venue(prepared: Prepared, venues: Callable[[Path | None], VenueProcess]) -> VenueProcess:
    """The prepared venue, not yet serving."""
    return venues(prepared[0])
