"""
Who may do what: every command under every role, against the table of the market's rules.

A row of `MATRIX` is a command, the roles that may give it, and its fields; every other role is
refused with `wrong_role`. Of two-person commands `test_two_persons_…` shows that one is refused.
"""

from typing import Any, get_args

import pytest
from msgspec.structs import replace

from exchange import genesis
from exchange.domain import capacity_commands as cc
from exchange.domain import commands as c
from exchange.domain import delivery_commands as dlc
from exchange.domain import desk_commands as d
from exchange.domain import lending_commands as lc
from exchange.domain import letting as l
from exchange.domain import substitution as sb
from exchange.domain.enums import MarkLine, ProductKind, Role, Scope, Side, TradingMode, WindowKind
from exchange.domain.reasons import Reason, RefusalCount
from exchange.domain.record import AnyCommand
from exchange.domain.windows import parse_window
from exchange.rules import ROLES, VENUE_COMMANDS
from tests.rules.markets import day, own
from tests.rules.test_participants import GENESIS
from tests.scenario import AUDITOR, BANK, OTHER, SUPPLIER, TRADER, Market, secret_hash

OPERATOR = 1
INVESTOR = 8
KEYS = {
    Role.OPERATOR: OPERATOR,
    Role.SUPPLIER: SUPPLIER,
    Role.TRADER: TRADER,
    Role.BANK: BANK,
    Role.AUDITOR: AUDITOR,
    Role.INVESTOR: INVESTOR,
}
FEBRUARY = parse_window("M2702")
DAYS = {"start_day": FEBRUARY.start_day, "end_day": FEBRUARY.end_day}

A_DAY = {"product_id": 1, "day": FEBRUARY.start_day}
PROOF = {"evidence_sha256": secret_hash("proof")}
SUPPLYING = {Role.SUPPLIER}
AUDITING = {Role.AUDITOR}
NOBODY: set[Role] = set()
ANYBODY = set(Role)
OPERATORS = {Role.OPERATOR}
TRADING = {Role.TRADER, Role.SUPPLIER}
LENDING = {Role.BANK}
TRADERS = {Role.TRADER}

MATRIX: dict[type[c.Command], tuple[set[Role], dict[str, Any]]] = {
    # the exchange's own
    c.CreateVenue: (NOBODY, {n: getattr(GENESIS, n) for n in GENESIS.__struct_fields__[4:]}),
    c.AdvanceClock: (NOBODY, {"market_ns": 2**62}),
    c.UncrossBooks: (NOBODY, {}),
    lc.MarkPledges: (NOBODY, {}),
    c.PublishSettlementPrices: (NOBODY, {}),
    c.MarkState: (NOBODY, {}),
    c.CountRefusals: (NOBODY, {"counts": [RefusalCount(3, Reason.RATE, 7)]}),
    c.RecordStateHash: (NOBODY, {"marked_seq": 1, "state_sha256": secret_hash("state")}),
    # orders: traders their own, suppliers their own product
    c.PlaceOrder: (
        TRADING,
        {"instrument_id": 1, "side": Side.BUY, "order_qty": 1, "limit_price": 1},
    ),
    c.AmendOrder: (TRADING, {"order_id": 1, "order_qty": 1}),
    c.CancelOrder: (TRADING, {"order_id": 1}),
    c.MassCancel: (TRADING, {}),
    # sublets: traders their own; a supplier sells its days and lets none
    l.OpenSublet: (
        TRADERS,
        {
            "product_id": 1,
            "lessee_account_id": OTHER,
            "sublet_qty": 1,
            "rent_price": 1,
            **DAYS,
        },
    ),
    l.AcceptSublet: (TRADERS, {"offer_id": 1}),
    l.DeclineSublet: (TRADERS, {"offer_id": 1}),
    l.ConsentToSublet: (LENDING, {"offer_id": 1}),
    l.EndSublet: (TRADERS, {"sublet_id": 1}),
    # pledges: owners ask, banks take, lift or decline
    c.RequestPledge: (
        TRADING,
        {"product_id": 1, "pledged_qty": 1, "bank_account_id": BANK, **DAYS},
    ),
    c.AcceptPledge: (LENDING, {"pledge_id": 1}),
    c.ReleasePledge: (LENDING, {"pledge_id": 1}),
    c.DeclinePledge: (TRADING | LENDING, {"pledge_id": 1}),
    # the desk: traders and suppliers deal, operators decide what is out of order
    d.RequestQuote: (TRADING, {"product_id": 1, "request_qty": 1, **DAYS}),
    d.SubmitQuote: (TRADING, {"quote_request_id": 99, "quote_price": 1}),
    d.AcceptQuote: (TRADING, {"quote_id": 99}),
    d.WithdrawQuote: (TRADING, {"quote_id": 99}),
    d.WithdrawQuoteRequest: (TRADING, {"quote_request_id": 99}),
    d.ProposeBlock: (
        TRADING,
        {
            "counterparty_account_id": 99,
            "product_id": 1,
            "side": Side.BUY,
            "block_qty": 1,
            "block_price": 1,
            **DAYS,
        },
    ),
    d.ConfirmBlock: (TRADING, {"block_id": 99}),
    d.DeclineBlock: (TRADING, {"block_id": 99}),
    d.AllocateBlock: (TRADING, {"block_id": 99, "allocations": []}),
    d.RequestBust: (TRADING, {"trade_id": 99, "note": "test"}),
    d.RequestCorrection: (TRADING, {"trade_id": 99, "corrected_price": 1, "note": "test"}),
    d.WaiveBand: (OPERATORS, {"block_id": 99, "note": "test"}),
    d.ConfirmWaiver: (OPERATORS, {"block_id": 99}),
    d.ApproveCorrection: (OPERATORS, {"correction_id": 99}),
    d.DeclineCorrection: (OPERATORS, {"correction_id": 99, "note": "test"}),
    d.RecordClaim: (OPERATORS, {"correction_id": 99, "claim_amount": 1, "note": "test"}),
    # listing, calendar, money, capacity, marks: the operator
    c.DefineProduct: (
        OPERATORS,
        {
            "code": "new",
            "kind": ProductKind.GPU_TIME,
            "gpu_class": "H100",
            "region": "SG",
            "supplier_account_id": SUPPLIER,
            "lot_qty": 8,
        },
    ),
    c.PublishCalendar: (
        OPERATORS,
        {"year": 2027, "version": 1, "trading_days": [day("2027-01-04")]},
    ),
    c.ListInstrument: (OPERATORS, {"product_id": 1, "kind": WindowKind.MONTH, **DAYS}),
    c.ScheduleListings: (OPERATORS, {"product_id": 1}),
    c.PublishBandWidths: (
        OPERATORS,
        {"static_bps": 1000, "day_static_bps": 2000, "dynamic_bps": 300},
    ),
    c.PublishSettlementPrice: (OPERATORS, {"instrument_id": 1, "settlement_price": 100}),
    c.HaltInstrument: (OPERATORS, {"instrument_id": 1}),
    c.ResumeInstrument: (OPERATORS, {"instrument_id": 1}),
    c.DepositCash: (
        OPERATORS,
        {"account_id": TRADER, "deposit_amount": 1, "external_reference": "new"},
    ),
    c.WithdrawCash: (
        OPERATORS,
        {
            "account_id": TRADER,
            "withdrawal_amount": 1,
            "external_reference": "new",
            "withdrawal_id": 99,
        },
    ),
    c.RequestWithdrawal: (set(Role), {"withdrawal_amount": 1}),
    c.DeclineWithdrawal: (set(Role), {"withdrawal_id": 99}),
    c.GrantCapacity: (
        OPERATORS,
        {
            "product_id": 1,
            "granted_qty": 1,
            "auditor_account_id": AUDITOR,
            "evidence_sha256": secret_hash("report"),
            **DAYS,
        },
    ),
    c.PublishIndexPrice: (
        OPERATORS,
        {
            "gpu_class": "A100-80-SXM",
            "region": "SG",
            "index_micro": 1,
            "usd_micro": 1,
            "usd_cny_ppm": 1,
            "observed_day": 1,
            "source": "test",
            "row_count": 1,
            "file_sha256": secret_hash("file"),
        },
    ),
    c.PublishRiskParameters: (OPERATORS, {"risk_parameters": genesis.risk_parameters()}),
    c.PublishMarks: (OPERATORS, {}),
    # participants: the operator; everyone its own keys and sessions
    c.AdmitParticipant: (OPERATORS, {"name": "new", "roles": [Role.TRADER]}),
    c.ConfirmAdmission: (OPERATORS, {"account_id": 99}),
    # an auditor its own, see test_participants
    c.RegisterKey: (
        OPERATORS | {Role.AUDITOR},
        {"account_id": TRADER, "token_sha256": secret_hash("new"), "scopes": [Scope.READ]},
    ),
    c.RevokeKey: (ANYBODY, {"revoked_key_id": 99}),
    c.OpenSession: (ANYBODY, {}),
    c.CloseSession: (ANYBODY, {"closed_session_id": 99}),
    # capacity: suppliers offer, auditors verify, the operator countersigns by its grant
    cc.SubmitCapacity: (SUPPLYING, {"product_id": 1, "submitted_qty": 1, **DAYS}),
    cc.InspectCapacity: (AUDITING, {"grant_id": 99, **PROOF}),
    cc.VerifyCapacity: (AUDITING, {"grant_id": 99}),
    cc.RejectCapacity: (SUPPLYING | AUDITING, {"grant_id": 99}),
    cc.WithdrawCapacity: (SUPPLYING, {"product_id": 1, "withdrawn_qty": 1, **DAYS}),
    cc.DerateCapacity: (AUDITING, {"product_id": 1, "derated_qty": 1, **DAYS, **PROOF}),
    # delivery: suppliers report, auditors attest and rule, those concerned dispute
    dlc.RecordReadings: (SUPPLYING, {"product_id": 1, "readings": []}),
    dlc.ReportDelivery: (SUPPLYING, A_DAY),
    dlc.AttestDelivery: (AUDITING, {**A_DAY, "rulings": [], **PROOF}),
    dlc.DisputeDelivery: (TRADING | LENDING, {**A_DAY, **PROOF}),
    dlc.RuleDelivery: (AUDITING, {**A_DAY, "available_qtys": [1] * 24, **PROOF}),
    dlc.CountersignRuling: (OPERATORS, {**A_DAY, "available_qtys": [1] * 24, **PROOF}),
    dlc.PostBond: (SUPPLYING, {"bond_amount": 1}),
    dlc.WithdrawBond: (SUPPLYING, {"bond_amount": 1}),
    dlc.PayClaim: (SUPPLYING, {"claim_id": 99, "paid_amount": 1}),
    sb.OfferSubstitution: (
        SUPPLYING,
        {
            "holder_account_id": TRADER,
            "product_id": 1,
            "start_day": 30_000,
            "end_day": 30_001,
            "substituted_qty": 1,
            "other_product_id": 1,
            "other_start_day": 30_005,
        },
    ),
    sb.AcceptSubstitution: (TRADERS, {"substitution_id": 99}),
    sb.DeclineSubstitution: (TRADING, {"substitution_id": 99}),
    dlc.SuspendSupplier: (OPERATORS, {"supplier_account_id": 99}),
    dlc.ReinstateSupplier: (OPERATORS, {"supplier_account_id": 99}),
    dlc.TerminateSupplier: (OPERATORS, {"supplier_account_id": 99}),
    # marks of pledges: the parties dispute, auditors rule, operators countersign
    lc.DisputeMark: (
        TRADING | LENDING,
        {
            "pledge_id": 99,
            "mark_seq": 1,
            "line": MarkLine.VALUE,
            "claimed_amount": 0,
            **PROOF,
        },
    ),
    lc.ApplyForLoan: (
        TRADING,
        {
            "bank_account_id": BANK,
            "principal_amount": 1,
            "maturity_day": FEBRUARY.start_day,
            "collateral": [lc.CollateralOffer(product_id=1, pledged_qty=1, **DAYS)],
        },
    ),
    lc.OfferLoan: (LENDING, {"loan_id": 99, "principal_amount": 1, "interest_ppm": 1}),
    lc.DeclineLoan: (TRADING | LENDING, {"loan_id": 99}),
    lc.DrawLoan: (TRADING, {"loan_id": 99}),
    lc.RepayLoan: (TRADING, {"loan_id": 99, "repaid_amount": 1}),
    lc.AddCollateral: (
        TRADING,
        {
            "loan_id": 99,
            "collateral": lc.CollateralOffer(product_id=1, pledged_qty=1, **DAYS),
        },
    ),
    lc.SubstituteCollateral: (
        TRADING,
        {
            "pledge_id": 99,
            "collateral": lc.CollateralOffer(product_id=1, pledged_qty=1, **DAYS),
        },
    ),
    lc.EnforceLoan: (LENDING, {"loan_id": 99, "costs_amount": 0, **PROOF}),
    lc.OfferLot: (
        LENDING,
        {
            "pledge_id": 99,
            "mode": TradingMode.TITLE,
            "lot_qty": 1,
            "start_price": 1,
            "floor_price": 1,
            "step_price": 0,
            "step_minutes_count": 1,
            **DAYS,
        },
    ),
    lc.WithdrawLot: (LENDING, {"lot_id": 99}),
    lc.BuyLot: (TRADERS, {"lot_id": 99, "limit_price": 1}),
    lc.RuleMark: (AUDITING, {"dispute_id": 99, "ruled_ppm": 0, "ruled_amount": 0, **PROOF}),
    lc.CountersignMarkRuling: (OPERATORS, {"dispute_id": 99, **PROOF}),
}


@pytest.fixture(scope="module")
def market() -> Market:
    """January is listed, and every role has its account."""
    market = Market()
    market.grant("Y27", 10)
    market.list_window("M2701")
    assert market.admit("investor", Role.INVESTOR) == INVESTOR
    return market


def test_the_matrix_names_every_command_and_agrees_with_the_rules():
    assert MATRIX.keys() == set(get_args(AnyCommand)), "a command without a row, or a row too many"
    for kind, (roles, _) in MATRIX.items():
        assert roles == ROLES[kind], f"the roles of {kind.__name__}"


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("kind", list(MATRIX), ids=lambda kind: kind.__name__)
def test_a_role_may_give_the_commands_of_the_table_and_no_others(market, kind, role):
    allowed, fields = MATRIX[kind]
    if kind is c.RegisterKey and role is Role.AUDITOR:
        fields = fields | {"account_id": KEYS[role]}
    outcome = market.execute(KEYS[role], kind(**fields))
    if role in allowed:
        assert outcome.reason is not Reason.WRONG_ROLE
    else:
        assert (outcome.reason, outcome.value) == (Reason.WRONG_ROLE, KEYS[role])


@pytest.mark.parametrize("kind", list(MATRIX), ids=lambda kind: kind.__name__)
def test_the_exchange_itself_gives_its_own_commands_and_no_others(market, kind):
    outcome = market.execute(0, kind(**MATRIX[kind][1]))
    is_its_own = kind in {
        c.CreateVenue, c.AdvanceClock, c.UncrossBooks, c.CloseSession, c.PublishMarks,
        lc.MarkPledges, c.MarkState, c.RecordStateHash, c.CountRefusals, c.PublishSettlementPrices,
    }  # fmt: skip
    assert is_its_own is (kind in VENUE_COMMANDS)
    assert is_its_own is (outcome.reason is not Reason.WRONG_ROLE)


def test_one_role_that_may_is_enough_among_several():
    market = Market()
    both = market.admit("trading bank", Role.BANK, Role.TRADER)
    january = market.list_window("M2701")
    market.deposit(both, 10**9)
    market.order(both, january, Side.BUY, 1, 1)


def test_an_investor_only_looks_so_far_and_keeps_its_keys_sessions_and_cash():
    assert {kind for kind, (roles, _) in MATRIX.items() if Role.INVESTOR in roles} == {
        c.RevokeKey,
        c.OpenSession,
        c.CloseSession,
        c.RequestWithdrawal,
        c.DeclineWithdrawal,
    }


def test_one_role_that_may_not_is_named_and_nothing_changes(market):
    before = market.state.core.snapshot()
    outcome = market.execute(INVESTOR, c.MassCancel())
    assert (outcome.reason, outcome.value) == (Reason.WRONG_ROLE, INVESTOR)
    assert market.state.core.snapshot() == before


# -- two persons -----------------------------------------------------------------------------------


def assert_takes_two(market: Market, alone: int, other: int, command: c.Command) -> None:
    """Refused for the person who is already on one side, accepted from another."""
    outcome = market.refused(alone, command)
    assert (outcome.reason, outcome.value) == (Reason.SAME_PERSON, alone)
    market.do(other, replace(command, command_id="other"))


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.AUDITOR])
def test_two_persons_admit_an_operator_or_an_auditor(role):
    market = Market()
    market.do(OPERATOR, c.AdmitParticipant(name="new", roles=[role]))
    account_id = len(market.state.participants)
    assert_takes_two(market, OPERATOR, 2, c.ConfirmAdmission(account_id=account_id))


def test_two_persons_make_a_pledge():
    market = Market()
    both = market.admit("trading bank", Role.BANK, Role.TRADER)
    market.grant("Y27", 10)
    _, fields = MATRIX[c.RequestPledge]
    request = c.RequestPledge(**fields | {"bank_account_id": both})
    assert_takes_two(market, both, SUPPLIER, request)


def test_two_persons_make_a_sublet_and_end_it():
    market = Market()
    market.grant("M2702", 1)
    own(market, TRADER, market.list_window("M2702"), 1)
    own_offer = l.OpenSublet(**MATRIX[l.OpenSublet][1] | {"lessee_account_id": TRADER})
    outcome = market.refused(TRADER, own_offer)
    assert (outcome.reason, outcome.value) == (Reason.SAME_PERSON, TRADER)
    offer_id = market.do(TRADER, replace(own_offer, lessee_account_id=OTHER)).seq
    outcome = market.refused(TRADER, l.AcceptSublet(offer_id=offer_id))
    assert outcome.reason is Reason.UNKNOWN_SUBLET, "its own offer is not one to it"
    market.do(OTHER, l.AcceptSublet(offer_id=offer_id))
    (sublet_id,) = market.state.sublets
    market.do(TRADER, l.EndSublet(sublet_id=sublet_id))
    assert_takes_two(market, TRADER, OTHER, l.EndSublet(sublet_id=sublet_id))


def test_an_auditor_only_reads_so_far_and_keeps_its_own_keys_and_cash():
    assert {kind for kind, (roles, _) in MATRIX.items() if Role.AUDITOR in roles} == {
        c.RegisterKey,
        c.RevokeKey,
        c.OpenSession,
        c.CloseSession,
        c.RequestWithdrawal,
        c.DeclineWithdrawal,
        cc.InspectCapacity,
        cc.VerifyCapacity,
        cc.RejectCapacity,
        cc.DerateCapacity,
        dlc.AttestDelivery,
        dlc.RuleDelivery,
        lc.RuleMark,
    }
