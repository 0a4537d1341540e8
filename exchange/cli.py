"""
The shell: `exchange init | serve | demo | log | replay | verify`, and all of `clients`.

What asks an exchange does not load one: whoever types an order need not wait for rules and log to
be imported. Exit codes: 0 done; 1 a difference or a market refusal; 2 wrong usage or no venue;
3 unauthorized; 4 unavailable; 5 protocol; 6 start refused; 7 a newer build's record; 8 a rule
raised half way; 9 marks unproved; 10 a file or an address is out of reach; from 20 on the log's own
(`exchange.log.errors`).
"""

import logging
import sys
from importlib import import_module
from typing import Any

import structlog
import typer
from typer.core import TyperGroup
from typer.main import get_group

from clients import (
    desk_cli,
    index_prices_cli,
    lending_cli,
    marks_cli,
    operator_cli,
    reference_cli,
)
from clients.account_cli import account_commands
from clients.bank_cli import bank_commands
from clients.cli import commands
from clients.delivery_cli import (
    bond_commands,
    capacity_commands,
    claim_commands,
    delivery_commands,
)
from clients.errors import ExchangeError
from clients.lot_cli import lot_commands
from clients.shell import exit_code_of
from clients.sublet_cli import sublet_commands
from clients.substitution_cli import substitution_commands
from clients.withdrawal_cli import withdrawal_commands


def completed_by(module: str) -> type[TyperGroup]:
    """A group that has the `commands` of a module too, which is loaded when one is asked for."""

    class Completed(TyperGroup):
        """Its own commands first: those are loaded."""

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """By name; None where neither half has it."""
            return self.commands.get(cmd_name) or self._others().get(cmd_name)

        def list_commands(self, ctx: Any) -> list[str]:
            """The module's first."""
            return [*self._others(), *self.commands]

        @staticmethod
        def _others() -> dict[str, Any]:
            return dict(get_group(import_module(module).commands).commands)

    return Completed


app = typer.Typer(
    cls=completed_by("exchange.venue_cli"),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(commands)
app.add_typer(reference_cli.commands)
app.add_typer(operator_cli.commands)
app.add_typer(account_commands)
app.add_typer(bank_commands)
app.add_typer(sublet_commands, name="sublet", help="Let the use of days, take and end it.")
app.add_typer(substitution_commands, name="substitution", help="Other days, with consent.")
app.add_typer(withdrawal_commands, name="withdrawal", help="Cash to be paid out.")
app.add_typer(desk_cli.commands)
app.add_typer(lending_cli.commands)
app.add_typer(lot_commands, name="lot", help="Sell and buy what secured loans in default.")
app.add_typer(capacity_commands, name="capacity", help="Bring hardware to title.")
app.add_typer(delivery_commands, name="delivery", help="Read, report, attest, dispute days.")
app.add_typer(bond_commands, name="bond", help="Cash against what may not be delivered.")
app.add_typer(claim_commands, name="claim", help="Damages that a bond did not cover.")
app.add_typer(marks_cli.commands, name="marks", cls=completed_by("exchange.marks_cli"))
app.add_typer(index_prices_cli.commands, name="index-prices")


STARTING = frozenset({"init", "serve", "demo"})
"""What starts an exchange; all else asks or reads."""


def main() -> None:
    """The console script."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    try:
        app()
    except ExchangeError as error:
        _fail(str(error), exit_code_of(error))
    except Exception as error:
        _fail(*_stated(error))


def _stated(error: Exception) -> tuple[str, int]:
    """What an error with an exit code of its own says to do, and that code; raises any other."""
    exit_code = getattr(error, "exit_code", None)
    if isinstance(exit_code, int):
        return "; besides, ".join([str(error), *getattr(error, "__notes__", ())]), exit_code
    if isinstance(error, OSError):
        words = str(error) or type(error).__name__
        is_start = STARTING.intersection(sys.argv[1:2])
        return (f"{words}; nothing was started", 6) if is_start else (words, 10)
    raise error


def _fail(message: str, exit_code: int) -> None:
    typer.echo(f"error: {message}", err=True)
    sys.exit(exit_code)


if __name__ == "__main__":
    main()
