"""
The shell's half for loans: apply, offer, decline, draw, repay, add-collateral, substitute.

    exchange loan apply BANK PRINCIPAL MATURITY PRODUCT:WINDOW:GPUS …

Amounts are fen; collateral is named by product, window code and GPUs, as A100.SG1:M2703:8.
"""

from datetime import date
from typing import Annotated

import typer

from clients.sdk import SyncExchangeClient
from exchange.domain.lending_wire import CollateralBody
from exchange.domain.windows import day_of

from .shell import Answer, asks, told, window_of_code

commands = typer.Typer()
loan_commands = typer.Typer(no_args_is_help=True)
commands.add_typer(loan_commands, name="loan", help="Borrow and lend on unit-days.")

Offered = Annotated[str, typer.Argument(help="PRODUCT:WINDOW:GPUS, as A100.SG1:M2703:8.")]


def _body(word: str) -> CollateralBody:
    """The collateral that a word names."""
    product, _, rest = word.partition(":")
    code, _, qty = rest.rpartition(":")
    if not product or not qty.isdecimal():
        raise typer.BadParameter(f"{word!r} is not PRODUCT:WINDOW:GPUS")
    window = window_of_code(code)
    return CollateralBody(
        product=product,
        start_day=window.start_day,
        end_day=window.end_day,
        pledged_qty=int(qty),
    )


def _day(word: str) -> int:
    try:
        return day_of(date.fromisoformat(word))
    except ValueError as error:
        raise typer.BadParameter(f"{word!r} is no date like 2027-03-31") from error


@loan_commands.command("apply")
@asks("trader")
def loan_apply(
    exchange: SyncExchangeClient,
    bank_account_id: int,
    principal_amount: int,
    maturity: Annotated[str, typer.Argument(help="The date on which it is due at 16:00.")],
    collateral: Annotated[list[str], typer.Argument(help="PRODUCT:WINDOW:GPUS, one or more.")],
) -> Answer:
    """Ask a bank for a loan on unit-days."""
    bodies, maturity_day = [_body(word) for word in collateral], _day(maturity)
    receipt = exchange.apply_for_loan(
        bank_account_id=bank_account_id,
        principal_amount=principal_amount,
        maturity_day=maturity_day,
        collateral=bodies,
    )
    return told(receipt, f"loan {receipt.created_id} is applied for")


@loan_commands.command("offer")
@asks("bank")
def loan_offer(
    exchange: SyncExchangeClient, loan_id: int, principal_amount: int, interest_ppm: int
) -> Answer:
    """Give firm terms; the principal is held."""
    receipt = exchange.offer_loan(
        loan_id, principal_amount=principal_amount, interest_ppm=interest_ppm
    )
    return told(receipt, f"loan {loan_id} is approved")


@loan_commands.command("decline")
@asks("bank")
def loan_decline(exchange: SyncExchangeClient, loan_id: int) -> Answer:
    """Decline as the bank, or withdraw as the borrower, what is not drawn."""
    receipt = exchange.decline_loan(loan_id)
    return told(receipt, f"loan {loan_id} is over")


@loan_commands.command("draw")
@asks("trader")
def loan_draw(exchange: SyncExchangeClient, loan_id: int) -> Answer:
    """Take the terms: liens on, principal paid."""
    receipt = exchange.draw_loan(loan_id)
    return told(receipt, f"loan {loan_id} is drawn")


@loan_commands.command("repay")
@asks("trader")
def loan_repay(exchange: SyncExchangeClient, loan_id: int, repaid_amount: int) -> Answer:
    """Pay on a loan: interest first, at most what is owed."""
    receipt = exchange.repay_loan(loan_id, repaid_amount)
    return told(receipt, f"loan {loan_id} is paid on")


@loan_commands.command("add-collateral")
@asks("trader")
def loan_add_collateral(exchange: SyncExchangeClient, loan_id: int, collateral: Offered) -> Answer:
    """Put up more unit-days."""
    body = _body(collateral)
    receipt = exchange.add_collateral(
        loan_id,
        product=body.product,
        start_day=body.start_day,
        end_day=body.end_day,
        pledged_qty=body.pledged_qty,
    )
    return told(receipt, f"pledge {receipt.created_id} is added")


@loan_commands.command("substitute")
@asks("trader")
def loan_substitute(exchange: SyncExchangeClient, pledge_id: int, collateral: Offered) -> Answer:
    """Put up other unit-days for a whole pledge."""
    body = _body(collateral)
    receipt = exchange.substitute_collateral(
        pledge_id,
        product=body.product,
        start_day=body.start_day,
        end_day=body.end_day,
        pledged_qty=body.pledged_qty,
    )
    return told(receipt, f"pledge {receipt.created_id} stands for pledge {pledge_id}")
