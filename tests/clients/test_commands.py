"""The shell's commands: all are there, and those that ask an exchange do not load one."""

import subprocess
import sys

from typer.testing import CliRunner

from exchange.cli import app

ROOMS = ("exchange.app", "exchange.log", "exchange.rules", "matching_core")
"""What only an exchange needs, and who reads its log."""


def test_help_lists_what_runs_an_exchange_beside_what_asks_one():
    told = CliRunner().invoke(app, ["--help"]).output
    for name in ("init", "serve", "verify", "log", "collateral", "order", "loans", "marks"):
        assert f"│ {name} " in told
    for name in ("amend", "mass-cancel", "trades", "fills", "admit", "halt", "claim", "cash"):
        assert f"│ {name} " in told
    assert "recompute" in CliRunner().invoke(app, ["marks", "--help"]).output


def test_what_asks_an_exchange_does_not_load_one():
    asked = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from exchange.cli import app\n"
        "done = CliRunner().invoke(app, sys.argv[1:])\n"
        "assert done.exit_code == 0, done.output\n"
        f"print(*sorted(set(sys.modules) & set({ROOMS!r})))\n"
    )

    def loaded(*words):
        done = subprocess.run(
            [sys.executable, "-c", asked, *words], capture_output=True, text=True, check=True
        )
        return tuple(done.stdout.split())

    assert loaded("order", "--help") == ()
    assert loaded("supplier", "suspend", "--help") == ()
    assert loaded("marks", "explain", "--help") == ()
    assert loaded("serve", "--help") == ROOMS


def test_a_window_that_is_none_is_wrong_usage_wherever_one_is_named():
    """Told before anything is asked of an exchange: here nobody answers at all."""
    key = ["--url", "http://127.0.0.1:1", "--token-file", "/dev/null"]
    for words in (
        ["capacity", "submit", "A100", "nonsense", "5"],
        ["pledge", "request", "A100", "nonsense", "5", "5"],
    ):
        done = CliRunner().invoke(app, [*words, *key])
        assert done.exit_code == 2, done.output
        assert "'nonsense' is none of D, M, Q, Y, S, B, X" in done.output
