"""
Why something was refused: stable codes, the same in the log, on the wire and in the shell.

1xxx protocol, 2xxx authentication, 3xxx limits, 4xxx market, 5xxx means, 9xxx server.
`Reason.is_recorded` says which of them are facts of the market and go into the log.
"""

from enum import IntEnum

from msgspec import Struct

from .units import Id


class Reason(IntEnum):
    """A code; its lower-case name is the `name` that the wire shows."""

    # protocol
    BAD_FRAME = 1001
    TOO_BIG = 1002
    UNKNOWN_TYPE = 1003
    SCHEMA = 1004
    NOT_FOUND = 1005
    # authentication
    AUTH_REQUIRED = 2001
    BAD_SIGNATURE = 2002
    KEY_EXPIRED = 2003
    SCOPE = 2004
    # limits
    RATE = 3001
    OPEN_ORDERS = 3002
    SLOW_CONSUMER = 3003
    OVERLOAD = 3004
    COMMAND_IDS = 3005
    SUBSCRIPTIONS = 3006
    DESK_ITEMS = 3007
    """
    As many open requests, quotes and blocks, or undrawn loans, or withdrawals, as an account may
    have.
    """
    # market
    UNKNOWN_INSTRUMENT = 4001
    LOT = 4003
    PRICE_BAND = 4004
    """A limit outside the static band; the limit named is the end that it passes."""
    WOULD_TAKE = 4005
    CANNOT_FILL = 4006
    WINDOW_CLOSED = 4007
    NEVER_RESTS = 4008
    UNKNOWN_ACCOUNT = 4010
    UNKNOWN_PRODUCT = 4011
    UNKNOWN_PLEDGE = 4012
    UNKNOWN_KEY = 4013
    UNKNOWN_SESSION = 4014
    ALREADY_EXISTS = 4015
    BAD_WINDOW = 4016
    NO_CALENDAR = 4017
    CLOCK_BACK = 4018
    WRONG_STATE = 4019
    SAME_PERSON = 4020
    LAST_OPERATOR = 4021
    WRONG_ROLE = 4022
    STALE_INDEX = 4023
    EMPTY = 4024
    """Nothing to do: a list without entries, an order that is already so."""
    MIN_QTY = 4025
    """A minimum above the quantity."""
    DISPLAY_QTY = 4026
    """More on display than there is, or so little that the clips are too many."""
    ALL_OR_NONE = 4027
    """All-or-none of an order that would rest or show only a part."""
    EXPIRE_DAY = 4028
    """An expire day that is over, beyond the window's trading, missing, or not asked for."""
    IMMEDIATE = 4029
    """An order that never rests, but is post-only or to be shown in part."""
    LINK_PRODUCT = 4030
    """Linked orders of two products, or of title and use: the value is the order's instrument, the
    limit one of those that it would be linked to."""
    LINK_SIDE = 4031
    """Linked orders of both sides; the limit is that of the open ones."""
    LINK_INSTRUMENT = 4032
    """Two linked orders of one instrument, the value; the limit is the open one."""
    LINK_COUNT = 4033
    """More orders under a link id than the limit."""
    UNKNOWN_ORDER = 4041
    SIDE = 4050
    """A quote on the side that was not asked for, or on none where both were."""
    UNKNOWN_QUOTE_REQUEST = 4051
    UNKNOWN_QUOTE = 4052
    UNKNOWN_BLOCK = 4053
    UNKNOWN_TRADE = 4054
    UNKNOWN_CORRECTION = 4055
    LIFETIME = 4056
    """A request or a quote that would live too short or too long."""
    SMALL_BLOCK = 4057
    """A block below the least notional."""
    ALLOCATION = 4058
    """Parts that are too many, are named twice, or do not add up to the block."""
    DESK_CLOSED = 4059
    UNKNOWN_SUBLET = 4060
    SUPPLIER_LETS = 4061
    """A product's house sells its days; it lets none."""
    AFFILIATE = 4062
    """Pledged days let to an account of the same party."""
    LOT_STEPS = 4063
    """A lot whose price would fall in more steps than the limit."""
    UNKNOWN_WITHDRAWAL = 4064
    HOUSE = 4065
    """An admission that makes who has sold days one house with their supplier, the limit."""
    UNKNOWN_DELIVERY = 4070
    """No delivery day of the product has begun then and is still open."""
    READING_CONFLICT = 4071
    """Another quantity for an hour that is known: the value is new, the limit what is known."""
    NOT_YET = 4072
    """The value is when it was asked for, the limit when it can be: days or market time."""
    UNKNOWN_GRANT = 4073
    EVIDENCE = 4074
    """What is countersigned is not what was verified."""
    HOUR = 4075
    """A ruling on an hour that has a reading, or none on one without; the value is the hour."""
    UNKNOWN_CLAIM = 4076
    UNCONCERNED = 4077
    """A dispute by somebody who neither owns, uses nor has a lien on anything of the day."""
    UNKNOWN_SUBSTITUTION = 4078
    LOT_RESERVE = 4079
    """A lot's floor below its reserve, the limit: a published share of what it is worth."""
    UNKNOWN_LOAN = 4080
    UNKNOWN_LOT = 4081
    """No lot on offer to the account; to a bank, none of its own."""
    UNKNOWN_DISPUTE = 4082
    LENDABLE = 4083
    """More principal than was applied for, or than the collateral lends: the limit."""
    NOT_COVERED = 4084
    """What is owed, the value, would be more than what is left of the collateral carries."""
    COSTS = 4085
    """More costs of enforcement than a share of what is owed: the limit."""
    LOT_PRICE = 4086
    """A lot's price of the moment above the buyer's limit, or its floor above its start."""
    SALE_SIZE = 4087
    """More of the collateral than one round sells: the limit, in GPUs."""
    IN_DEFAULT = 4088
    """Only all that is owed, the limit, helps a loan in default; the value is what was meant to."""
    PRIMARY = 4089
    """Title that its supplier has never sold: the price belongs into escrow, not to a bank."""
    LOT_ORDER = 4090
    """A title lot out of its turn: the limit is the pledge that comes first, from that day on."""
    ALREADY_DONE = 4091
    ID_CONFLICT = 4092
    TOO_LATE = 4093
    VALIDITY = 4094
    """`valid_until_ns` lies beyond the time for which the command's id is sure to be known."""
    MARK_DISPUTED = 4095
    """A pledge that keeps its place until its mark is ruled: the limit is the open dispute."""
    PLEDGE_SIZE = 4096
    """More GPU-hours in a pledge, or behind one loan, than any mark could state: the limit."""
    INDEX_PRICE = 4098
    """Dollars of a GPU-hour outside what can be believed: the limit."""
    INDEX_RATE = 4099
    """An index in micro-yuan that is not its dollars at its rate: the limit."""
    # means
    CASH = 5001
    TITLE = 5002
    SELF_MATCH = 5003
    HALTED = 5004
    """No orders now: the value is the book's session state. Cancelling stays possible."""
    LIEN = 5005
    RENT = 5006
    """Pledged days for less than half their mark; the limit 0 says that there is no mark."""
    BOND = 5007
    """What is left of a bond would be below what sold days ask for."""
    SUSPENDED = 5008
    """A suspended supplier sells nothing of its own; the value is its account."""
    # server
    NOT_LEADER = 9001
    LOG_UNAVAILABLE = 9002
    DRAINING = 9003
    OUTCOME_UNKNOWN = 9004
    INTERNAL_ERROR = 9005
    LOG_WENT_BACK = 9006
    """The client was told of a record, the value, that the log lacks; the limit is its end."""

    @property
    def is_recorded(self) -> bool:
        """
        Whether a refusal for this reason is a fact of the market and goes into the log.

        Commands that would change nothing anyway are answered and not recorded, or a client could
        fill the log with them.
        """
        if self in (Reason.UNKNOWN_ORDER, Reason.ID_CONFLICT, Reason.EMPTY):
            return False
        return 4000 <= self < 6000 or self is Reason.INTERNAL_ERROR


class RefusalCount(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """How often one account was refused for one reason that is not recorded each time."""

    account_id: Id
    reason: Reason
    refusal_count: Id


class Refused(Exception):
    """The market says no. Nothing was changed; the engine alone catches this."""

    def __init__(self, reason: Reason, value: int = 0, limit: int = 0, day: int = 0) -> None:
        super().__init__(f"{reason.name.lower()}: {value} against {limit}, day {day}")
        self.reason = reason
        self.value = value
        self.limit = limit
        self.day = day


def require(condition: bool, reason: Reason, value: int = 0, limit: int = 0, day: int = 0) -> None:
    """Refuses the command unless `condition` holds, naming what was asked and the limit."""
    if not condition:
        raise Refused(reason, value, limit, day)
