"""
Orders of one session: requests become commands, and outcomes become acknowledgements or errors.

An order takes no task and no future; a small reply object waits for its outcome. What key
and rate forbid is refused here and not recorded; everything else is for the rules.
"""

from typing import TYPE_CHECKING

from msgspec.structs import replace

from exchange.domain import commands as c
from exchange.domain.enums import ExecInst, Scope, SelfMatchPolicy, Side, TimeInForce, TradingMode
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, Refused
from exchange.domain.units import NS_PER_DAY
from exchange.domain.wire import Ack, AmendOrder, CancelOrder, MassCancel, PlaceOrder, Request

from .auth import Identity
from .hub import Hub
from .limits import MASS_CANCEL_COST, ORDER_COST, REFUSAL_COST, refusal_cost
from .refusals import error_of_outcome, error_of_refusal

if TYPE_CHECKING:
    from .session import Session

_USE_SUFFIX = TradingMode.SUBLET.symbol_suffix
_SIDES = {"buy": Side.BUY, "sell": Side.SELL}
_TIMES_IN_FORCE = {member.name.lower(): member for member in TimeInForce}
_POLICIES = {member.name.lower(): member for member in SelfMatchPolicy}
_CONDITIONS = {
    (False, False): ExecInst.NONE,
    (True, False): ExecInst.POST_ONLY,
    (False, True): ExecInst.ALL_OR_NONE,
    (True, True): ExecInst.POST_ONLY | ExecInst.ALL_OR_NONE,
}
"""By whether the order is post-only, and all-or-none."""


class CommandReply:
    """Turns the outcome of one request into its answer."""

    __slots__ = (
        "client_order_id",
        "is_idle_charged",
        "order_id",
        "refusal_cost",
        "request",
        "session",
    )

    def __init__(
        self,
        session: "Session",
        request: Request,
        client_order_id: str,
        order_id: int | None,
        is_idle_charged: bool,
        refusal_cost: int = REFUSAL_COST,
    ) -> None:
        self.session = session
        self.request = request
        self.client_order_id = client_order_id
        self.order_id = order_id
        """None where the record itself is the order."""
        self.is_idle_charged = is_idle_charged
        self.refusal_cost = refusal_cost

    def __call__(self, outcome: Outcome) -> None:
        """Acknowledges or refuses."""
        session = self.session
        session.answered(self.refusal_cost)
        if outcome.reason is not None:
            if not outcome.seq:
                session.count_refusal(outcome.reason)
            thing = _thing(self.request)
            session.send(error_of_outcome(outcome, self.request.request_id, thing))
            return
        if self.is_idle_charged:
            session.limits.idle_cancels.give_back(1)
        session.send(
            Ack(
                request_id=self.request.request_id,
                log_seq=outcome.seq,
                order_id=outcome.seq if self.order_id is None else self.order_id,
                client_order_id=self.client_order_id,
                duplicate=outcome.is_duplicate,
                witness=session.witness_token(),
            )
        )


def _symbol(request: PlaceOrder) -> str:
    """The instrument that an order is for: of the days themselves, or of their use."""
    return request.instrument if request.mode == "title" else request.instrument + _USE_SUFFIX


def _thing(request: Request) -> str:
    """What was asked for, as a refusal begins."""
    if isinstance(request, PlaceOrder):
        return f"{request.side} {request.order_qty} of {_symbol(request)}"
    return request.instrument if isinstance(request, MassCancel) else ""


class OrderEntry:
    """The part of an open session that trades."""

    def __init__(self, session: "Session", hub: Hub, identity: Identity) -> None:
        self._session = session
        self._hub = hub
        self._account_id = identity.account_id
        self._key_id = identity.key_id
        self._may_trade = Scope.TRADE in identity.scopes

    def place(self, request: PlaceOrder) -> None:
        """Places an order; an unknown instrument is refused by the rules, on the record."""
        hub = self._hub
        if self._is_allowed(request, ORDER_COST):
            self._submit(
                c.PlaceOrder(
                    key_id=self._key_id,
                    session_id=self._session.session_id,
                    valid_until_ns=hub.valid_until_ns(request.valid_until_ns),
                    command_id=request.client_order_id,
                    instrument_id=self._instrument_id(_symbol(request)),
                    side=_SIDES[request.side],
                    order_qty=request.order_qty,
                    limit_price=request.limit_price,
                    time_in_force=_TIMES_IN_FORCE[request.time_in_force],
                    exec_inst=_CONDITIONS[request.post_only, request.all_or_none],
                    min_qty=request.min_qty,
                    display_qty=request.display_qty,
                    self_match_policy=_POLICIES[request.self_match_policy],
                    expire_day=request.expire_day,
                    link_id=request.link_id,
                ),
                CommandReply(self._session, request, request.client_order_id, None, False),
            )

    def amend(self, request: AmendOrder) -> None:
        """Changes an order."""
        if self._is_allowed(request, ORDER_COST):
            self._submit(
                c.AmendOrder(
                    key_id=self._key_id,
                    session_id=self._session.session_id,
                    valid_until_ns=self._hub.valid_until_ns(request.valid_until_ns),
                    command_id=request.command_id,
                    order_id=request.order_id,
                    orig_client_order_id=request.client_order_id,
                    order_qty=request.order_qty,
                    limit_price=request.limit_price,
                ),
                CommandReply(
                    self._session, request, request.client_order_id, request.order_id, False
                ),
            )

    def cancel(self, request: CancelOrder) -> None:
        """Cancels an order, for free where there is one to cancel, in time."""
        order = self._hub.projections.orders.open_order(
            self._account_id, request.order_id, request.client_order_id
        )
        is_idle = order is None or not self._is_timely(request.valid_until_ns)
        if not self._is_allowed(request, 0):
            return
        if is_idle and not self._session.limits.may_be_refused():
            self._refuse_rate(request, self._hub.settings.refusals_per_second_count)
            return
        if is_idle and not self._session.limits.idle_cancels.take(1):
            self._refuse_rate(request, self._hub.settings.idle_cancels_per_second_count)
            return
        self._submit(
            c.CancelOrder(
                key_id=self._key_id,
                session_id=self._session.session_id,
                valid_until_ns=self._hub.valid_until_ns(request.valid_until_ns),
                command_id=request.command_id,
                order_id=request.order_id,
                orig_client_order_id=request.client_order_id,
            ),
            CommandReply(
                self._session, request, request.client_order_id, request.order_id, is_idle
            ),
        )

    def mass_cancel(self, request: MassCancel) -> None:
        """Cancels many orders; names one instrument only where that exists."""
        instrument_id = self._instrument_id(request.instrument)
        if request.instrument and instrument_id == 0:
            # Id 0 would stand for every instrument, which is not what was asked.
            self._session.refuse(request, Refused(Reason.UNKNOWN_INSTRUMENT), "instrument")
        elif self._is_allowed(request, MASS_CANCEL_COST):
            self._submit(
                c.MassCancel(
                    key_id=self._key_id,
                    session_id=self._session.session_id,
                    valid_until_ns=self._hub.valid_until_ns(request.valid_until_ns),
                    command_id=request.command_id,
                    instrument_id=instrument_id,
                    side=None if request.side is None else _SIDES[request.side],
                ),
                CommandReply(self._session, request, "", 0, False),
            )

    def send(self, request: Request, command: c.Command) -> None:
        """A command that is no order, at an order's rate; its answer names no order."""
        if self._is_allowed(request, ORDER_COST):
            signed = replace(command, key_id=self._key_id, session_id=self._session.session_id)
            cost = refusal_cost(signed)
            self._submit(signed, CommandReply(self._session, request, "", 0, False, cost))

    def _submit(self, command: c.Command, reply: CommandReply) -> None:
        try:
            self._hub.sequencer.submit(command, reply)
        except Refused as refused:
            self._session.refuse(reply.request, refused)
        else:
            self._session.asked(reply.refusal_cost)

    def _is_allowed(self, request: Request, cost: int) -> bool:
        """Whether key and rate allow it; tells the client where they do not."""
        if not self._may_trade:
            self._session.refuse(request, Refused(Reason.SCOPE))
            return False
        if cost and not self._session.limits.orders.take(cost):
            self._refuse_rate(request, self._hub.settings.orders_per_second_count)
            return False
        if cost and not self._session.limits.may_be_refused():
            self._session.limits.orders.give_back(cost)
            self._refuse_rate(request, self._hub.settings.refusals_per_second_count)
            return False
        return True

    def _is_timely(self, valid_until_ns: int) -> bool:
        """Whether no rule can refuse it for its time: it is not over, nor far ahead."""
        ahead_ns = valid_until_ns - self._hub.sequencer.market_ns
        return valid_until_ns == 0 or 0 <= ahead_ns <= NS_PER_DAY

    def _instrument_id(self, symbol: str) -> int:
        """0 for an unknown one: the rules refuse that, on the record."""
        return self._hub.projections.listings.instrument_ids.get(symbol, 0)

    def _refuse_rate(self, request: Request, per_second_count: int) -> None:
        refused = Refused(Reason.RATE, 0, per_second_count)
        self._hub.count_refusal(self._account_id, Reason.RATE)
        self._session.send(replace(error_of_refusal(refused, request.request_id), after_ms=1_000))
