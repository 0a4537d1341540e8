"""Liquidations over HTTP: a bank sells pledged days, anybody buys them."""

from exchange.domain.lot_wire import EnforcementRequest, LotPurchase, LotRequest, Lots, ModeWord
from exchange.domain.wire import Receipt

from .rest import HttpClient


class LiquidationClient(HttpClient):
    """
    Lots: pledged days in Dutch auctions, at prices in fen per GPU-hour that fall with the clock.

    A receipt's `created_id` of an offer is the lot's.
    """

    async def enforce_loan(
        self,
        loan_id: int,
        *,
        evidence_sha256: str,
        costs_amount: int = 0,
        command_id: str | None = None,
    ) -> Receipt:
        """The bank begins to sell the collateral of a loan in default; costs are paid first."""
        body = EnforcementRequest(costs_amount=costs_amount, evidence_sha256=evidence_sha256)
        return await self._post(f"/loans/{loan_id}/enforce", body, command_id)

    async def lots(self) -> Lots:
        """What is on offer now, and at which price."""
        return await self._get("/lots", Lots)

    async def offer_lot(
        self,
        *,
        pledge_id: int,
        start_day: int,
        end_day: int,
        lot_qty: int,
        start_price: int,
        floor_price: int,
        step_price: int = 0,
        step_minutes_count: int = 60,
        mode: ModeWord = "title",
        buyer_account_id: int = 0,
        command_id: str | None = None,
    ) -> Receipt:
        """
        Offers pledged days, or with `mode="sublet"` the use of near ones.

        With a buyer named it is a block to that account; a step of 0 is a fixed price.
        """
        body = LotRequest(
            pledge_id=pledge_id,
            mode=mode,
            start_day=start_day,
            end_day=end_day,
            lot_qty=lot_qty,
            start_price=start_price,
            floor_price=floor_price,
            step_price=step_price,
            step_minutes_count=step_minutes_count,
            buyer_account_id=buyer_account_id,
        )
        return await self._post("/lots", body, command_id)

    async def withdraw_lot(self, lot_id: int, command_id: str | None = None) -> Receipt:
        """The bank takes a lot off."""
        return await self._post(f"/lots/{lot_id}/withdraw", {}, command_id)

    async def buy_lot(
        self, lot_id: int, *, limit_price: int, command_id: str | None = None
    ) -> Receipt:
        """Buys a whole lot at its price of the moment, if that is no higher than the limit."""
        return await self._post(
            f"/lots/{lot_id}/buy", LotPurchase(limit_price=limit_price), command_id
        )
