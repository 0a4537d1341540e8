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

from exchange.domain import commands as c
from exchange.domain import desk_commands as d
from exchange.domain import desk_events as de
from exchange.domain import events as e
from exchange.domain import movements as m
from exchange.domain.commands import Command
from exchange.domain.events import Event

from . import (
    blocks,
    clock,
    corrections,
    custody,
    desk_trades,
    listing,
    marks,
    orders,
    participants,
    pledges,
    quotes,
    revocation,
    sessions,
    state_hash,
    sublets,
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
    c.RevokeKey: revocation.decide_revocation,
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
    c.GrantCapacity: treasury.decide_grant,
    c.PublishIndexPrice: marks.decide_index_price,
    c.PublishRiskParameters: marks.decide_risk_parameters,
    c.PublishMarks: marks.decide_marks,
    c.RequestPledge: pledges.decide_request,
    c.AcceptPledge: pledges.decide_accept,
    c.DeclinePledge: pledges.decide_decline,
    c.ReleasePledge: pledges.decide_release,
    d.RequestQuote: quotes.decide_request,
    d.SubmitQuote: quotes.decide_submit,
    d.AcceptQuote: quotes.decide_accept,
    d.WithdrawQuote: quotes.decide_withdraw_quote,
    d.WithdrawQuoteRequest: quotes.decide_withdraw_request,
    d.ProposeBlock: blocks.decide_propose,
    d.ConfirmBlock: blocks.decide_confirm,
    d.DeclineBlock: blocks.decide_decline,
    d.WaiveBand: blocks.decide_waive,
    d.ConfirmWaiver: blocks.decide_confirm_waiver,
    d.AllocateBlock: blocks.decide_allocate,
    d.RequestBust: corrections.decide_bust_request,
    d.RequestCorrection: corrections.decide_correction_request,
    d.ApproveCorrection: corrections.decide_approve,
    d.DeclineCorrection: corrections.decide_decline,
    d.RecordClaim: corrections.decide_claim,
    c.AdvanceClock: clock.decide_clock,
    c.CountRefusals: participants.decide_refusal_counts,
    c.MarkState: state_hash.decide_mark,
    c.RecordStateHash: state_hash.decide_hash,
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
    e.CapacityGranted: treasury.evolve_grant,
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
    m.DeliveryDayClosed: custody.evolve_day_closed,
    de.QuoteRequested: quotes.evolve_request,
    de.QuoteSubmitted: quotes.evolve_quote,
    de.QuoteAccepted: quotes.evolve_acceptance,
    de.QuoteEnded: quotes.evolve_quote_end,
    de.QuoteRequestEnded: quotes.evolve_request_end,
    de.BlockProposed: blocks.evolve_proposal,
    de.BandWaiverRequested: blocks.evolve_waiver_request,
    de.BandWaived: blocks.evolve_waiver,
    de.BlockRegistered: blocks.evolve_registration,
    de.BlockEnded: blocks.evolve_end,
    de.BlockAllocated: blocks.evolve_allocation,
    de.DeskTradeExecuted: desk_trades.evolve_execution,
    de.DeskTradePublished: desk_trades.evolve_publication,
    de.CorrectionRequested: corrections.evolve_request,
    de.CorrectionApproved: corrections.evolve_approval,
    de.TradeBusted: corrections.evolve_bust,
    de.TradePriceCorrected: corrections.evolve_price,
    de.CorrectionDeclined: corrections.evolve_decline,
    de.ClaimRecorded: corrections.evolve_claim,
    e.IndexPricePublished: marks.evolve_index_price,
    e.RiskParametersPublished: marks.evolve_risk_parameters,
    e.NodeMarked: marks.evolve_node_mark,
    e.NodeObserved: marks.evolve_node_observed,
    e.MarksPublished: marks.evolve_marks,
    e.PledgeRequested: pledges.evolve_request,
    e.PledgeAccepted: pledges.evolve_accept,
    e.PledgeDeclined: pledges.evolve_decline,
    e.PledgeReleased: pledges.evolve_release,
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
