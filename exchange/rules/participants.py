"""
Who takes part: the venue's genesis, accounts, keys and sessions.

Admitting an operator or an auditor takes two operators, and two means two persons: a second key of
the same account does not count. The last operator's last key cannot be revoked; one that expires
by itself does not count as left.
"""

from typing import Literal

from msgspec.structs import replace

from exchange.domain.commands import (
    AdmitParticipant,
    CloseSession,
    ConfirmAdmission,
    CountRefusals,
    CreateVenue,
    OpenSession,
    RegisterKey,
    RevokeKey,
)
from exchange.domain.enums import CancelReason, Role, Scope, Side
from exchange.domain.events import (
    AdmissionConfirmed,
    BandWidthsPublished,
    Event,
    FeeSchedulePublished,
    KeyRegistered,
    KeyRevoked,
    OrderCancelled,
    ParticipantAdmitted,
    RefusalsCounted,
    RiskParametersPublished,
    SessionClosed,
    SessionOpened,
    VenueCreated,
)
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.windows import day_at

from .state import VENUE_ACCOUNT_ID, State, new_core

MAX_REFUSAL_COUNTS = 256
"""Rows of one count."""
_TWO_PERSON_ROLES = {Role.OPERATOR, Role.AUDITOR}
_HOLDINGS: tuple[Literal["title"], Literal["sublet_in"]] = ("title", "sublet_in")
"""All that an account can have of days, whatever it has done with them."""


# -- decide ---------------------------------------------------------------------------------------


def decide_create_venue(command: CreateVenue, state: State, account_id: int) -> list[Event]:
    """Genesis: the venue, its two operators with a key each, fees and risk parameters."""
    require(state.venue is None, Reason.ALREADY_EXISTS)
    require(len(command.operators) == 2, Reason.SAME_PERSON, len(command.operators), 2)
    today = day_at(command.market_ns)
    require(command.base_day <= today, Reason.BAD_WINDOW, command.base_day, today, command.base_day)
    first, second = command.operators
    require(first.name != second.name, Reason.SAME_PERSON)
    require(first.token_sha256 != second.token_sha256, Reason.SAME_PERSON)
    events: list[Event] = [
        VenueCreated(
            venue_id=command.venue_id,
            base_day=command.base_day,
            market_ns=command.market_ns,
            is_always_open=command.is_always_open,
            head_public_key=command.head_public_key,
            command_id_retention_ns=command.command_id_retention_ns,
            burn_in_ns=command.burn_in_ns,
        ),
        FeeSchedulePublished(maker_bps=command.maker_bps, taker_bps=command.taker_bps),
        BandWidthsPublished(
            static_bps=command.static_bps,
            day_static_bps=command.day_static_bps,
            dynamic_bps=command.dynamic_bps,
        ),
        RiskParametersPublished(version=1, risk_parameters=command.risk_parameters),
    ]
    for number, operator in enumerate(command.operators, start=1):
        events.append(
            ParticipantAdmitted(
                account_id=number,
                name=operator.name,
                roles=[Role.OPERATOR],
                affiliate_ids=[],
                proposer_account_id=VENUE_ACCOUNT_ID,
                is_confirmed=True,
            )
        )
        events.append(
            KeyRegistered(
                key_id=number,
                account_id=number,
                token_sha256=operator.token_sha256,
                scopes=[Scope.READ, Scope.TRADE],
                expires_ns=0,
            )
        )
    return events


def decide_admit(command: AdmitParticipant, state: State, account_id: int) -> list[Event]:
    """A new account; an operator's or auditor's is not in force before its confirmation."""
    roles = sorted(set(command.roles))
    require(len(roles) > 0, Reason.EMPTY)
    if command.token_sha256 is not None:
        require(not _TWO_PERSON_ROLES.isdisjoint(roles), Reason.WRONG_ROLE, account_id)
        require(command.token_sha256 not in state.token_hashes, Reason.ALREADY_EXISTS)
    require(all(p.name != command.name for p in state.participants.values()), Reason.ALREADY_EXISTS)
    for affiliate_id in command.affiliate_ids:
        state.participant(affiliate_id)
    _require_clean_houses(command.affiliate_ids, state)
    return [
        ParticipantAdmitted(
            account_id=len(state.participants) + 1,
            name=command.name,
            roles=roles,
            affiliate_ids=sorted(set(command.affiliate_ids)),
            proposer_account_id=account_id,
            is_confirmed=_TWO_PERSON_ROLES.isdisjoint(roles),
            supplier_grade=command.supplier_grade,
            token_sha256=command.token_sha256 or b"",
        )
    ]


def _require_clean_houses(affiliate_ids: list[int], state: State) -> None:
    """
    Refuses to join to a product's house who has some of its days: they were sold to a stranger.

    An account that names affiliates of two parties makes them one.
    """
    core = state.core
    joined = [a for a in sorted(state.participants) if _is_of_any(a, affiliate_ids, state)]
    for product_id, product in sorted(state.products.items()):
        supplier_id = product.supplier_account_id
        strangers = [a for a in joined if not core.is_house(product_id, a)]
        for account_id in strangers if supplier_id in joined else []:
            has_days = any(core.day_function(account_id, product_id, name) for name in _HOLDINGS)
            require(not has_days, Reason.HOUSE, account_id, supplier_id)


def _is_of_any(account_id: int, affiliate_ids: list[int], state: State) -> bool:
    return any(state.core.parties_are_one(account_id, other_id) for other_id in affiliate_ids)


def decide_confirm(command: ConfirmAdmission, state: State, account_id: int) -> list[Event]:
    """The second operator's confirmation, and with it the first key."""
    participant = state.participants.get(command.account_id)
    if participant is None:
        raise Refused(Reason.UNKNOWN_ACCOUNT, command.account_id)
    require(not participant.is_confirmed, Reason.ALREADY_DONE, command.account_id)
    require(participant.proposer_account_id != account_id, Reason.SAME_PERSON, account_id)
    confirmed = AdmissionConfirmed(account_id=command.account_id, confirmer_account_id=account_id)
    if not participant.token_sha256:
        return [confirmed]
    require(participant.token_sha256 not in state.token_hashes, Reason.ALREADY_EXISTS)
    first_key = KeyRegistered(
        key_id=state.key_count + 1,
        account_id=command.account_id,
        token_sha256=participant.token_sha256,
        scopes=[Scope.READ, Scope.TRADE],
        expires_ns=0,
    )
    return [confirmed, first_key]


def decide_register_key(command: RegisterKey, state: State, account_id: int) -> list[Event]:
    """
    A key for a confirmed account; a secret's hash is good for one key, once.

    One's own, or by an operator for an account without the roles that take two persons.
    """
    participant = state.participant(command.account_id)
    if command.account_id != account_id:
        is_operator = Role.OPERATOR in state.participants[account_id].roles
        may_register = is_operator and _TWO_PERSON_ROLES.isdisjoint(participant.roles)
        require(may_register, Reason.WRONG_ROLE, account_id)
    require(len(command.scopes) > 0, Reason.EMPTY)
    require(command.token_sha256 not in state.token_hashes, Reason.ALREADY_EXISTS)
    require(
        command.expires_ns == 0 or command.expires_ns > state.market_ns,
        Reason.TOO_LATE,
        command.expires_ns,
        state.market_ns,
    )
    return [
        KeyRegistered(
            key_id=state.key_count + 1,
            account_id=command.account_id,
            token_sha256=command.token_sha256,
            scopes=sorted(set(command.scopes)),
            expires_ns=command.expires_ns,
        )
    ]


def decide_revoke_key(command: RevokeKey, state: State, account_id: int) -> list[Event]:
    """Ends a key, an operator's or one's own, and cancels the orders placed with it."""
    key = state.keys.get(command.revoked_key_id)
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, command.revoked_key_id)
    is_operator = Role.OPERATOR in state.participants[account_id].roles
    require(is_operator or key.account_id == account_id, Reason.UNKNOWN_KEY, key.key_id)
    operators_left = {
        other.account_id
        for other in state.keys.values()
        if other.key_id != key.key_id
        and other.expires_ns == 0
        and Scope.TRADE in other.scopes
        and Role.OPERATOR in state.participants[other.account_id].roles
    }
    require(len(operators_left) > 0, Reason.LAST_OPERATOR, key.key_id)
    core = state.core
    orders = [o for o in core.orders_of_account(key.account_id) if core.key_of(o) == key.key_id]
    revoked = KeyRevoked(key_id=key.key_id, account_id=key.account_id)
    return [revoked, *cancellations(orders, CancelReason.KEY_REVOKED, state)]


def decide_open_session(command: OpenSession, state: State, account_id: int) -> list[Event]:
    """
    Records that a key's holder is connected; the session's id is its record's number.

    A key that may only read neither continues a session nor has orders to cancel.
    """
    previous = state.sessions.get(command.previous_session_id)
    may_trade = Scope.TRADE in state.keys[command.key_id].scopes
    continues = may_trade and (previous is None or previous.account_id == account_id)
    return [
        SessionOpened(
            session_id=state.seq + 1,
            account_id=account_id,
            key_id=command.key_id,
            is_cancel_on_disconnect=command.is_cancel_on_disconnect and may_trade,
            previous_session_id=command.previous_session_id if continues else 0,
        )
    ]


def decide_close_session(command: CloseSession, state: State, account_id: int) -> list[Event]:
    """Records the end of a connection and, where asked for, cancels its orders."""
    session = state.sessions.get(command.closed_session_id)
    if session is None or account_id not in (VENUE_ACCOUNT_ID, session.account_id):
        raise Refused(Reason.UNKNOWN_SESSION, command.closed_session_id)
    closed = SessionClosed(session_id=session.session_id, account_id=session.account_id)
    if command.is_logout or not session.is_cancel_on_disconnect:
        return [closed]
    core = state.core
    orders = [
        order_id
        for order_id in core.orders_of_account(session.account_id)
        if core.session_of(order_id) == session.session_id
    ]
    return [closed, *cancellations(orders, CancelReason.SESSION_CLOSED, state)]


def cancellations(order_ids: list[int], reason: CancelReason, state: State) -> list[Event]:
    """The events that cancel open orders, with what each releases."""
    events: list[Event] = []
    for order_id in order_ids:
        _, account_id, instrument_id, side, cancelled_qty, released_amount, _ = (
            state.core.cancellation(order_id, reason)
        )
        events.append(
            OrderCancelled(
                order_id,
                account_id,
                instrument_id,
                Side(side),
                cancelled_qty,
                released_amount,
                reason,
            )
        )
    return events


def decide_refusal_counts(command: CountRefusals, state: State, account_id: int) -> list[Event]:
    """What was refused without a record of each; at least one, and a bounded list."""
    count = len(command.counts)
    require(count > 0, Reason.EMPTY)
    require(count <= MAX_REFUSAL_COUNTS, Reason.WRONG_STATE, count, MAX_REFUSAL_COUNTS)
    return [RefusalsCounted(counts=command.counts)]


# -- evolve ---------------------------------------------------------------------------------------


def evolve_venue(event: VenueCreated, state: State) -> None:
    """The venue exists and its clock stands at the market's first moment."""
    state.venue = event
    state.market_ns = event.market_ns
    state.core = new_core(event.base_day)
    state.core.set_clock(event.market_ns, False)


def evolve_fee_schedule(event: FeeSchedulePublished, state: State) -> None:
    """The default rates of products defined from now on."""
    state.fee_schedule = event


def evolve_participant(event: ParticipantAdmitted, state: State) -> None:
    """The account exists, in the core too; it and its affiliates are one party, one house."""
    state.participants[event.account_id] = event
    state.core.add_account(event.account_id)
    for affiliate_id in event.affiliate_ids:
        state.core.join_party(event.account_id, affiliate_id)
    if event.affiliate_ids:
        for product_id in state.products:
            complete_house(product_id, state)


def complete_house(product_id: int, state: State) -> None:
    """Everybody of the supplier's party counts as the supplier."""
    supplier_id = state.products[product_id].supplier_account_id
    for account_id in state.participants:
        if state.core.parties_are_one(supplier_id, account_id):
            state.core.add_to_house(product_id, account_id)


def evolve_confirmation(event: AdmissionConfirmed, state: State) -> None:
    """The operator or auditor is in force."""
    state.participants[event.account_id] = replace(
        state.participants[event.account_id], is_confirmed=True
    )


def evolve_key(event: KeyRegistered, state: State) -> None:
    """The key is in force."""
    state.keys[event.key_id] = event
    state.key_count = event.key_id
    state.token_hashes.add(event.token_sha256)


def evolve_revocation(event: KeyRevoked, state: State) -> None:
    """The key is gone, and so are the sessions that it opened."""
    del state.keys[event.key_id]
    for session in [s for s in state.sessions.values() if s.key_id == event.key_id]:
        del state.sessions[session.session_id]


def evolve_session(event: SessionOpened, state: State) -> None:
    """The session is open; orders of the one it continues are now its own."""
    state.sessions[event.session_id] = event
    if event.previous_session_id:
        state.core.rehome_session(event.previous_session_id, event.session_id, event.account_id)
        state.sessions.pop(event.previous_session_id, None)


def evolve_session_closed(event: SessionClosed, state: State) -> None:
    """The session is over."""
    del state.sessions[event.session_id]
