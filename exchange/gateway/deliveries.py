"""
`/v1/capacity`, `/v1/deliveries`, `/v1/bonds`, `/v1/substitutions`, `/v1/products/{code}/holders`:
what suppliers, auditors and holders do and see; what they do about marks, `/v1/collateral`, and
what anybody does to have cash paid out, `/v1/withdrawals`.

`POST /v1/{noun}/{command}` takes one command by its tag and fields, as `/v1/admin` does; who may
give it is decided by the rules.
"""

import msgspec
from aiohttp import web

from exchange.domain import capacity_commands as cc
from exchange.domain import commands as c
from exchange.domain import delivery_commands as dc
from exchange.domain import lending_commands as lc
from exchange.domain import substitution as sb
from exchange.domain.account_wire import WithdrawalView
from exchange.domain.commands import Command
from exchange.domain.delivery_views import (
    BondView,
    CapacityView,
    ClaimView,
    DeliveryView,
    HolderView,
    SubstitutionView,
)
from exchange.domain.enums import Role
from exchange.domain.reasons import Reason
from exchange.domain.substitution import SubstitutionOffered
from exchange.domain.units import MAX_DAY
from exchange.domain.windows import day_at
from exchange.projections import Projections
from exchange.projections.deliveries import Day, Grant, Supplier, is_overdue

from .answers import integer_query, json_answer, not_found, problem
from .auth import Identity
from .border import HUB, acting_identity_of, command_id_of, identity_of
from .named import command_from
from .receipts import execute

NOUNS: dict[str, tuple[type[Command], ...]] = {
    "capacity": (
        cc.SubmitCapacity,
        cc.InspectCapacity,
        cc.VerifyCapacity,
        cc.RejectCapacity,
        cc.WithdrawCapacity,
        cc.DerateCapacity,
    ),
    "deliveries": (
        dc.RecordReadings,
        dc.ReportDelivery,
        dc.AttestDelivery,
        dc.DisputeDelivery,
        dc.RuleDelivery,
        dc.CountersignRuling,
        dc.SuspendSupplier,
        dc.ReinstateSupplier,
        dc.TerminateSupplier,
    ),
    "withdrawals": (c.RequestWithdrawal, c.DeclineWithdrawal),
    "bonds": (dc.PostBond, dc.WithdrawBond, dc.PayClaim),
    "collateral": (lc.DisputeMark, lc.RuleMark, lc.CountersignMarkRuling),
    "substitutions": (sb.OfferSubstitution, sb.AcceptSubstitution, sb.DeclineSubstitution),
}
_KINDS = {
    (noun, str(kind.__struct_config__.tag)): kind for noun, kinds in NOUNS.items() for kind in kinds
}
routes = web.RouteTableDef()


@routes.post("/v1/{noun:capacity|deliveries|bonds|withdrawals|substitutions|collateral}/{command}")
async def act(request: web.Request) -> web.Response:
    """Executes one command: 201 with a receipt, or the market's refusal as a problem."""
    identity = acting_identity_of(request)
    tag = request.match_info["command"]
    kind = _KINDS.get((request.match_info["noun"], tag))
    if kind is None:
        raise not_found("command", repr(tag[:64]))
    envelope = {
        "key_id": identity.key_id,
        "valid_until_ns": request.app[HUB].valid_until_ns(0),
        "command_id": command_id_of(request),
    }
    body = msgspec.json.decode(await request.read() or b"{}")
    return await execute(request, command_from(kind, body, envelope))


@routes.get("/v1/capacity")
async def capacity(request: web.Request) -> web.Response:
    """A supplier's submissions; operators and auditors see all."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    grants = projections.deliveries.grants.values()
    views = [
        _capacity_view(grant, projections)
        for grant in grants
        if _sees(identity, grant.submitted.account_id)
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/deliveries")
async def deliveries(request: web.Request) -> web.Response:
    """Delivery days of the last ninety, `?product=` of one: what was contracted and available."""
    identity_of(request)
    projections = request.app[HUB].projections
    code = request.query.get("product")
    product = None if code is None else projections.listings.product_named(code)
    if code is not None and product is None:
        raise not_found("product", repr(code[:96]))
    views = [
        _delivery_view(day, projections)
        for _, day in sorted(projections.deliveries.days.items())
        if product is None or day.product_id == product.product_id
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/products/{code}/holders")
async def holders(request: web.Request) -> web.Response:
    """
    Who has title of a product's delivery day, `?day=` or today: to whom its supplier may offer
    others. For that supplier, operators and auditors.
    """
    identity = identity_of(request)
    hub = request.app[HUB]
    code = request.match_info["code"]
    product = hub.projections.listings.product_named(code)
    if product is None:
        raise not_found("product", repr(code[:96]))
    if not _sees(identity, product.supplier_account_id):
        words = f"account {identity.account_id} is not the supplier of {product.code}"
        raise problem(Reason.SCOPE, words)
    day = integer_query(request, "day", day_at(hub.sequencer.market_ns), 0, MAX_DAY)
    views = [
        HolderView(account_id=account_id, title_qty=title_qty)
        for account_id, title_qty in hub.projections.positions.holders(product.product_id, day)
    ]
    return json_answer(views, as_of_seq=hub.projections.at_seq)


@routes.get("/v1/bonds")
async def bonds(request: web.Request) -> web.Response:
    """Suppliers' bonds and standing, which every buyer may know; claims for those concerned."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    suppliers = sorted(projections.deliveries.suppliers.items())
    views = [_bond_view(supplier, identity, projections) for _, supplier in suppliers]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/withdrawals")
async def withdrawals(request: web.Request) -> web.Response:
    """Cash that the account has asked for and that is not paid; operators and auditors see all."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    views = [
        WithdrawalView(
            withdrawal_id=asked.withdrawal_id,
            account_id=asked.account_id,
            withdrawal_amount=asked.withdrawal_amount,
            currency=asked.currency.value,
        )
        for asked in projections.withdrawals.withdrawals.values()
        if _sees(identity, asked.account_id)
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


@routes.get("/v1/substitutions")
async def substitutions(request: web.Request) -> web.Response:
    """What is on offer to the account or by it; operators and auditors see all."""
    identity = identity_of(request)
    projections = request.app[HUB].projections
    views = [
        _substitution_view(offered, projections)
        for offered in projections.deliveries.substitutions.values()
        if _sees(identity, offered.supplier_account_id)
        or _sees(identity, offered.holder_account_id)
    ]
    return json_answer(views, as_of_seq=projections.at_seq)


def _sees(identity: Identity, account_id: int) -> bool:
    return identity.has_role(Role.OPERATOR, Role.AUDITOR) or identity.account_id == account_id


def _capacity_view(grant: Grant, projections: Projections) -> CapacityView:
    offered = grant.submitted
    return CapacityView(
        grant_id=offered.grant_id,
        account_id=offered.account_id,
        product=projections.listings.products[offered.product_id].code,
        start_day=offered.start_day,
        end_day=offered.end_day,
        submitted_qty=offered.submitted_qty,
        grant_status=projections.deliveries.grant_status(grant, projections.venue.market_ns),
        burnt_in_ns=grant.burnt_in_ns,
    )


def _delivery_view(day: Day, projections: Projections) -> DeliveryView:
    return DeliveryView(
        product=projections.listings.products[day.product_id].code,
        day=day.day,
        delivery_status=day.status,
        contracted_qty=day.contracted_qty,
        available_qtys=day.available_qtys,
        undelivered_hours=day.undelivered_hours,
        due_ns=day.due_ns,
        is_overdue=is_overdue(day, projections.venue.market_ns),
        dispute_sha256=day.dispute_sha256.hex(),
        ruled_qtys=day.ruled_qtys,
        ruling_sha256=day.ruling_sha256.hex(),
    )


def _bond_view(supplier: Supplier, identity: Identity, projections: Projections) -> BondView:
    claims = [
        ClaimView(
            claim_id=claim.claim_id,
            product=projections.listings.products[claim.product_id].code,
            day=claim.day,
            account_id=claim.account_id,
            left_amount=claim.claim_amount,
        )
        for _, claim in sorted(projections.deliveries.claims.items())
        if claim.supplier_account_id == supplier.account_id
        and (_sees(identity, claim.account_id) or _sees(identity, supplier.account_id))
    ]
    return BondView(
        supplier_account_id=supplier.account_id,
        bond_amount=supplier.bond_amount,
        required_amount=supplier.required_amount,
        is_suspended=supplier.is_suspended,
        is_terminated=supplier.is_terminated,
        claims=claims,
    )


def _substitution_view(offered: SubstitutionOffered, projections: Projections) -> SubstitutionView:
    products = projections.listings.products
    return SubstitutionView(
        substitution_id=offered.substitution_id,
        supplier_account_id=offered.supplier_account_id,
        holder_account_id=offered.holder_account_id,
        product=products[offered.product_id].code,
        start_day=offered.start_day,
        end_day=offered.end_day,
        substituted_qty=offered.substituted_qty,
        other_product=products[offered.other_product_id].code,
        other_start_day=offered.other_start_day,
        lapse_ns=offered.lapse_ns,
    )
