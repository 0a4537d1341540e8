"""
Tools that only read, on a server that does not answer or holds something else under our name.

Each ends with the log's own error, whose exit code is not that of a difference found.
"""

from pathlib import Path

import pytest

from exchange.cli import app
from exchange.log import errors

from .processes import VenueProcess
from .test_start_refused import KEY, _change

NOBODY = ("--redis-url", "redis://engine@127.0.0.1:1")
TOOLS = (
    "log head",
    "log tail",
    "log show 1",
    "log diff 1 2",
    "log proof 1",
    "log export --to {new}",
    "log extract --bank bank --to {new}",
    "log archive --to {one} --to {other}",
    "log trim --before-seq 2 --archive {one} --archive {other}",
    "verify",
    "replay",
)


def run(tool: str, venue: VenueProcess, *options: str) -> None:
    """In this process; raises what the shell would end with."""
    places = {"one": venue.data_dir.with_name("one"), "other": venue.data_dir.with_name("other")}
    for place in places.values():
        place.mkdir(exist_ok=True)
    words = tool.format(**places, new=venue.data_dir.with_name("new")).split()
    app([*words, "--data", str(venue.data_dir), *options], standalone_mode=False)


def test_a_tool_says_that_nobody_answers_at_an_address(venue: VenueProcess) -> None:
    """It names the log and the address."""
    for tool in TOOLS:
        with pytest.raises(errors.ServerWentAway, match=r"127\.0\.0\.1:1"):
            run(tool, venue, *NOBODY)
    assert not Path(venue.data_dir.with_name("new")).exists()


def test_a_tool_says_that_the_key_holds_something_else_than_a_log(venue: VenueProcess) -> None:
    """The key is named, and left as it is."""
    _change(venue.data_dir, lambda client: (client.delete(KEY), client.set(KEY, "a cache")))
    for tool in TOOLS:
        with pytest.raises(errors.KeyForeign, match="nothing was changed") as found:
            run(tool, venue)
        assert KEY in str(found.value)
    held: list[bytes] = []
    _change(venue.data_dir, lambda client: held.append(client.get(KEY)))
    assert held == [b"a cache"]


def test_the_exit_code_is_not_that_of_a_difference(venue: VenueProcess) -> None:
    """An auditor's script must not take silence for a log that was changed."""
    found = venue.shell("verify", *NOBODY)
    assert found.exit_code == errors.ServerWentAway.exit_code
    assert "Traceback" not in found.stderr
    assert found.stderr.startswith("error: log_server_went_away")
