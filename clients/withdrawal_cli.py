"""The shell's commands about cash that its holder wants paid out."""

import typer

from clients.sdk import SyncExchangeClient

from .shell import Answer, asks, money, table, told

withdrawal_commands = typer.Typer(no_args_is_help=True)


@withdrawal_commands.command()
@asks("trader")
def request(exchange: SyncExchangeClient, withdrawal_amount: int, currency: str = "CNY") -> Answer:
    """Ask for available cash, in fen; it is set aside until an operator books or declines it."""
    receipt = exchange.supply(
        "withdrawals",
        "request_withdrawal",
        withdrawal_amount=withdrawal_amount,
        currency=currency,
    )
    return told(receipt, f"withdrawal {receipt.created_id} of {money(withdrawal_amount)} waits")


@withdrawal_commands.command()
@asks("trader")
def decline(exchange: SyncExchangeClient, withdrawal_id: int) -> Answer:
    """Take a request back, or as an operator decline it."""
    receipt = exchange.supply("withdrawals", "decline_withdrawal", withdrawal_id=withdrawal_id)
    return told(receipt, f"withdrawal {withdrawal_id} is declined")


@withdrawal_commands.command()
@asks("operator")
def book(
    exchange: SyncExchangeClient,
    withdrawal_id: int,
    account_id: int,
    withdrawal_amount: int,
    external_reference: str,
    currency: str = "CNY",
) -> Answer:
    """Book what the venue's bank has paid, by restating whose cash and how much."""
    receipt = exchange.admin(
        "withdraw_cash",
        withdrawal_id=withdrawal_id,
        account_id=account_id,
        withdrawal_amount=withdrawal_amount,
        external_reference=external_reference,
        currency=currency,
    )
    return told(receipt, f"withdrawal {withdrawal_id} is booked")


@withdrawal_commands.command("list")
@asks("trader")
def list_withdrawals(exchange: SyncExchangeClient) -> Answer:
    """Print what is asked for and not paid: one's own, or as an operator all."""
    found = exchange.withdrawals()
    shown = table("withdrawals", "withdrawal", "account", "amount", "currency")
    for one in found:
        row = (str(one.withdrawal_id), str(one.account_id), money(one.withdrawal_amount))
        shown.add_row(*row, one.currency)
    return found, shown
