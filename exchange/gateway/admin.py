"""
`POST /v1/admin/{command}`: an operator's commands, by tag and fields.

Every action is a command and so in the log. What an operator may do is decided there again; the
list here only says what can be asked for over HTTP at all.
"""

import msgspec
from aiohttp import web

from exchange.domain import commands as c
from exchange.domain import desk_commands as d
from exchange.domain.enums import Role

from .answers import not_found
from .border import HUB, acting_identity_of, command_id_of
from .named import command_from
from .receipts import execute

COMMANDS: dict[str, type[c.Command]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (
        c.AdmitParticipant,
        c.ConfirmAdmission,
        c.RegisterKey,
        c.RevokeKey,
        c.DefineProduct,
        c.PublishCalendar,
        c.ListInstrument,
        c.ScheduleListings,
        c.PublishBandWidths,
        c.PublishSettlementPrice,
        c.HaltInstrument,
        c.ResumeInstrument,
        c.DepositCash,
        c.WithdrawCash,
        c.GrantCapacity,
        c.PublishIndexPrice,
        c.PublishRiskParameters,
        c.PublishMarks,
        d.WaiveBand,
        d.ConfirmWaiver,
        d.ApproveCorrection,
        d.DeclineCorrection,
        d.RecordClaim,
    )
}

routes = web.RouteTableDef()


@routes.post("/v1/admin/{command}")
async def administer(request: web.Request) -> web.Response:
    """Executes one command: 201 with a receipt, or the market's refusal as a problem."""
    identity = acting_identity_of(request, Role.OPERATOR)
    tag = request.match_info["command"]
    kind = COMMANDS.get(tag)
    if kind is None:
        raise not_found("command", repr(tag[:64]))
    envelope = {
        "key_id": identity.key_id,
        "valid_until_ns": request.app[HUB].valid_until_ns(0),
        "command_id": command_id_of(request),
    }
    body = msgspec.json.decode(await request.read() or b"{}")
    return await execute(request, command_from(kind, body, envelope))
