"""What is done about loans: `POST /v1/loans…` and `/v1/pledges/{pledge_id}/substitute`."""

from typing import Any

import msgspec
from aiohttp import web

from exchange.domain import lending_commands as lc
from exchange.domain import lending_wire as w
from exchange.domain.commands import Command

from .answers import path_id
from .border import HUB, acting_identity_of, command_id_of
from .hub import Hub
from .receipts import execute

routes = web.RouteTableDef()
_WORDS = {"decline": lc.DeclineLoan, "draw": lc.DrawLoan}


@routes.post("/v1/loans")
async def apply_for_loan(request: web.Request) -> web.Response:
    """Asks a bank: 201 with the loan's id."""
    envelope = _envelope(request)
    body = msgspec.json.decode(await request.read(), type=w.LoanRequest)
    hub = request.app[HUB]
    command = lc.ApplyForLoan(
        bank_account_id=body.bank_account_id,
        principal_amount=body.principal_amount,
        maturity_day=body.maturity_day,
        collateral=[_offer(each, hub) for each in body.collateral],
        **envelope,
    )
    return await execute(request, command, f"apply for {body.principal_amount} fen")


@routes.post("/v1/loans/{loan_id}/offer")
async def offer_loan(request: web.Request) -> web.Response:
    """The bank's terms."""
    envelope, loan_id = _envelope(request), path_id(request, "loan_id", "loan")
    body = msgspec.json.decode(await request.read(), type=w.LoanTerms)
    command = lc.OfferLoan(
        loan_id=loan_id,
        principal_amount=body.principal_amount,
        interest_ppm=body.interest_ppm,
        **envelope,
    )
    return await execute(request, command, f"offer loan {loan_id}")


@routes.post("/v1/loans/{loan_id}/{action:decline|draw}")
async def answer_loan(request: web.Request) -> web.Response:
    """Ends what is not drawn, or takes the terms."""
    envelope, loan_id = _envelope(request), path_id(request, "loan_id", "loan")
    action = request.match_info["action"]
    command: Command = _WORDS[action](loan_id=loan_id, **envelope)
    return await execute(request, command, f"{action} loan {loan_id}")


@routes.post("/v1/loans/{loan_id}/repay")
async def repay_loan(request: web.Request) -> web.Response:
    """The borrower's cash; at most what is owed is taken."""
    envelope, loan_id = _envelope(request), path_id(request, "loan_id", "loan")
    body = msgspec.json.decode(await request.read(), type=w.RepaymentRequest)
    command = lc.RepayLoan(loan_id=loan_id, repaid_amount=body.repaid_amount, **envelope)
    return await execute(request, command, f"repay loan {loan_id}")


@routes.post("/v1/loans/{loan_id}/collateral")
async def add_collateral(request: web.Request) -> web.Response:
    """More unit-days: 201 with the new pledge's id."""
    envelope, loan_id = _envelope(request), path_id(request, "loan_id", "loan")
    body = msgspec.json.decode(await request.read(), type=w.CollateralBody)
    offer = _offer(body, request.app[HUB])
    command = lc.AddCollateral(loan_id=loan_id, collateral=offer, **envelope)
    return await execute(request, command, f"add {body.pledged_qty} of {body.product}")


@routes.post("/v1/pledges/{pledge_id}/substitute")
async def substitute_collateral(request: web.Request) -> web.Response:
    """Other unit-days for a whole pledge: 201 with the new pledge's id."""
    envelope, pledge_id = _envelope(request), path_id(request, "pledge_id", "pledge")
    body = msgspec.json.decode(await request.read(), type=w.CollateralBody)
    offer = _offer(body, request.app[HUB])
    command = lc.SubstituteCollateral(pledge_id=pledge_id, collateral=offer, **envelope)
    return await execute(request, command, f"substitute pledge {pledge_id}")


def _envelope(request: web.Request) -> dict[str, Any]:
    """What every command has of its request."""
    return {
        "key_id": acting_identity_of(request).key_id,
        "command_id": command_id_of(request),
        "valid_until_ns": request.app[HUB].valid_until_ns(0),
    }


def _offer(body: w.CollateralBody, hub: Hub) -> lc.CollateralOffer:
    product = hub.projections.listings.product_named(body.product)
    return lc.CollateralOffer(
        # The rules refuse product 0, on the record.
        product_id=0 if product is None else product.product_id,
        start_day=body.start_day,
        end_day=body.end_day,
        pledged_qty=body.pledged_qty,
    )
