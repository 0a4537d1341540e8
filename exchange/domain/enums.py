"""Closed sets of the market's words; FIX numbers where FIX has them."""

from enum import IntEnum, IntFlag, StrEnum


class Side(IntEnum):
    """FIX tag 54."""

    BUY = 1
    SELL = 2


class TimeInForce(IntEnum):
    """FIX tag 59, those that are served."""

    DAY = 0
    """Until 16:00 at the site on the delivery day that runs at entry."""
    GTC = 1
    IOC = 3
    FOK = 4
    GTD = 6
    """Until 16:00 at the site on the order's `expire_day`."""


class ExecInst(IntFlag):
    """Conditions of an order; FIX tag 18 as bits."""

    NONE = 0
    POST_ONLY = 1
    ALL_OR_NONE = 2
    """Only where the order does not rest: a resting one would lock the book."""


class SelfMatchPolicy(IntEnum):
    """What an order does on meeting one of its own account; FIX tag 2964."""

    CANCEL_INCOMING = 1
    """It is refused as a whole."""
    CANCEL_RESTING = 2
    """The own orders that it reaches end before it trades with what lies behind them."""
    CANCEL_BOTH = 3
    """It and the own orders that it would meet end; nothing trades."""


class CancelReason(IntEnum):
    """Why an order left the book unfilled."""

    REQUESTED = 1
    MASS_CANCEL = 2
    UNFILLED = 3
    """The rest of an immediate-or-cancel order."""
    EXPIRED = 4
    """Its day or date is over, or the instrument's gate closed."""
    KEY_REVOKED = 5
    SESSION_CLOSED = 6
    SELF_MATCH = 7
    """It met an order of its own account, by the incoming order's policy; in an auction the younger
    of the two ends."""
    UNFUNDED = 8
    """A primary sale in an auction, whose fee at the auction's price is not there."""
    PRICE_BAND = 9
    """The static band moved away from its limit."""
    CASCADED = 10
    """Its window, which is made of others, traded for the last time; they trade on."""
    COLLATERAL_SOLD = 11
    """It offered the use of pledged days, which were sold for the bank."""
    LINKED_FILLED = 12
    """An order that it is linked to filled, and nothing of it is left."""
    DERATED = 13
    """It offered unsold days that a site does not have after all."""
    RENT_FLOOR = 14
    """It offered pledged days for less than a mark that rose lets be."""


class SessionState(IntEnum):
    """When a venue or a book may trade; FIX tag 625 where it has one."""

    PRE_OPEN = 2
    """Collects orders for the opening auction."""
    CONTINUOUS = 3
    CLOSING_AUCTION = 4
    CLOSED = 5
    BREAK = 7
    AUCTION = 9
    """One book collects: its price left the dynamic band, or its halt ended."""
    HALTED = 20
    """One book is stopped by an operator."""


class Role(StrEnum):
    """What a participant may do; `ROLES` in `exchange.rules` says which commands that is."""

    TRADER = "trader"
    SUPPLIER = "supplier"
    BANK = "bank"
    INVESTOR = "investor"
    """In receipts over a pool of rent, which do not trade yet."""
    OPERATOR = "operator"
    AUDITOR = "auditor"


class SupplierGrade(StrEnum):
    """Credit grade of a supplier, best first; the risk parameters give each a default rate."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"


class Scope(StrEnum):
    """What a key may do for its account."""

    READ = "read"
    TRADE = "trade"
    """Submit commands: everything that the account's roles allow."""


class WindowKind(StrEnum):
    """How a delivery window was cut; the letter of its code."""

    DAY = "day"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    STRIP = "strip"
    USER_DEFINED = "user_defined"
    BALANCE = "balance"
    """The rest of a month from one of its days on."""


class InstrumentStatus(StrEnum):
    """Where a window stands in its life, see `exchange.projections.status`."""

    LISTED = "listed"
    OPEN = "open"
    HALTED = "halted"
    LAST_DAY = "last_day"
    EXPIRED = "expired"
    DELIVERING = "delivering"
    SETTLED = "settled"


class SettlementSource(StrEnum):
    """Where a settlement price comes from."""

    OPERATOR = "operator"
    TRADES = "trades"
    """The average of the closing half hour."""
    QUOTES = "quotes"
    """The middle of the closing quotes."""
    PARENT = "parent"
    """The prior price, moved with the window's parent."""
    PRIOR = "prior"
    PARTS = "parts"
    """The prices of the months or days that the window is made of."""


class TradingMode(StrEnum):
    """What trades on an instrument: the days themselves, or their use."""

    TITLE = "title"
    SUBLET = "sublet"

    @property
    def symbol_suffix(self) -> str:
        """What the symbols of such instruments end with."""
        return ".SUB" if self is TradingMode.SUBLET else ""


class ProductKind(StrEnum):
    """What a product delivers; others than GPU time arrive later."""

    GPU_TIME = "gpu_time"


class PledgeStatus(StrEnum):
    """A pledge's life: requested by its owner, then accepted or declined, and one of the ends."""

    REQUESTED = "requested"
    ACTIVE = "active"
    PARTLY_RELEASED = "partly_released"
    DECLINED = "declined"
    RELEASED = "released"
    ENFORCING = "enforcing"
    """Its loan is in default and its days may be sold."""
    ENFORCED = "enforced"
    """All days to come are sold."""
    MATURED = "matured"
    """All its days are over."""


LIENED = frozenset({PledgeStatus.ACTIVE, PledgeStatus.PARTLY_RELEASED, PledgeStatus.ENFORCING})
"""What has unit-days to come under lien."""


class LoanStatus(StrEnum):
    """A loan's life; `performing` follows `drawn` with the first look at its ladder."""

    APPLIED = "applied"
    APPROVED = "approved"
    DRAWN = "drawn"
    PERFORMING = "performing"
    MARGIN_CALLED = "margin_called"
    DEFAULTED = "defaulted"
    LIQUIDATING = "liquidating"
    REPAID = "repaid"
    SHORTFALL = "shortfall"
    ENDED = "ended"
    """Never drawn."""


IN_SERVICE = frozenset({LoanStatus.DRAWN, LoanStatus.PERFORMING, LoanStatus.MARGIN_CALLED})
"""Drawn, and not in default."""
OWING = IN_SERVICE | {LoanStatus.DEFAULTED, LoanStatus.LIQUIDATING, LoanStatus.SHORTFALL}
"""Something is owed."""


class LoanEnd(StrEnum):
    """Why a loan was never drawn."""

    DECLINED = "declined"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class LadderStatus(StrEnum):
    """The steps of the collateral model's ladder, from calm to worst."""

    OK = "OK"
    WATCH = "WATCH"
    MARGIN_CALL = "MARGIN_CALL"
    LIQUIDATE = "LIQUIDATE"


class RepaymentSource(StrEnum):
    """Where a repayment came from."""

    CASH = "cash"
    COVENANT = "covenant"
    """Taken from the borrower's cash after a final day, as the loan's terms say."""
    SWEPT_RENT = "swept_rent"
    SHORTFALL_REFUND = "shortfall_refund"
    COVER_DAMAGES = "cover_damages"
    CLAIM = "claim"
    LIQUIDATION = "liquidation"


class CallEnd(StrEnum):
    """How a margin call ended."""

    MET = "met"
    EXPIRED = "expired"
    OVERTAKEN = "overtaken"
    """The loan went into default for another cause, or was repaid."""


class DefaultCause(StrEnum):
    """Why a loan is in default."""

    CALL_EXPIRED = "call_expired"
    LIQUIDATION_RATIO = "liquidation_ratio"
    MATURITY = "maturity"


class LotEnd(StrEnum):
    """How a lot ended without a sale."""

    WITHDRAWN = "withdrawn"
    UNSOLD = "unsold"
    REDEEMED = "redeemed"
    """The loan was repaid first."""
    CURED = "cured"
    """The loan came back to its ratio at drawdown first."""


class MarkLine(StrEnum):
    """What of a collateral mark can be disputed: its value, or a line of its haircut."""

    VALUE = "value"
    VOL = "vol"
    APC_BUFFER = "apc_buffer"
    LIQUIDITY = "liquidity"
    TENOR_OBSOLESCENCE = "tenor_obsolescence"
    CONCENTRATION = "concentration"
    SUPPLIER_WRONG_WAY = "supplier_wrong_way"
    SLA_SHORTFALL = "sla_shortfall"
    STALE_OR_LEVEL = "stale_or_level"


class Currency(StrEnum):
    """Of a wallet. Trading is in CNY alone, the core's cash; others come in and go out."""

    CNY = "CNY"
    CNH = "CNH"
    """Yuan offshore."""


class QuoteRequestStatus(StrEnum):
    """A request's life: open, quoted with its first quote, then one of the ends."""

    OPEN = "open"
    QUOTED = "quoted"
    EXECUTED = "executed"
    """A quote was accepted, which makes and pays the trade in the same record."""
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class QuoteStatus(StrEnum):
    """A quote is firm until one of its ends."""

    FIRM = "firm"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    NOT_TAKEN = "not_taken"
    """Another quote was, or the request was withdrawn."""


class BlockStatus(StrEnum):
    """A block's life: alleged by one side, then confirmed and so registered, or not."""

    ALLEGED = "alleged"
    REGISTERED = "registered"
    DECLINED = "declined"
    LAPSED = "lapsed"


class CorrectionStatus(StrEnum):
    """A bust's or correction's life; it takes two operators."""

    REQUESTED = "requested"
    APPROVED = "approved"
    """By the first."""
    DONE = "done"
    DECLINED = "declined"
    CLAIMED = "claimed"
    """It could not be done; a claim is on record."""


class TradeSource(StrEnum):
    """Where a trade was made; each source numbers its own, so an id means nothing without it."""

    DESK = "desk"
    BOOK = "book"


class Trust(IntEnum):
    """What the venue keeps money for, besides the escrow of delivery days."""

    RENT = 0
    """Of sublets, until their days are delivered."""
    BOND = 1
    """Of suppliers, against what they fail to deliver."""


class DeliveryStatus(StrEnum):
    """A delivery day's life; a day that is over, or has not begun, has none."""

    DELIVERING = "delivering"
    REPORTED = "reported"
    ATTESTED = "attested"
    DISPUTED = "disputed"
    RULED = "ruled"
    FINAL = "final"
    """Its cash is due on the next business day."""


class GrantStatus(StrEnum):
    """A capacity grant's life."""

    SUBMITTED = "submitted"
    BURN_IN = "burn_in"
    """Inspected; its hardware runs under load for the venue's burn-in time."""
    VERIFIED = "verified"
    """Signed by the auditor; the operator's signature makes it title."""
    GRANTED = "granted"
    REJECTED = "rejected"
    DERATED = "derated"
    """An auditor found that the site has less; this and what follows is derived for views."""
    SUSPENDED = "suspended"
    """Its supplier sells nothing."""
    WITHDRAWN = "withdrawn"
    """None of it is title any more."""
    EXPIRED = "expired"
    """Its days are over."""


class SuspensionCause(StrEnum):
    """Why a supplier may not sell."""

    POOR_DELIVERY = "poor_delivery"
    OPERATOR = "operator"


class Purpose(StrEnum):
    """Why cash moved outside the books: what a statement of account calls the line."""

    QUOTE = "quote"
    """A quote of the OTC desk was accepted."""
    BLOCK = "block"
    RENT = "rent"
    RENT_REFUND = "rent_refund"
    RENT_SWEPT = "rent_swept"
    """Rent of pledged days, to the pledgee."""
    BOND = "bond"
    DELIVERY = "delivery"
    """A delivered day's escrow, to the supplier."""
    SHORTFALL_REFUND = "shortfall_refund"
    """Escrow of what was not delivered, to its owner."""
    COVER_DAMAGES = "cover_damages"
    """From the supplier's bond."""
    CLAIM = "claim"
    """Damages that a bond did not cover, paid later."""
    BUST = "bust"
    CORRECTION = "correction"
    LOAN = "loan"
    """A bank's principal, to the borrower."""
    REPAYMENT = "repayment"
    LIQUIDATION = "liquidation"
    """Pledged days were sold for the bank; also what is left for the borrower."""
    SUBSTITUTION = "substitution"
    """Escrow of days that were swapped for others, on its way to them."""


class OrderStatus(StrEnum):
    """FIX tag 39 in words."""

    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
