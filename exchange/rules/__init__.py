"""
The rules of the market: which function decides a command, and which takes in an event.

    command ─▶ decide(command, state, account_id) ─▶ events ─▶ evolve(event, state)

`decide` reads and answers or refuses; `evolve` writes and never refuses. Orders are the exception
in form only: the core plans and applies them in one call (`ORDER_PATH`), through the very functions
that `EVOLVE` names for their events.
"""

from collections.abc import Callable
from typing import Any

from msgspec.structs import astuple

from exchange.domain import capacity_commands as cc
from exchange.domain import capacity_events as ce
from exchange.domain import commands as c
from exchange.domain import delivery_commands as dc
from exchange.domain import delivery_events as de
from exchange.domain import events as e
from exchange.domain import movements as m
from exchange.domain.commands import Command
from exchange.domain.events import Event

from . import (
    bonds,
    capacity,
    clock,
    custody,
    delivery,
    delivery_clock,
    listing,
    marks,
    orders,
    participants,
    pledges,
    releases,
    sessions,
    state_hash,
    sublets,
    suppliers,
    treasury,
)
from .access import ROLES, VENUE_COMMANDS, AccessTable, require_use
from .state import State, new_core

Decide = Callable[[Any, State, int], list[Event]]
Evolve = Callable[[Any, State], None]

ORDER_PATH: dict[type[Command], Callable[[Any, State, int], None]] = {
    c.PlaceOrder: orders.place,
    c.AmendOrder: orders.amend,
    c.CancelOrder: orders.cancel,
    c.MassCancel: orders.mass_cancel,
    c.UncrossBooks: sessions.uncross,
}

DECIDE: dict[type[Command], Decide] = {
    c.CreateVenue: participants.decide_create_venue,
    c.AdmitParticipant: participants.decide_admit,
    c.ConfirmAdmission: participants.decide_confirm,
    c.RegisterKey: participants.decide_register_key,
    c.RevokeKey: participants.decide_revoke_key,
    c.OpenSession: participants.decide_open_session,
    c.CloseSession: participants.decide_close_session,
    c.DefineProduct: listing.decide_product,
    c.PublishCalendar: listing.decide_calendar,
    c.ListInstrument: listing.decide_listing,
    c.PublishBandWidths: sessions.decide_band_widths,
    c.PublishSettlementPrice: sessions.decide_settlement_price,
    c.HaltInstrument: sessions.decide_halt,
    c.ResumeInstrument: sessions.decide_resume,
    c.DepositCash: treasury.decide_deposit,
    c.WithdrawCash: treasury.decide_withdrawal,
    c.GrantCapacity: capacity.decide_grant,
    c.PublishIndexPrice: marks.decide_index_price,
    c.PublishRiskParameters: marks.decide_risk_parameters,
    c.PublishMarks: marks.decide_marks,
    c.RequestPledge: pledges.decide_request,
    c.AcceptPledge: pledges.decide_accept,
    c.DeclinePledge: pledges.decide_decline,
    c.ReleasePledge: pledges.decide_release,
    c.AdvanceClock: clock.decide_clock,
    c.CountRefusals: participants.decide_refusal_counts,
    c.MarkState: state_hash.decide_mark,
    c.RecordStateHash: state_hash.decide_hash,
    cc.SubmitCapacity: capacity.decide_submit,
    cc.InspectCapacity: capacity.decide_inspect,
    cc.VerifyCapacity: capacity.decide_verify,
    cc.RejectCapacity: capacity.decide_reject,
    cc.WithdrawCapacity: capacity.decide_withdraw,
    cc.DerateCapacity: capacity.decide_derate,
    dc.RecordReadings: delivery.decide_readings,
    dc.ReportDelivery: delivery.decide_report,
    dc.AttestDelivery: delivery.decide_attest,
    dc.DisputeDelivery: delivery.decide_dispute,
    dc.RuleDelivery: delivery.decide_ruling,
    dc.CountersignRuling: delivery.decide_countersign,
    dc.PostBond: bonds.decide_post,
    dc.WithdrawBond: bonds.decide_withdraw,
    dc.PayClaim: bonds.decide_pay_claim,
    dc.SuspendSupplier: suppliers.decide_suspend,
    dc.ReinstateSupplier: suppliers.decide_reinstate,
    dc.TerminateSupplier: suppliers.decide_terminate,
}


def _nothing(event: Event, state: State) -> None:
    """A fact that changes nothing by itself: a refusal, or a headline of what follows it."""


EVOLVE: dict[type[Event], Evolve] = {
    e.OrderAccepted: lambda event, state: state.core.order_accepted(*astuple(event)),
    e.OrderRested: lambda event, state: state.core.order_rested(*astuple(event)),
    e.OrderAmended: lambda event, state: state.core.order_amended(*astuple(event)),
    e.OrderCancelled: lambda event, state: state.core.order_cancelled(*astuple(event)),
    e.TradeExecuted: marks.evolve_trade,
    e.EscrowFunded: lambda event, state: state.core.escrow_funded(*astuple(event)),
    e.EscrowReturned: lambda event, state: state.core.escrow_returned(*astuple(event)),
    e.SubletOpened: sublets.evolve_opened,
    e.AuctionStarted: lambda event, state: state.core.start_auction(*astuple(event)),
    e.AuctionUncrossed: _nothing,
    e.CommandRefused: _nothing,
    e.VenueCreated: participants.evolve_venue,
    e.FeeSchedulePublished: participants.evolve_fee_schedule,
    e.ParticipantAdmitted: participants.evolve_participant,
    e.AdmissionConfirmed: participants.evolve_confirmation,
    e.KeyRegistered: participants.evolve_key,
    e.KeyRevoked: participants.evolve_revocation,
    e.SessionOpened: participants.evolve_session,
    e.SessionClosed: participants.evolve_session_closed,
    e.ProductDefined: listing.evolve_product,
    e.CalendarPublished: listing.evolve_calendar,
    e.InstrumentListed: listing.evolve_listing,
    e.InstrumentExpired: listing.evolve_expiry,
    e.TradingSessionChanged: sessions.evolve_session,
    e.AuctionEnded: lambda event, state: state.core.end_auction(event.instrument_id),
    e.BandWidthsPublished: sessions.evolve_band_widths,
    e.SettlementPricePublished: sessions.evolve_settlement_price,
    e.InstrumentHalted: sessions.evolve_halt,
    e.InstrumentResumed: sessions.evolve_resumption,
    e.ClockAdvanced: clock.evolve_clock,
    e.CommandIdsExpired: clock.evolve_command_ids,
    e.RefusalsCounted: _nothing,
    e.StateMarked: state_hash.evolve_mark,
    e.StateHashed: state_hash.evolve_hash,
    e.CashDeposited: treasury.evolve_deposit,
    e.CashWithdrawn: treasury.evolve_withdrawal,
    e.CapacityGranted: capacity.evolve_granted,
    m.HoldOpened: custody.evolve_hold_opened,
    m.HoldClosed: custody.evolve_hold_closed,
    m.CashPaid: custody.evolve_paid,
    m.TrustFunded: custody.evolve_trust_funded,
    m.TrustReleased: custody.evolve_trust_released,
    m.TradeSettled: custody.evolve_trade_settled,
    m.TitleTransferred: custody.evolve_title,
    m.SubletGranted: custody.evolve_sublet_granted,
    m.SubletEnded: custody.evolve_sublet_ended,
    m.CapacityWithdrawn: custody.evolve_capacity_withdrawn,
    m.EscrowReleased: custody.evolve_escrow_released,
    m.DeliveryDayClosed: releases.evolve_closed,
    e.IndexPricePublished: marks.evolve_index_price,
    e.RiskParametersPublished: marks.evolve_risk_parameters,
    e.NodeMarked: marks.evolve_node_mark,
    e.NodeObserved: marks.evolve_node_observed,
    e.MarksPublished: marks.evolve_marks,
    e.PledgeRequested: pledges.evolve_request,
    e.PledgeAccepted: pledges.evolve_accept,
    e.PledgeDeclined: pledges.evolve_decline,
    e.PledgeReleased: pledges.evolve_release,
    ce.CapacitySubmitted: capacity.evolve_submitted,
    ce.CapacityInspected: capacity.evolve_inspected,
    ce.CapacityVerified: capacity.evolve_verified,
    ce.CapacityRejected: capacity.evolve_rejected,
    ce.CapacityDerated: _nothing,
    de.DeliveryStarted: delivery_clock.evolve_started,
    de.ReadingsRecorded: delivery.evolve_readings,
    de.DeliveryReported: delivery.evolve_reported,
    de.DeliveryAttested: delivery.evolve_attested,
    de.DeliveryDisputed: delivery.evolve_disputed,
    de.RulingProposed: delivery.evolve_proposed,
    de.DeliveryRuled: delivery.evolve_ruled,
    de.DeliveryPostponed: delivery_clock.evolve_postponed,
    de.DeliveryFinalized: delivery_clock.evolve_finalized,
    de.SettlementPlanned: releases.evolve_planned,
    de.DeliverySettled: releases.evolve_settled,
    de.DeliveryCancelled: delivery_clock.evolve_cancelled,
    de.ClaimRecorded: bonds.evolve_claim,
    de.ClaimPaid: bonds.evolve_claim_paid,
    de.BondPosted: bonds.evolve_posted,
    de.BondWithdrawn: bonds.evolve_withdrawn,
    de.BondShort: _nothing,
    de.SupplierSuspended: suppliers.evolve_suspended,
    de.SupplierReinstated: suppliers.evolve_reinstated,
    de.SupplierTerminated: suppliers.evolve_terminated,
}

__all__ = [
    "DECIDE",
    "EVOLVE",
    "ORDER_PATH",
    "ROLES",
    "VENUE_COMMANDS",
    "AccessTable",
    "State",
    "new_core",
    "require_use",
]
