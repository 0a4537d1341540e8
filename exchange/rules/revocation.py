"""The end of a key: its orders are cancelled, and what it has on offer is withdrawn."""

from exchange.domain.commands import RevokeKey
from exchange.domain.enums import BlockStatus, QuoteRequestStatus, QuoteStatus
from exchange.domain.events import Event

from . import letting, substitutions
from .desk import block_end, quote_end
from .participants import decide_revoke_key
from .quotes import request_end
from .state import State


def decide_revocation(command: RevokeKey, state: State, account_id: int) -> list[Event]:
    """Ends a key with all that stands on its word alone; what others have agreed to stays."""
    return [*decide_revoke_key(command, state, account_id), *_withdrawn(command, state)]


def _withdrawn(command: RevokeKey, state: State) -> list[Event]:
    key_id = command.revoked_key_id
    events: list[Event] = []
    ended_ids = set()
    for request_id, request in sorted(state.quote_requests.items()):
        if request.is_open and request.asked.key_id == key_id:
            ended_ids.add(request_id)
            status = QuoteRequestStatus.WITHDRAWN
            events += request_end(request, status, QuoteStatus.NOT_TAKEN, state)
    for _, quote in sorted(state.quotes.items()):
        is_left = quote.submitted.quote_request_id not in ended_ids
        if quote.is_open and is_left and quote.submitted.key_id == key_id:
            events += quote_end(quote, QuoteStatus.WITHDRAWN)
    for _, block in sorted(state.blocks.items()):
        if block.is_open and block.proposed.key_id == key_id:
            events += block_end(block, BlockStatus.DECLINED)
    for _, offered in sorted(state.sublet_offers.items()):
        if offered.offer.key_id == key_id:
            events += letting.declined(offered.offer, offered.offer.lessor_account_id)
    for _, substitution in sorted(state.substitutions.items()):
        if substitution.key_id == key_id:
            supplier_id = substitution.supplier_account_id
            events += substitutions.declined(substitution, supplier_id)
    return events
