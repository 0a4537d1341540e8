"""
What a refusal says to a human: the thing, the value and the limit.

Codes are for programs and never change; these sentences may. `{value}`, `{limit}` and `{day}` are
the numbers that the rule gave.
"""

from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.windows import date_of
from exchange.domain.wire import Error, error_of

_SENTENCES: dict[Reason, str] = {
    Reason.AUTH_REQUIRED: "key {value} is not in force",
    Reason.BAD_SIGNATURE: "the token does not fit any key in force",
    Reason.KEY_EXPIRED: "the key expired at {limit}, it is {value}",
    Reason.SCOPE: "the key is not meant for this",
    Reason.RATE: "requests are above the account's rate of {limit} a second",
    Reason.VALIDITY: "valid until {value} is too far ahead, {limit} is the latest",
    Reason.OPEN_ORDERS: "this would be open order {value} of the account; its limit is {limit}",
    Reason.OVERLOAD: "the exchange is busy, try again",
    Reason.COMMAND_IDS: "{value} command ids are at the account's limit of {limit}",
    Reason.SUBSCRIPTIONS: "{value} subscriptions are above the limit of {limit}",
    Reason.DESK_ITEMS: "{value} open requests, quotes, blocks or applications are at the limit of "
    "{limit}",
    Reason.UNKNOWN_INSTRUMENT: "there is no such instrument",
    Reason.LOT: "quantity {value} is no multiple of the lot of {limit}",
    Reason.PRICE_BAND: "a limit of {value} is outside the price band, which ends at {limit}",
    Reason.WOULD_TAKE: "a post-only order at {value} would take from the level at {limit}",
    Reason.CANNOT_FILL: "{limit} of {value} GPUs could be filled",
    Reason.WINDOW_CLOSED: "the window closed for trading at {limit}, it is {value}",
    Reason.NEVER_RESTS: "a user-defined window takes immediate orders only",
    Reason.UNKNOWN_ACCOUNT: "there is no account {value} in force",
    Reason.UNKNOWN_PRODUCT: "there is no product {value}",
    Reason.UNKNOWN_PLEDGE: "there is no pledge {value}",
    Reason.UNKNOWN_KEY: "there is no key {value} in force",
    Reason.UNKNOWN_SESSION: "there is no session {value}",
    Reason.BAD_WINDOW: "the window is not one that can be listed: {value} against {limit}",
    Reason.CLOCK_BACK: "the clock would go back from {limit} to {value}",
    Reason.WRONG_STATE: "{value} is not at a point where that could happen",
    Reason.SAME_PERSON: "two persons are needed",
    Reason.LAST_OPERATOR: "key {value} is the last operator's last one",
    Reason.WRONG_ROLE: "the account's roles do not include this",
    Reason.STALE_INDEX: "an index price of day {value} is older than that of day {limit}",
    Reason.INDEX_PRICE: "{value} micro-dollars are no price of a GPU-hour: the limit is {limit}",
    Reason.INDEX_RATE: "{value} micro-yuan are not the dollars at their rate, which is {limit}",
    Reason.EMPTY: "there is nothing to do",
    Reason.MIN_QTY: "a minimum of {value} GPUs is above the quantity of {limit}",
    Reason.DISPLAY_QTY: "{value} GPUs cannot be on display; the limit is {limit}",
    Reason.ALL_OR_NONE: "all or none of {value} GPUs can neither rest nor be shown in part",
    Reason.EXPIRE_DAY: "the order cannot end on day {value}; the limit is {limit}",
    Reason.IMMEDIATE: "an order of time in force {value} never rests: not post-only, not in part",
    Reason.LINK_PRODUCT: "linked orders are of one product and mode: instrument {value} does not "
    "go with instrument {limit}",
    Reason.LINK_SIDE: "linked orders are of one side, FIX {limit}, and not {value}",
    Reason.LINK_INSTRUMENT: "order {limit} of the same instrument {value} has that link already",
    Reason.LINK_COUNT: "this would be linked order {value} of its link; the limit is {limit}",
    Reason.UNKNOWN_SUBSTITUTION: "there is no substitution {value} on offer to or by the account",
    Reason.UNKNOWN_SUBLET: "there is no sublet or offer {value} of the account's",
    Reason.SUPPLIER_LETS: "the supplier's house sells its days and lets none",
    Reason.AFFILIATE: "pledged days go to no affiliate, as account {value} is of {limit}; first "
    "binding day {date}",
    Reason.UNKNOWN_WITHDRAWAL: "there is no request {value} of the account's for cash",
    Reason.HOUSE: "account {value} has days that supplier {limit} sold, and cannot be of its house",
    Reason.UNKNOWN_LOAN: "there is no loan {value} of the account's",
    Reason.LENDABLE: "a principal of {value} fen is above the {limit} fen that can be lent",
    Reason.NOT_COVERED: "{value} fen are owed, and what is left would carry {limit} fen",
    Reason.IN_DEFAULT: "the loan is in default: {value} fen do not help it, {limit} fen repay it",
    Reason.UNKNOWN_LOT: "there is no lot {value}",
    Reason.COSTS: "costs of {value} fen are above {limit} fen, their share of what is owed",
    Reason.LOT_STEPS: "a price that falls in {value} steps; a lot's has at most {limit}",
    Reason.LOT_PRICE: "a price of {value} fen is above the limit of {limit} fen",
    Reason.SALE_SIZE: "{value} GPUs are more than one round sells, which is {limit}",
    Reason.PLEDGE_SIZE: "{value} GPU-hours in a pledge, or behind a loan, are above the "
    "{limit} that a mark can state",
    Reason.LOT_RESERVE: "a floor of {value} fen is below the lot's reserve of {limit} fen",
    Reason.LOT_ORDER: "of pledge {value} title is sold later: pledge {limit} comes first, with its "
    "days from {date} on",
    Reason.PRIMARY: "account {value} is of the supplier's house; days that it never sold cannot be "
    "sold for a bank: {date}",
    Reason.UNKNOWN_ORDER: "there is no such open order",
    Reason.UNKNOWN_QUOTE_REQUEST: "there is no request for quote {value}",
    Reason.UNKNOWN_QUOTE: "there is no quote {value}",
    Reason.UNKNOWN_BLOCK: "there is no block {value}",
    Reason.UNKNOWN_TRADE: "there is no trade {value} of the desk that could be corrected",
    Reason.UNKNOWN_DISPUTE: "there is no open dispute {value} of a mark",
    Reason.MARK_DISPUTED: "pledge {value} stays until dispute {limit} of its mark is ruled",
    Reason.UNKNOWN_CORRECTION: "there is no request {value} for a bust or a correction",
    Reason.LIFETIME: "nothing stands for {value} ns at the desk; the limit is {limit}",
    Reason.SMALL_BLOCK: "a notional of {value} fen is below the least of a block, {limit} fen",
    Reason.ALLOCATION: "the allocations do not fit the block: {value} against {limit}",
    Reason.DESK_CLOSED: "the desk is closed at {value}",
    Reason.SIDE: "the quote states a side that was not asked for, or none where both were",
    Reason.ALREADY_DONE: "that is already done",
    Reason.ID_CONFLICT: "the id was used for another command, in record {limit}",
    Reason.TOO_LATE: "the command was valid until {limit}, it is {value}",
    Reason.CASH: "{value} fen are needed and {limit} fen are available",
    Reason.TITLE: "{value} GPUs are wanted and {limit} are free; first binding day {date}",
    Reason.SELF_MATCH: "the order would trade with the account's own order {value}",
    Reason.HALTED: "no orders are taken now (session state {value}); cancelling stays possible",
    Reason.LIEN: "{value} GPUs are wanted, {limit} are free of liens; first binding day {date}",
    Reason.RENT: "a rent of {value} fen for pledged days is under the least, {limit} fen (half the "
    "mark; 0 where there is none); first binding day {date}",
    Reason.NOT_LEADER: "the last append began {value} ms ago, above {limit} ms another may lead",
    Reason.LOG_UNAVAILABLE: "the log cannot be written",
    Reason.DRAINING: "the exchange is going down",
    Reason.OUTCOME_UNKNOWN: "the outcome is unknown; send the same command again",
    Reason.INTERNAL_ERROR: "a rule failed; the operators know",
    Reason.LOG_WENT_BACK: "record {value} was told of and is not in the log, which is at {limit}",
}


def describe(reason: Reason, value: int = 0, limit: int = 0, day: int = 0) -> str:
    """The sentence for a reason and its numbers."""
    sentence = _SENTENCES.get(reason)
    if reason is Reason.ALREADY_EXISTS and value and not limit:
        return f"record {value} has that already"
    if sentence is None:
        return f"{reason.name.lower().replace('_', ' ')}: {value} against {limit}"
    return sentence.format(value=value, limit=limit, day=day, date=date_of(day) if day else "")


def error_of_outcome(outcome: Outcome, request_id: int = 0, thing: str = "") -> Error:
    """A refused outcome as a message; `thing` is what the client named, as an instrument."""
    reason = outcome.reason
    assert reason is not None, "an accepted outcome is no error"
    sentence = describe(reason, outcome.value, outcome.limit, outcome.day)
    return error_of(
        reason,
        f"{thing}: {sentence}" if thing else sentence,
        request_id=request_id,
        value=outcome.value,
        limit=outcome.limit,
        day=outcome.day,
        log_seq=outcome.seq,
        duplicate=outcome.is_duplicate,
    )


def error_of_refusal(refused: Refused, request_id: int = 0, field: str = "") -> Error:
    """A refusal that was never recorded."""
    return error_of(
        refused.reason,
        describe(refused.reason, refused.value, refused.limit, refused.day),
        request_id=request_id,
        field=field,
        value=refused.value,
        limit=refused.limit,
        day=refused.day,
    )
