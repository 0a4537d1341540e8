"""The OTC desk over HTTP: requests and quotes, blocks, and what is wrong with a trade."""

from collections.abc import Iterable, Mapping

from exchange.domain.desk_wire import (
    AllocationPart,
    AllocationRequest,
    BlockView,
    BothSidesWord,
    CorrectionView,
    Desk,
    DeskTrades,
    DisputeRequest,
    QuoteRequestView,
    QuoteView,
    TradeSourceWord,
)
from exchange.domain.wire import Receipt, SideWord

from .rest import HttpClient


class DeskClient(HttpClient):
    """
    What an account does at the desk; a receipt's `created_id` names what was made.

    Prices are fen per GPU-hour; a window is any span of delivery days, `[start_day, end_day)`.
    """

    # -- what is there ----------------------------------------------------------------------------

    async def desk(self) -> Desk:
        """All of the desk that the account may see; an operator sees everything."""
        return await self._get("/desk", Desk)

    async def quote_requests(self) -> list[QuoteRequestView]:
        """Own requests with their quotes, and those one is asked in with one's own quotes."""
        return await self._get("/rfqs", list[QuoteRequestView])

    async def quotes(self) -> list[QuoteView]:
        """Own quotes, and those to own requests."""
        return await self._get("/quotes", list[QuoteView])

    async def blocks(self) -> list[BlockView]:
        """Blocks that the account is a side of."""
        return await self._get("/blocks", list[BlockView])

    async def corrections(self) -> list[CorrectionView]:
        """Busts and corrections of own trades; for an operator all."""
        return await self._get("/corrections", list[CorrectionView])

    async def desk_trades(self, product: str | None = None, limit: int = 100) -> DeskTrades:
        """What the public may see of the desk's trades, the latest last."""
        named = {} if product is None else {"product": product}
        return await self._get("/desk_trades", DeskTrades, {"limit": limit, **named})

    # -- requests for quote -----------------------------------------------------------------------

    async def request_quote(
        self,
        *,
        product: str,
        start_day: int,
        end_day: int,
        request_qty: int,
        side: BothSidesWord = "both",
        dealer_account_ids: Iterable[int] = (),
        lifetime_s: int = 1_800,
        command_id: str | None = None,
    ) -> Receipt:
        """Asks dealers, or all where none is named, for firm quotes."""
        body = {
            "product": product,
            "start_day": start_day,
            "end_day": end_day,
            "request_qty": request_qty,
            "side": side,
            "dealer_account_ids": list(dealer_account_ids),
            "lifetime_s": lifetime_s,
        }
        return await self._post("/rfqs", body, command_id)

    async def submit_quote(
        self,
        quote_request_id: int,
        quote_price: int,
        *,
        side: SideWord | None = None,
        lifetime_s: int = 300,
        command_id: str | None = None,
    ) -> Receipt:
        """A firm quote: what it needs is held. `side` only where both sides are asked for."""
        body = {"quote_price": quote_price, "side": side, "lifetime_s": lifetime_s}
        return await self._post(f"/rfqs/{quote_request_id}/quotes", body, command_id)

    async def accept_quote(self, quote_id: int, command_id: str | None = None) -> Receipt:
        """Deals: the receipt names the trade, which is paid."""
        return await self._post(f"/quotes/{quote_id}/accept", {}, command_id)

    async def withdraw_quote(self, quote_id: int, command_id: str | None = None) -> Receipt:
        """Takes an own quote back."""
        return await self._post(f"/quotes/{quote_id}/withdraw", {}, command_id)

    async def withdraw_quote_request(
        self, quote_request_id: int, command_id: str | None = None
    ) -> Receipt:
        """Ends an own request and the quotes to it."""
        return await self._post(f"/rfqs/{quote_request_id}/withdraw", {}, command_id)

    # -- blocks -----------------------------------------------------------------------------------

    async def propose_block(
        self,
        *,
        counterparty_account_id: int,
        product: str,
        start_day: int,
        end_day: int,
        side: SideWord,
        block_qty: int,
        block_price: int,
        command_id: str | None = None,
    ) -> Receipt:
        """Alleges a negotiated trade; the other side has fifteen minutes to confirm it."""
        body = {
            "counterparty_account_id": counterparty_account_id,
            "product": product,
            "start_day": start_day,
            "end_day": end_day,
            "side": side,
            "block_qty": block_qty,
            "block_price": block_price,
        }
        return await self._post("/blocks", body, command_id)

    async def confirm_block(self, block_id: int, command_id: str | None = None) -> Receipt:
        """Agrees: the receipt names the trade, which is paid."""
        return await self._post(f"/blocks/{block_id}/confirm", {}, command_id)

    async def decline_block(self, block_id: int, command_id: str | None = None) -> Receipt:
        """Ends an alleged block, from either side."""
        return await self._post(f"/blocks/{block_id}/decline", {}, command_id)

    async def allocate_block(
        self, block_id: int, allocated_qty: Mapping[int, int], command_id: str | None = None
    ) -> Receipt:
        """Spreads a bought block over accounts of the own party, as GPUs by account."""
        parts = [AllocationPart(account_id=a, allocated_qty=q) for a, q in allocated_qty.items()]
        body = AllocationRequest(allocations=parts)
        return await self._post(f"/blocks/{block_id}/allocate", body, command_id)

    # -- what is wrong with a trade ---------------------------------------------------------------

    async def request_bust(
        self,
        trade_id: int,
        note: str,
        command_id: str | None = None,
        *,
        source: TradeSourceWord = "desk",
    ) -> Receipt:
        """Wants a trade of the desk or of a book undone, within ten minutes; operators decide."""
        body = DisputeRequest(note=note)
        return await self._post(f"/{source}_trades/{trade_id}/dispute", body, command_id)

    async def request_correction(
        self,
        trade_id: int,
        corrected_price: int,
        note: str,
        command_id: str | None = None,
        *,
        source: TradeSourceWord = "desk",
    ) -> Receipt:
        """Wants a trade at another price, within ten minutes; operators decide."""
        body = DisputeRequest(note=note, corrected_price=corrected_price)
        return await self._post(f"/{source}_trades/{trade_id}/dispute", body, command_id)
