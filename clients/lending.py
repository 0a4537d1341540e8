"""Loans over HTTP: what borrowers and banks do about them."""

from collections.abc import Iterable

from exchange.domain.lending_wire import (
    CollateralBody,
    LoanRequest,
    LoanTerms,
    ReleaseRequest,
    RepaymentRequest,
)
from exchange.domain.wire import Receipt

from .rest import HttpClient


class LendingClient(HttpClient):
    """
    A loan from the application to its last fen.

    Amounts are fen; interest is ppm a year of 360 days; a receipt's `created_id` names the loan, or
    the pledge that was added.
    """

    async def apply_for_loan(
        self,
        *,
        bank_account_id: int,
        principal_amount: int,
        maturity_day: int,
        collateral: Iterable[CollateralBody],
        command_id: str | None = None,
    ) -> Receipt:
        """Asks a bank for a loan on unit-days; the bank has until 16:00 of the next trading day."""
        body = LoanRequest(
            bank_account_id=bank_account_id,
            principal_amount=principal_amount,
            maturity_day=maturity_day,
            collateral=list(collateral),
        )
        return await self._post("/loans", body, command_id)

    async def offer_loan(
        self,
        loan_id: int,
        *,
        principal_amount: int,
        interest_ppm: int,
        command_id: str | None = None,
    ) -> Receipt:
        """The bank's firm terms: it holds the principal until they are taken or lapse."""
        body = LoanTerms(principal_amount=principal_amount, interest_ppm=interest_ppm)
        return await self._post(f"/loans/{loan_id}/offer", body, command_id)

    async def decline_loan(self, loan_id: int, command_id: str | None = None) -> Receipt:
        """The bank declines, or the borrower withdraws, what is not drawn."""
        return await self._post(f"/loans/{loan_id}/decline", {}, command_id)

    async def draw_loan(self, loan_id: int, command_id: str | None = None) -> Receipt:
        """Takes the terms: the liens go on and the principal is paid."""
        return await self._post(f"/loans/{loan_id}/draw", {}, command_id)

    async def repay_loan(
        self, loan_id: int, repaid_amount: int, command_id: str | None = None
    ) -> Receipt:
        """Interest first, then principal; at most what is owed is taken."""
        body = RepaymentRequest(repaid_amount=repaid_amount)
        return await self._post(f"/loans/{loan_id}/repay", body, command_id)

    async def add_collateral(
        self,
        loan_id: int,
        *,
        product: str,
        start_day: int,
        end_day: int,
        pledged_qty: int,
        command_id: str | None = None,
    ) -> Receipt:
        """More unit-days for a drawn loan, under lien at once."""
        body = CollateralBody(
            product=product, start_day=start_day, end_day=end_day, pledged_qty=pledged_qty
        )
        return await self._post(f"/loans/{loan_id}/collateral", body, command_id)

    async def substitute_collateral(
        self,
        pledge_id: int,
        *,
        product: str,
        start_day: int,
        end_day: int,
        pledged_qty: int,
        command_id: str | None = None,
    ) -> Receipt:
        """Other unit-days for a whole pledge, where they cover the loan."""
        body = CollateralBody(
            product=product, start_day=start_day, end_day=end_day, pledged_qty=pledged_qty
        )
        return await self._post(f"/pledges/{pledge_id}/substitute", body, command_id)

    async def release_pledge(
        self, pledge_id: int, released_qty: int = 0, command_id: str | None = None
    ) -> Receipt:
        """The bank lifts its lien from so many GPUs, or from all, if the loan is covered then."""
        body = ReleaseRequest(released_qty=released_qty)
        return await self._post(f"/pledges/{pledge_id}/release", body, command_id)
