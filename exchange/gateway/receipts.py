"""Commands over HTTP: submitted, awaited, and answered with a receipt or the refusal."""

from aiohttp import web

from exchange.domain.commands import Command
from exchange.domain.wire import Receipt
from exchange.projections.recent import created_id_of

from .answers import Problem, json_answer
from .border import ACCOUNT_ID, HUB, limits_with_room
from .history import HISTORY
from .limits import refusal_cost
from .refusals import error_of_outcome


async def execute(request: web.Request, command: Command, thing: str = "") -> web.Response:
    """
    201 with the place in the log and the id created, or the refusal as a problem.

    `thing` is what was asked for, in the words of who asked, with which a refusal begins.
    """
    hub, account_id = request.app[HUB], request[ACCOUNT_ID]
    limits, cost = limits_with_room(hub, account_id), refusal_cost(command)
    limits.asked(cost)
    try:
        outcome = await hub.sequencer.execute(command)
    finally:
        limits.answered(cost)
    if outcome.reason is not None:
        if not outcome.seq:
            hub.count_refusal(account_id, outcome.reason)
        raise Problem(error_of_outcome(outcome, thing=thing))
    receipt = Receipt(
        log_seq=outcome.seq,
        created_id=await _created_id(request, outcome.seq, outcome.is_duplicate),
        duplicate=outcome.is_duplicate,
        witness=hub.witness.token(),
    )
    return json_answer(receipt, status=201)


async def _created_id(request: web.Request, seq: int, is_duplicate: bool) -> int:
    """From the latest records or, for the repeat of an old command, from the log."""
    created_id = request.app[HUB].projections.recent.created_id(seq)
    if created_id is None and is_duplicate:
        records = await request.app[HISTORY].records(seq, 1)
        return created_id_of(records[0].events) if records else 0
    return created_id or 0
