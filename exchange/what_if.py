"""
What if: imagined steps on a fork of the log, and what they change.

    Fork ─▶ steps ─▶ a marking cycle ─▶ which rows changed, and what pledges lend now

A step's commands go through the rules of the market, so what they refuse is refused here. Steps
come from a file of JSON:

    {"about": "…", "steps": [
        {"step": "fall", "by_ppm": 200000},
        {"step": "supplier_fails", "supplier": "NAME"},
        {"step": "command", "by": "NAME", "type": "place_order", "fields": {"instrument": "…", …}},
        {"step": "advance", "hours": 25}]}
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from exchange.domain import commands as c
from exchange.domain.commands import Command
from exchange.domain.enums import Side
from exchange.domain.lending_events import PledgeMarked
from exchange.domain.record import AnyCommand
from exchange.domain.units import NS_PER_SECOND, PPM_WHOLE
from exchange.domain.windows import day_at
from exchange.engine.compare import StateDifference, compare_states
from exchange.fork import Fork, Given, NotThere
from exchange.gateway.named import command_from
from exchange.rules import State
from exchange.rules.lending_state import Pledge
from exchange.rules.marks import SHORTEST_CYCLE_NS

_KINDS: dict[str, type[Command]] = {
    str(kind.__struct_config__.tag): kind for kind in AnyCommand.__args__
}


class WhatIfFailed(Exception):
    """A step cannot be taken at all: it names what is not there."""


class Step(Struct, frozen=True, tag_field="step", forbid_unknown_fields=True):
    """Base of the steps."""


class Fall(Step, frozen=True, tag="fall"):
    """
    Outside prices and settlement prices fall, of one class or region if it is named.

    Orders that stand in its windows are withdrawn: nobody would still quote the prices of before.
    """

    by_ppm: Annotated[int, Meta(ge=1, lt=PPM_WHOLE)]
    gpu_class: str = ""
    region: str = ""


class SupplierFails(Step, frozen=True, tag="supplier_fails"):
    """Its orders are cancelled, its keys revoked, and its windows halted."""

    supplier: str


class Give(Step, frozen=True, tag="command"):
    """Any command, by its tag and fields; things may be named instead of numbered."""

    type: str
    by: str = ""
    """Whose key is used; the exchange itself without."""
    fields: dict[str, Any] = {}


class Advance(Step, frozen=True, tag="advance"):
    """The market's clock runs on, with everything that is due on its way, marking cycles too."""

    hours: Annotated[int, Meta(ge=1, le=24 * 366)]


class WhatIf(Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    steps: list[Fall | SupplierFails | Give | Advance]
    about: str = ""


class PledgeValue(Struct, frozen=True):
    """What an active pledge is worth and lends, before and after; 0 where it is gone."""

    pledge_id: int
    account_id: int
    bank_account_id: int
    value_before_amount: int
    value_after_amount: int
    lendable_before_amount: int
    lendable_after_amount: int


class Imagined(Struct, frozen=True):
    """What the steps brought."""

    given: list[Given]
    """In order; step 0 is the marking cycle at the end."""
    difference: StateDifference
    pledges: list[PledgeValue]


def imagine(fork: Fork, what_if: WhatIf) -> Imagined:
    """Takes the steps, marks the market, and says what changed. Raises `WhatIfFailed`."""
    before, marks_before = State.restore(fork.state.canonical()), fork.pledge_marks()
    for fork.step, step in enumerate(what_if.steps, start=1):
        try:
            _take(fork, step)
        except (NotThere, msgspec.ValidationError) as error:
            raise WhatIfFailed(f"step {fork.step}: {error}") from None
    fork.step = 0
    fork.advance(fork.state.market_data.marked_ns + SHORTEST_CYCLE_NS)
    fork.mark()
    asked = {**before.pledges, **fork.state.pledges}
    pledges = _pledge_values(marks_before, fork.pledge_marks(), asked)
    return Imagined(fork.given, compare_states(before, fork.state), pledges)


def _take(fork: Fork, step: Fall | SupplierFails | Give | Advance) -> None:
    match step:
        case Fall():
            _fall(fork, step)
        case SupplierFails():
            _fail(fork, step)
        case Give():
            _give(fork, step)
        case Advance():
            fork.advance(fork.state.market_ns + step.hours * 3_600 * NS_PER_SECOND)


def _fall(fork: Fork, step: Fall) -> None:
    left_ppm, key_id, state = PPM_WHOLE - step.by_ppm, fork.operators_key(), fork.state

    def falls(thing: Any) -> bool:
        is_class = step.gpu_class in ("", thing.gpu_class)
        return is_class and step.region in ("", thing.region)

    for index in filter(falls, list(state.market_data.indices.values())):
        fallen = c.PublishIndexPrice(
            gpu_class=index.gpu_class,
            region=index.region,
            index_micro=index.index_micro * left_ppm // PPM_WHOLE,
            usd_micro=index.usd_micro * left_ppm // PPM_WHOLE,
            usd_cny_ppm=index.usd_cny_ppm,
            observed_day=day_at(state.market_ns),
            source="what-if",
            row_count=index.row_count,
            file_sha256=index.file_sha256,
        )
        fork.do(key_id, fallen)
    for _, instrument_id in list(state.gates):
        product = state.products[state.instruments[instrument_id].product_id]
        old_price = state.core.bands(instrument_id)[0]
        if old_price and falls(product):
            price = max(1, old_price * left_ppm // PPM_WHOLE)
            settled = c.PublishSettlementPrice(instrument_id=instrument_id, settlement_price=price)
            fork.do(key_id, settled)

    _withdraw(fork, {number for number, product in state.products.items() if falls(product)})


def _withdraw(fork: Fork, product_ids: set[int]) -> None:
    """Every account that can cancels its orders in these products' windows."""
    core, instruments = fork.state.core, fork.state.instruments
    for account_id in sorted(fork.state.participants):
        orders = [core.order(order_id) for order_id in core.orders_of_account(account_id)]
        instrument_ids = sorted({order[4] for order in orders if order is not None})
        keys = fork.keys_of(account_id)
        for instrument_id in instrument_ids if keys else ():
            if instruments[instrument_id].product_id in product_ids:
                fork.do(keys[0], c.MassCancel(instrument_id=instrument_id))


def _fail(fork: Fork, step: SupplierFails) -> None:
    account_id, key_id, state = fork.account_id(step.supplier), fork.operators_key(), fork.state
    for revoked_id in fork.keys_of(account_id):
        # A key takes with it the orders that it placed.
        fork.do(key_id, c.RevokeKey(revoked_key_id=revoked_id))
    for _, instrument_id in list(state.gates):
        product_id = state.instruments[instrument_id].product_id
        is_theirs = state.products[product_id].supplier_account_id == account_id
        # One that contains another was halted with it.
        if is_theirs and instrument_id not in state.halts:
            fork.do(key_id, c.HaltInstrument(instrument_id=instrument_id))


def _give(fork: Fork, step: Give) -> None:
    kind = _KINDS.get(step.type)
    if kind is None:
        raise NotThere(f"there is no command {step.type!r}; there are: {', '.join(_KINDS)}")
    command = command_from(kind, _numbered(fork, step.fields), {})
    fork.do(fork.key_of(step.by) if step.by else 0, command)


def _numbered(fork: Fork, fields: dict[str, Any]) -> dict[str, Any]:
    """Fields as the command has them: a name in `instrument` is a number in `instrument_id`."""
    numbered: dict[str, Any] = {}
    for name, value in fields.items():
        match name, value:
            case "side", "buy" | "sell":
                numbered["side"] = Side[value.upper()]
            case "instrument", str():
                numbered["instrument_id"] = fork.numbered(fork.state.instrument_ids, value)
            case "product", str():
                codes = {p.code: number for number, p in fork.state.products.items()}
                numbered["product_id"] = fork.numbered(codes, value)
            case (("account" | "bank_account" | "auditor_account" | "supplier_account"), str()):
                numbered[f"{name}_id"] = fork.account_id(value)
            case _:
                numbered[name] = value
    return numbered


def _pledge_values(
    before: dict[int, PledgeMarked], after: dict[int, PledgeMarked], asked: dict[int, Pledge]
) -> list[PledgeValue]:
    values = []
    for pledge_id in sorted(before.keys() | after.keys()):
        old, new = before.get(pledge_id), after.get(pledge_id)
        request = asked[pledge_id].request
        values.append(
            PledgeValue(
                pledge_id=pledge_id,
                account_id=request.account_id,
                bank_account_id=request.bank_account_id,
                value_before_amount=old.value_amount if old else 0,
                value_after_amount=new.value_amount if new else 0,
                lendable_before_amount=old.lendable_amount if old else 0,
                lendable_after_amount=new.lendable_amount if new else 0,
            )
        )
    return values
