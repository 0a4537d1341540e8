"""`exchange init` reaches its end however often it is interrupted, and never makes two venues."""

from pathlib import Path

import pytest

from exchange import app
from exchange.app import init
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import start_ns
from exchange.log import Appender, LogError
from exchange.log.errors import LogExists, ReplicasShort, WrongVenue
from exchange.log.signing import HEAD_KEY_FILE
from exchange.settings import VENUE_FILE, Settings
from tests.log.conftest import data_dir, server
from tests.scenario import FIRST_DAY

__all__ = ["data_dir", "server"]


async def make(data_dir: Path) -> dict[str, str]:
    """Runs `init`."""
    return await init(
        Settings(data_dir=data_dir), "test", is_always_open=True, market_ns=start_ns(FIRST_DAY)
    )


async def test_an_init_that_ended_before_the_genesis_uses_the_same_secrets_again(
    tmp_path, monkeypatch
):
    async def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Appender, "append", dies)
        with pytest.raises(KeyboardInterrupt):
            await make(tmp_path)
    stored = app.read_credentials(tmp_path)
    key = (tmp_path / HEAD_KEY_FILE).read_bytes()
    assert await make(tmp_path) == stored
    assert (tmp_path / HEAD_KEY_FILE).read_bytes() == key
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


async def test_an_init_that_the_log_refuses_leaves_no_secrets_behind(server, tmp_path):
    """Tokens of a venue that there is not would pass for those of the one that was meant."""
    url = f"unix://engine@{server.address.unix_path}"

    async def begin(name: str, venue_id: str, *replicas: str) -> None:
        settings = Settings(data_dir=tmp_path / name, redis_url=url, replicas=replicas)
        await init(settings, venue_id, is_always_open=True, market_ns=start_ns(FIRST_DAY))

    with pytest.raises(ReplicasShort):
        await begin("stranger", "test", "127.0.0.1:1")
    await begin("first", "test")
    with pytest.raises(WrongVenue, match=r"found 'test', wanted 'other'.*--redis-url"):
        await begin("stranger", "other")
    with pytest.raises(LogExists):
        await begin("stranger", "test")
    assert [path.name for path in (tmp_path / "stranger").iterdir()] == ["SERVE"]
