"""A start after a pause: nobody trades at a time that is long past."""

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange import app
from exchange.domain.reasons import Reason
from exchange.domain.units import NS_PER_SECOND
from exchange.settings import Settings

from .processes import VenueProcess, free_port, wait_until

PAUSE_HOURS = 30 * 24
"""A marking cycle each; above a day it needs the operator's word."""
PAUSE_NS = PAUSE_HOURS * 3_600 * NS_PER_SECOND
SERVE = ("serve", "--allow-clock-jump", "--http-port")


@pytest.fixture
def paused(tmp_path: Path) -> Iterator[VenueProcess]:
    """A venue whose market last moved a month ago."""
    settings = Settings(data_dir=tmp_path / "venue")
    began_ns = time.time_ns() - PAUSE_NS
    asyncio.run(app.init(settings, "paused", is_always_open=True, market_ns=began_ns))
    venue = VenueProcess(settings.data_dir)
    yield venue
    venue.clean_up()


def said(port: int, path: str) -> Any:
    """The status and JSON that the port answers with; None while nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as answer:
        return answer.code, json.load(answer)
    except OSError:
        return None


def test_nobody_is_served_before_market_time_has_caught_up(paused: VenueProcess) -> None:
    """Until then the port says so; the first answer after that is of now."""
    port = free_port()
    paused.launch(*SERVE, port)
    status, health = wait_until(lambda: said(port, "/health/ready"), "nobody says anything")
    assert (status, health["detail"]) == (503, "market time catches up")
    status, refusal = said(port, "/v1/products")
    assert (status, refusal["code"]) == (503, Reason.NOT_LEADER)
    status, health = wait_until(lambda: is_ready(said(port, "/health/ready")), "it is not ready")
    assert health["market_ns"] > time.time_ns() - 15 * NS_PER_SECOND
    assert health["log_seq"] > PAUSE_HOURS, "every cycle has its own record"
    assert paused.stop() == 0, paused.stderr()
    paused.verify()


def is_ready(answer: Any) -> Any:
    """The answer, once it is that of an exchange that trades."""
    return answer if answer is not None and answer[0] == 200 else None


def test_an_exchange_that_is_stopped_while_it_catches_up_goes_on_later(
    paused: VenueProcess,
) -> None:
    """A signal ends it in order, with what it has recorded so far."""
    port = free_port()
    paused.launch(*SERVE, port)
    wait_until(lambda: said(port, "/health/ready"), "nobody says anything")
    assert paused.stop() == 0, paused.stderr()
    assert "Traceback" not in paused.stderr()
    paused.verify()
    paused.start("--allow-clock-jump")
    assert said(int(paused.url.rpartition(":")[2]), "/health/ready")[0] == 200
