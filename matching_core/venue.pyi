"""The matching core as Python sees it; every number is a plain integer."""

from typing import Literal, TypeAlias, final

from .errors import CoreError as CoreError

_DayFunction: TypeAlias = Literal[
    "title", "lien", "sublet_out", "sublet_in", "reserved_sale", "reserved_sublet"
]

__all__ = ["AUCTION_NS", "CoreError", "Venue"]

AUCTION_NS: int
"""How long a book's own auction collects."""

@final
class Venue:
    """
    Books, holdings and cash of one venue, and the order path over them.

    Commands answer 0 or the code of a refusal, after which `refusal` has its value, limit and day
    and nothing has changed. Everything else raises `CoreError` on what cannot be: an unknown
    account, an id used twice, a number out of its bounds. Days are half-open spans of day numbers.
    """

    base_day: int
    next_trade_id: int
    max_open_orders: int
    trades: list[tuple[int, int, int, int, int]]
    """What `take_trades` would give, still to be taken."""

    def __init__(
        self, base_day: int, prefixes: dict[str, bytes], max_open_orders: int = 1000
    ) -> None:
        """`prefixes` holds, by event tag, the constant bytes with which each event begins."""

    @staticmethod
    def restore(data: bytes, prefixes: dict[str, bytes], max_open_orders: int = 1000) -> Venue:
        """
        The venue whose `snapshot` these bytes are; it acts as that one would.

        `CoreError` on any other bytes, and where the days of all holdings would take more than
        4 GiB: 24 bytes each, from the base day to the last one granted.
        """

    # -- reference data

    def add_account(self, account_id: int) -> None:
        """Opens an account; ids are dense, and 0, the venue's own, exists from the start."""

    def join_party(self, account_id: int, affiliate_id: int) -> None:
        """Two accounts are under the same control, with all that either is affiliated to."""

    def add_product(
        self,
        product_id: int,
        supplier_account_id: int,
        lot_qty: int,
        maker_bps: int,
        taker_bps: int,
    ) -> None:
        """Defines a product; its supplier is the first of its house."""

    def add_to_house(self, product_id: int, account_id: int) -> None:
        """Counts an account as the supplier, while it holds nothing of the product."""

    def add_instrument(
        self,
        instrument_id: int,
        product_id: int,
        start_day: int,
        end_day: int,
        is_resting_allowed: bool,
        gate_closure_ns: int = 2**63 - 1,
        is_sublet: bool = False,
    ) -> None:
        """
        Opens a delivery window of up to 366 days for trading, until its gate closes.

        With `is_sublet` what trades is the use of the days: a trade leaves the title where it is,
        the rent goes in trust, and accounts of one party do not meet.
        """

    def move_gate(self, instrument_id: int, gate_closure_ns: int) -> None:
        """Orders are refused from another moment on, market time."""

    def close_instrument(self, instrument_id: int) -> None:
        """Refuses orders from now on; `CoreError` while any is open."""

    # -- when a book may trade; session states are those of FIX tag 625, see `types.pxd`

    def set_clock(self, market_ns: int, is_catching_up: bool) -> None:
        """Market time moves on; while it catches up, orders are refused."""

    def set_session(self, session_state: int) -> None:
        """The venue's session state; auctions of single books end with a change."""

    def halt(self, instrument_id: int) -> None:
        """Stops a book: it takes no orders, and what it collected does not uncross."""

    def resume(self, instrument_id: int) -> None:
        """Lifts a halt."""

    def start_auction(
        self, instrument_id: int, end_ns: int, reference_price: int, trigger_price: int
    ) -> None:
        """Takes in one `AuctionStarted`: the book collects until the auction ends."""

    def end_auction(self, instrument_id: int) -> None:
        """Takes in one `AuctionEnded`; a crossed book uncrosses before it trades on."""

    def set_bands(
        self,
        instrument_id: int,
        settlement_price: int,
        low_limit_price: int,
        high_limit_price: int,
        dynamic_bps: int,
    ) -> None:
        """A settlement price and the bands around it."""

    def set_rent_floor(self, instrument_id: int, rent_floor_price: int) -> None:
        """The least rent at which pledged days are let in a book of sublets; 0 for at none."""

    # -- cash, capacity, title, use: each takes one fact in, and refuses one that cannot be

    def deposit(self, account_id: int, amount: int) -> None:
        """Money comes in; all deposits less withdrawals stay below 2**53."""

    def withdraw(self, account_id: int, amount: int) -> None:
        """Money goes out, from what is available."""

    def grant(
        self, product_id: int, account_id: int, start_day: int, end_day: int, qty: int
    ) -> None:
        """Creates title, with a member of the product's house."""

    def add_lien(
        self, account_id: int, product_id: int, start_day: int, end_day: int, qty: int
    ) -> None:
        """Pledges free title; what is pledged cannot be sold."""

    def lift_lien(
        self, account_id: int, product_id: int, start_day: int, end_day: int, qty: int
    ) -> None:
        """Frees pledged title."""

    def withdraw_capacity(
        self, product_id: int, account_id: int, start_day: int, end_day: int, qty: int
    ) -> None:
        """Ends title that the product's house has not sold, pledged or offered."""

    def transfer_pledged(
        self,
        product_id: int,
        seller_account_id: int,
        buyer_account_id: int,
        start_day: int,
        end_day: int,
        qty: int,
    ) -> None:
        """Pledged title that is neither let nor reserved changes hands; its lien is over."""

    def transfer_title(
        self,
        product_id: int,
        seller_account_id: int,
        buyer_account_id: int,
        start_day: int,
        end_day: int,
        qty: int,
    ) -> None:
        """Free title changes hands; with the house on one side the caller moves the escrow too."""

    def sublet(
        self,
        product_id: int,
        lessor_account_id: int,
        lessee_account_id: int,
        start_day: int,
        end_day: int,
        qty: int,
    ) -> None:
        """Grants the use of owned days, liened or not; the rent is the caller's to move."""

    def end_sublet(
        self,
        product_id: int,
        lessor_account_id: int,
        lessee_account_id: int,
        start_day: int,
        end_day: int,
        qty: int,
    ) -> None:
        """The use of days goes back to their owner."""

    def pay(self, payer_account_id: int, payee_account_id: int, amount: int) -> None:
        """Available cash changes hands."""

    def settle_trade(
        self,
        buyer_account_id: int,
        seller_account_id: int,
        cash_amount: int,
        escrow_amount: int,
        buyer_fee_amount: int,
        seller_fee_amount: int,
    ) -> None:
        """
        Pays for a sale outside a book: cash to the seller, fees to the venue.

        The escrow part leaves the buyer too; `escrow_funded` takes it in, in the same record.
        """

    def pay_into_trust(self, account_id: int, trust: int, amount: int) -> None:
        """Available cash is kept for a purpose: rents of sublets, 0, or bonds of suppliers, 1."""

    def pay_out_of_trust(self, trust: int, account_id: int, amount: int) -> None:
        """What was kept for a purpose becomes an account's available cash."""

    def open_hold(
        self,
        hold_id: int,
        account_id: int,
        amount: int,
        product_id: int = 0,
        start_day: int = 0,
        end_day: int = 0,
        qty: int = 0,
        is_sublet: bool = False,
    ) -> None:
        """
        Sets cash aside and, with a product, free days: for a sale, or for a sublet.

        A hold keeps them for something that is not an order: a firm quote, a block that waits.
        """

    def close_hold(self, hold_id: int) -> None:
        """Gives back all that a hold has set aside."""

    def release_escrow(self, product_id: int, day: int, account_id: int, amount: int) -> None:
        """Pays a part of a day's escrow to an account: the supplier, or an owner as a refund."""

    def close_day(self, product_id: int, day: int) -> None:
        """
        A delivery day is final: nobody owns, pledges or uses it any more.

        Its escrow has been paid out, and nothing of it is on offer.
        """

    # -- events, as recovery brings them: the fields of the event, in its order

    def order_accepted(
        self,
        order_id: int,
        account_id: int,
        key_id: int,
        session_id: int,
        instrument_id: int,
        side: int,
        order_qty: int,
        limit_price: int,
        time_in_force: int,
        exec_inst: int,
        held_amount: int,
        display_qty: int = 0,
        self_match_policy: int = 1,
        expire_day: int = 0,
        link_id: int = 0,
    ) -> None: ...
    def order_rested(
        self,
        order_id: int,
        instrument_id: int,
        side: int,
        limit_price: int,
        leaves_qty: int,
        display_qty: int = 0,
    ) -> None: ...
    def order_amended(
        self,
        order_id: int,
        account_id: int,
        instrument_id: int,
        order_qty: int,
        limit_price: int,
        leaves_qty: int,
        held_delta_amount: int,
        is_requeued: int,
    ) -> None: ...
    def order_cancelled(
        self,
        order_id: int,
        account_id: int,
        instrument_id: int,
        side: int,
        cancelled_qty: int,
        released_amount: int,
        cancel_reason: int,
    ) -> None:
        """In recovery, and for rules that cancel: `cancellation` has the fields."""

    def trade_executed(
        self,
        trade_id: int,
        instrument_id: int,
        last_price: int,
        last_qty: int,
        maker_order_id: int,
        taker_order_id: int,
        maker_account_id: int,
        taker_account_id: int,
        taker_side: int,
        notional_amount: int,
        cash_amount: int,
        escrow_amount: int,
        maker_fee_amount: int,
        taker_fee_amount: int,
        maker_released_amount: int,
        taker_released_amount: int,
        maker_leaves_qty: int,
        taker_leaves_qty: int,
    ) -> None: ...
    def escrow_funded(
        self,
        trade_id: int,
        product_id: int,
        start_day: int,
        end_day: int,
        sold_qty: int,
        day_amount: int,
    ) -> None: ...
    def escrow_returned(
        self,
        trade_id: int,
        product_id: int,
        account_id: int,
        start_day: int,
        end_day: int,
        returned_qty: int,
        day_amount: int,
    ) -> None: ...
    def sublet_opened(
        self,
        sublet_id: int,
        product_id: int,
        lessor_account_id: int,
        lessee_account_id: int,
        start_day: int,
        end_day: int,
        sublet_qty: int,
        rent_price: int,
    ) -> None: ...

    # -- commands

    def place(
        self,
        order_id: int,
        account_id: int,
        key_id: int,
        session_id: int,
        instrument_id: int,
        side: int,
        order_qty: int,
        limit_price: int,
        time_in_force: int,
        exec_inst: int,
        min_qty: int = 0,
        display_qty: int = 0,
        self_match_policy: int = 1,
        expire_day: int = 0,
        link_id: int = 0,
    ) -> int:
        """
        A new order; 0, or the code of its refusal.

        At least `min_qty` fills at once, or nothing happens. An order that rests shows no more than
        `display_qty` at a time, or all where that is 0. `expire_day` goes with the times in force
        that end on a day; that it lies ahead, and what happens at its end, is the caller's. A fill
        takes as much from every other open order of the account with the same `link_id`.
        """

    def amend(self, order_id: int, account_id: int, order_qty: int, limit_price: int) -> int:
        """
        Changes an open order's quantity (with what is filled), its price, or both; -1 keeps.

        No more than what is filled ends the order. Less at the same price keeps its place; all
        else leaves the queue and comes in again as a taker. 0, or the code of the refusal.
        """

    def cancel(self, order_id: int, account_id: int) -> int:
        """Ends an open order of the account; 0, or the code of the refusal."""

    def mass_cancel(self, account_id: int, instrument_id: int, side: int, max_count: int) -> int:
        """
        Ends up to `max_count` of an account's open orders, the lowest id first.

        0 stands for every instrument, or both sides. Always 0, also where nothing was open.
        """

    def uncross(self, max_count: int) -> int:
        """
        Uncrosses books that have collected, in order of listing, for up to `max_count` steps.

        A step is a trade or an order that ends before it; a book that is not done goes on with
        the next call. How many steps there were; 0 where no book waits.
        """

    def take_events(self) -> tuple[int, bytes]:
        """How many events the commands since the last call wrote, and their bytes back to back."""

    def take_record(self, command: bytes) -> bytes | None:
        """
        An encoded command with the events since the last call, as the log's record of them.

        None where nothing happened: there is nothing to record then.
        """

    def take_sublets(self) -> list[tuple[int, int, int, int, int, int, int, int]]:
        """The sublets that the commands since the last call opened, as fields of their events."""

    def take_trades(self) -> list[tuple[int, int, int, int, int]]:
        """
        The trades of the commands since the last call; recovery adds none.

        Each is (instrument_id, last_price, last_qty, maker_account_id, taker_account_id).
        """

    @property
    def refusal(self) -> tuple[int, int, int]:
        """Value, limit and day of the last refusal."""

    # -- queries

    def cancellation(self, order_id: int, cancel_reason: int) -> tuple[int, ...]:
        """The fields of the `OrderCancelled` that would end an open order; changes nothing."""

    @property
    def has_links(self) -> bool:
        """Whether any open order is linked."""

    def releases(self, order_ids: list[int]) -> list[int]:
        """What each of these open orders gives up, in fen, if they end one after another."""

    def order(self, order_id: int) -> tuple[int, ...] | None:
        """
        An open order, or None.

        (order_id, account_id, key_id, session_id, instrument_id, side, order_qty, limit_price,
        time_in_force, exec_inst, leaves_qty, held_amount, display_qty, self_match_policy,
        expire_day, link_id); `held_amount` of a linked order is that of its group.
        """

    def session_of(self, order_id: int) -> int:
        """The session of an open order."""

    def key_of(self, order_id: int) -> int:
        """The key that placed an open order."""

    def rehome_session(self, old_session_id: int, new_session_id: int, account_id: int) -> None:
        """Moves an account's open orders from one session to another."""

    def orders_of_account(self, account_id: int) -> list[int]:
        """The ids of an account's open orders, ascending."""

    def orders_of_instrument(self, instrument_id: int, max_count: int) -> list[int]:
        """The lowest ids of an instrument's open orders, ascending."""

    def next_expire_day(self) -> int:
        """The first day at whose gate an open order ends, 0 if none does."""

    def orders_due(self, day: int, max_count: int) -> list[int]:
        """Open orders that end by a day's gate: earlier days come first, then the lowest ids."""

    def orders_outside(
        self, instrument_id: int, low_limit_price: int, high_limit_price: int, max_count: int
    ) -> list[int]:
        """The lowest ids of an instrument's open orders with limits outside a band, ascending."""

    @property
    def market_ns(self) -> int:
        """Market time."""

    @property
    def is_catching_up(self) -> bool:
        """Whether the clock has work left at this moment."""

    @property
    def session_state(self) -> int:
        """The venue's session state."""

    def book_state(self, instrument_id: int) -> int:
        """A book's own session state: halted, in an auction of its own, or the venue's."""

    @property
    def is_uncrossing(self) -> bool:
        """Whether a book has collected and must uncross before it trades on."""

    def next_auction_end_ns(self) -> int:
        """Market time at which the next auction of a single book ends, 0 where none runs."""

    def auctions_due(self, market_ns: int) -> list[int]:
        """The instruments whose own auction ends by then, in order of listing."""

    def bands(self, instrument_id: int) -> tuple[int, int, int, int, int]:
        """(settlement price, low and high limit price, dynamic bps, last price); 0 for none."""

    def indication(self, instrument_id: int) -> tuple[int, int, int]:
        """(price, volume, surplus) at which a book would uncross now; 0 where nothing crosses."""

    def open_order_count(self, account_id: int) -> int:
        """How many orders an account has open."""

    def best(self, instrument_id: int, side: int) -> int:
        """The best price of a side, 0 where it is empty."""

    def levels(self, instrument_id: int, side: int, depth: int) -> list[tuple[int, int, int]]:
        """The best `depth` levels of a side as (price, displayed qty, count), the best first."""

    def queue(self, instrument_id: int, side: int, price: int) -> list[int]:
        """The order ids at a price, in time priority."""

    def balances(self, account_id: int) -> tuple[int, int]:
        """An account's cash as (available, held), in fen."""

    @property
    def deposits_amount(self) -> int:
        """Deposits less withdrawals of all accounts, in fen."""

    def sellable(
        self, account_id: int, product_id: int, start_day: int, end_day: int
    ) -> tuple[int, int]:
        """What is free to sell or pledge over a window, and the first day that allows no more."""

    def sublettable(
        self, account_id: int, product_id: int, start_day: int, end_day: int
    ) -> tuple[int, int]:
        """What is free to sublet over a window, and the first day that allows no more."""

    def encumbered_day(
        self, account_id: int, product_id: int, start_day: int, end_day: int, qty: int
    ) -> int:
        """The first day on which letting so much more reaches into pledged title, else the end."""

    def holders(self, product_id: int, day: int) -> list[tuple[int, bool, int, int, int, int]]:
        """
        Who has anything on a day, by account id.

        (account_id, is_house, title, lien, sublet_out, sublet_in) of each.
        """

    def day_totals(self, product_id: int, day: int) -> tuple[int, int, int]:
        """What is granted and sold of a day, in GPUs, and its escrow in fen."""

    def escrow_shares(
        self, product_id: int, start_day: int, end_day: int, qty: int
    ) -> list[tuple[int, int, int]]:
        """
        What `qty` GPUs of each day have in escrow, rounded down, all of it with the last of them.

        (start_day, end_day, day_amount) of each run of days with the same amount. `CoreError`
        where a day has less sold.
        """

    def parties_are_one(self, account_id: int, other_id: int) -> bool:
        """Whether two accounts are under the same control."""

    def trust_amount(self, trust: int) -> int:
        """What is kept for a purpose, in fen: rents, 0, or bonds, 1."""

    def held_by(self, hold_id: int) -> tuple[int, int, int, int, int, int, bool] | None:
        """
        A hold, or None.

        (account_id, held_amount, product_id, start_day, end_day, qty, is_sublet)
        """

    def is_house(self, product_id: int, account_id: int) -> bool:
        """Whether an account counts as the product's supplier."""

    def day_function(
        self, account_id: int, product_id: int, name: _DayFunction
    ) -> list[tuple[int, int, int]]:
        """A step function of a holding as (start_day, end_day, qty) where it is not 0."""

    def escrow(self, product_id: int) -> list[tuple[int, int, int, int]]:
        """A product's escrow as (start_day, end_day, sold_qty, day_amount), not both 0."""

    def granted(self, product_id: int) -> list[tuple[int, int, int]]:
        """A product's granted capacity as (start_day, end_day, qty) where it is not 0."""

    def snapshot(self) -> bytes:
        """The whole state as canonical bytes: equal states give equal bytes."""

    def state_hash(self) -> bytes:
        """SHA-256 of the snapshot."""

    def check(self) -> None:
        """Verifies every invariant; `CoreError` names the first that is broken."""
