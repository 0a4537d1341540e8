"""
Requests for quote.

    open ──quote──▶ quoted ──accept──▶ executed
      └──────┴──── withdraw, or the clock ────▶ withdrawn | expired

A quote is firm, for the full size, seen by its asker and its quoter alone, and there is no last
look: what the quoter needs is held while it stands, so the asker's word makes and pays the trade.
The other quotes of the request end with it. To anyone who may not see it a request or a quote does
not exist.
"""

from msgspec.structs import replace

from exchange.domain.desk_commands import (
    AcceptQuote,
    RequestQuote,
    SubmitQuote,
    WithdrawQuote,
    WithdrawQuoteRequest,
)
from exchange.domain.desk_events import (
    QuoteAccepted,
    QuoteEnded,
    QuoteRequested,
    QuoteRequestEnded,
    QuoteSubmitted,
)
from exchange.domain.enums import Purpose, QuoteRequestStatus, QuoteStatus, Side
from exchange.domain.events import Event
from exchange.domain.movements import HoldClosed
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import NS_PER_MINUTE

from .bands import require_in_band
from .desk import Quote, QuoteRequest, quote_end
from .desk_hours import expires_ns, require_desk_open, require_lifetime
from .desk_trades import (
    Terms,
    execution,
    is_primary,
    require_dealer,
    require_window,
    required_hold,
    terms_between,
)
from .state import State

LONGEST_REQUEST_NS = 8 * 60 * NS_PER_MINUTE
LONGEST_QUOTE_NS = 30 * NS_PER_MINUTE
MAX_DESK_ITEMS = 200
"""Open requests, quotes and blocks of an account."""
_OPPOSITE = {Side.BUY: Side.SELL, Side.SELL: Side.BUY}


# -- decide ---------------------------------------------------------------------------------------


def decide_request(command: RequestQuote, state: State, account_id: int) -> list[Event]:
    """Asks the dealers named, or all."""
    require_desk_open(state)
    product, gate_closure_ns = require_window(
        command.product_id, command.start_day, command.end_day, command.request_qty, state
    )
    require_dealer(account_id, product, state)
    require_room(account_id, state)
    require_lifetime(command.lifetime_ns, LONGEST_REQUEST_NS)
    dealer_ids = sorted(set(command.dealer_account_ids))
    require(account_id not in dealer_ids, Reason.SAME_PERSON, account_id)
    for dealer_id in dealer_ids:
        require_dealer(dealer_id, product, state)
    return [
        QuoteRequested(
            quote_request_id=state.seq + 1,
            account_id=account_id,
            product_id=command.product_id,
            start_day=command.start_day,
            end_day=command.end_day,
            request_qty=command.request_qty,
            side=command.side,
            dealer_account_ids=dealer_ids,
            expires_ns=expires_ns(command.lifetime_ns, gate_closure_ns, state),
            key_id=command.key_id,
        )
    ]


def decide_submit(command: SubmitQuote, state: State, account_id: int) -> list[Event]:
    """A firm quote, with what the quoter needs set aside."""
    require_desk_open(state)
    request = _visible_request(command.quote_request_id, state, account_id)
    asked = request.asked
    require(asked.account_id != account_id, Reason.SAME_PERSON, account_id)
    require(request.is_open, Reason.WRONG_STATE, asked.quote_request_id)
    product, _ = require_window(
        asked.product_id, asked.start_day, asked.end_day, asked.request_qty, state
    )
    require_dealer(account_id, product, state)
    require_room(account_id, state)
    require_lifetime(command.lifetime_ns, LONGEST_QUOTE_NS)
    side = _quoted_side(command, asked)
    for other in firm_quotes(asked.quote_request_id, state):
        is_same = (other.submitted.account_id, other.submitted.side) == (account_id, side)
        require(not is_same, Reason.ALREADY_EXISTS, other.submitted.quote_id)
    terms = _terms(asked, account_id, side, command.quote_price)
    if is_primary(terms, state):
        require_in_band(terms.price, product, terms.start_day, terms.end_day, state)
    quote_id = state.seq + 1
    hold = required_hold(quote_id, account_id, terms, product.maker_bps, state)
    return [
        QuoteSubmitted(
            quote_id=quote_id,
            quote_request_id=asked.quote_request_id,
            account_id=account_id,
            side=side,
            quote_price=command.quote_price,
            notional_amount=terms.notional_amount,
            expires_ns=expires_ns(command.lifetime_ns, asked.expires_ns, state),
            key_id=command.key_id,
        ),
        hold,
    ]


def decide_accept(command: AcceptQuote, state: State, account_id: int) -> list[Event]:
    """The asker deals at a firm quote."""
    require_desk_open(state)
    quote = _known_quote(command.quote_id, state)
    submitted = quote.submitted
    asked = state.quote_requests[submitted.quote_request_id].asked
    require(asked.account_id == account_id, Reason.UNKNOWN_QUOTE, command.quote_id)
    require(quote.is_open, Reason.WRONG_STATE, command.quote_id)
    product, _ = require_window(
        asked.product_id, asked.start_day, asked.end_day, asked.request_qty, state
    )
    terms = _terms(asked, submitted.account_id, submitted.side, submitted.quote_price)
    if is_primary(terms, state):
        require_in_band(terms.price, product, terms.start_day, terms.end_day, state)
    # The trade takes what the asker needs at once, so its hold is never opened.
    required_hold(state.seq + 1, account_id, terms, product.taker_bps, state)
    ends = [
        event
        for other in firm_quotes(asked.quote_request_id, state)
        if other is not quote
        for event in quote_end(other, QuoteStatus.NOT_TAKEN)
    ]
    return [
        QuoteAccepted(quote_id=command.quote_id, trade_id=state.seq + 1),
        HoldClosed(hold_id=command.quote_id, account_id=submitted.account_id),
        *ends,
        QuoteRequestEnded(
            quote_request_id=asked.quote_request_id,
            quote_request_status=QuoteRequestStatus.EXECUTED,
        ),
        *execution(terms, _OPPOSITE[submitted.side], Purpose.QUOTE, state),
    ]


def decide_withdraw_quote(command: WithdrawQuote, state: State, account_id: int) -> list[Event]:
    """The quoter takes a firm quote back; possible at any hour."""
    quote = _known_quote(command.quote_id, state)
    is_own = quote.submitted.account_id == account_id
    require(is_own, Reason.UNKNOWN_QUOTE, command.quote_id)
    require(quote.is_open, Reason.WRONG_STATE, command.quote_id)
    return quote_end(quote, QuoteStatus.WITHDRAWN)


def decide_withdraw_request(
    command: WithdrawQuoteRequest, state: State, account_id: int
) -> list[Event]:
    """The asker ends its request; possible at any hour."""
    request = _visible_request(command.quote_request_id, state, account_id)
    is_own = request.asked.account_id == account_id
    require(is_own, Reason.WRONG_ROLE, account_id)
    require(request.is_open, Reason.WRONG_STATE, command.quote_request_id)
    return request_end(request, QuoteRequestStatus.WITHDRAWN, QuoteStatus.NOT_TAKEN, state)


def _visible_request(quote_request_id: int, state: State, account_id: int) -> QuoteRequest:
    """The request, for its asker and those it asks; to anyone else it does not exist."""
    request = state.quote_requests.get(quote_request_id)
    if request is None:
        raise Refused(Reason.UNKNOWN_QUOTE_REQUEST, quote_request_id)
    asked = request.asked
    is_asked = not asked.dealer_account_ids or account_id in asked.dealer_account_ids
    is_visible = is_asked or account_id == asked.account_id
    require(is_visible, Reason.UNKNOWN_QUOTE_REQUEST, quote_request_id)
    return request


def _known_quote(quote_id: int, state: State) -> Quote:
    quote = state.quotes.get(quote_id)
    if quote is None:
        raise Refused(Reason.UNKNOWN_QUOTE, quote_id)
    return quote


def _quoted_side(command: SubmitQuote, asked: QuoteRequested) -> Side:
    """The quoter's side: the other one of the asker's, or its choice where both are asked for."""
    wanted = command.side if asked.side is None else _OPPOSITE[asked.side]
    if wanted is None or command.side not in (None, wanted):
        raise Refused(Reason.SIDE, command.side or 0, wanted or 0)
    return wanted


def _terms(asked: QuoteRequested, quoter_id: int, side: Side, price: int) -> Terms:
    days = (asked.product_id, asked.start_day, asked.end_day)
    return terms_between(quoter_id, asked.account_id, side, days, asked.request_qty, price)


# -- what the clock shares ------------------------------------------------------------------------


def require_room(account_id: int, state: State) -> None:
    """Refuses an account with as much on the desk as one may have."""
    count = sum(
        r.is_open and r.asked.account_id == account_id for r in state.quote_requests.values()
    )
    count += sum(q.is_open and q.submitted.account_id == account_id for q in state.quotes.values())
    count += sum(b.is_open and b.proposed.account_id == account_id for b in state.blocks.values())
    require(count < MAX_DESK_ITEMS, Reason.DESK_ITEMS, count, MAX_DESK_ITEMS)


def firm_quotes(quote_request_id: int, state: State) -> list[Quote]:
    """A request's firm quotes, the oldest first."""
    return [
        quote
        for _, quote in sorted(state.quotes.items())
        if quote.is_open and quote.submitted.quote_request_id == quote_request_id
    ]


def request_end(
    request: QuoteRequest,
    status: QuoteRequestStatus,
    quote_status: QuoteStatus,
    state: State,
) -> list[Event]:
    """A request is over, after the quotes that stood."""
    quote_request_id = request.asked.quote_request_id
    ends = [
        event
        for quote in firm_quotes(quote_request_id, state)
        for event in quote_end(quote, quote_status)
    ]
    ended = QuoteRequestEnded(quote_request_id=quote_request_id, quote_request_status=status)
    return [*ends, ended]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_request(event: QuoteRequested, state: State) -> None:
    """The request is open."""
    state.quote_requests[event.quote_request_id] = QuoteRequest(event, QuoteRequestStatus.OPEN)


def evolve_quote(event: QuoteSubmitted, state: State) -> None:
    """The quote is firm, its request quoted."""
    state.quotes[event.quote_id] = Quote(event, QuoteStatus.FIRM)
    request = state.quote_requests[event.quote_request_id]
    quoted = replace(request, status=QuoteRequestStatus.QUOTED)
    state.quote_requests[event.quote_request_id] = quoted


def evolve_acceptance(event: QuoteAccepted, state: State) -> None:
    """The quote has become a trade."""
    quote = state.quotes[event.quote_id]
    state.quotes[event.quote_id] = replace(quote, status=QuoteStatus.ACCEPTED)


def evolve_quote_end(event: QuoteEnded, state: State) -> None:
    """The quote is over."""
    quote = state.quotes[event.quote_id]
    state.quotes[event.quote_id] = replace(quote, status=event.quote_status)


def evolve_request_end(event: QuoteRequestEnded, state: State) -> None:
    """The request is over."""
    request = state.quote_requests[event.quote_request_id]
    ended = replace(request, status=event.quote_request_status)
    state.quote_requests[event.quote_request_id] = ended
