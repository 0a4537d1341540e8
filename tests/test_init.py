"""`exchange init` reaches its end however often it is interrupted, and never makes two venues."""

from pathlib import Path

import pytest

from exchange import app
from exchange.app import init
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import start_ns
from exchange.log import LogError
from exchange.settings import VENUE_FILE, Settings
from tests.scenario import FIRST_DAY


async def make(data_dir: Path) -> dict[str, str]:
    """Runs `init`."""
    return await init(
        Settings(data_dir=data_dir), "test", is_always_open=True, market_ns=start_ns(FIRST_DAY)
    )


async def test_an_init_that_ended_before_the_log_uses_the_same_secrets_again(tmp_path, monkeypatch):
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(app, "open_log", dies)
        with pytest.raises(KeyboardInterrupt):
            await make(tmp_path)
    stored = app.read_credentials(tmp_path)
    assert await make(tmp_path) == stored
    assert (tmp_path / VENUE_FILE).exists()


async def test_an_init_that_ended_after_the_log_is_finished_and_appends_nothing(tmp_path):
    tokens = await make(tmp_path)
    (tmp_path / VENUE_FILE).unlink()
    assert await make(tmp_path) == tokens
    assert (tmp_path / VENUE_FILE).exists()


async def test_a_log_of_other_operators_is_never_taken_for_an_interrupted_init(tmp_path):
    await make(tmp_path)
    (tmp_path / VENUE_FILE).unlink()
    (tmp_path / "credentials.json").unlink()
    with pytest.raises(LogError) as refused:
        await make(tmp_path)
    assert refused.value.code == "log_exists"


async def test_a_venue_is_created_once(tmp_path):
    await make(tmp_path)
    with pytest.raises(app.StartRefused):
        await init(
            Settings(data_dir=tmp_path),
            "test",
            is_always_open=True,
            market_ns=start_ns(FIRST_DAY) + NS_PER_DAY,
        )
