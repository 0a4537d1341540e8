"""
Suppliers' bonds: cash in trust against what they may fail to deliver, and what it left owing.

Required are 5 % of what is sold and not delivered of the next 90 days, at the reference of each
day, rounded up. A withdrawal below that and what is claimed is refused. A bond that is below it
because more was sold, prices rose or damages were drawn is looked at as each day begins, and stated
when that is new or another amount than was stated last; it is stated too when it is made good, by a
payment at once. Damages that it does not cover are claims.

When the supplier is terminated, each cancelled day has its share of the bond, by the damages of
all; it pays from nothing else, and no other day from it.
"""

from msgspec.structs import replace

from exchange.domain.delivery_commands import PayClaim, PostBond, WithdrawBond
from exchange.domain.delivery_events import (
    BondMadeGood,
    BondPosted,
    BondShort,
    BondWithdrawn,
    ClaimPaid,
    DamagesClaimed,
)
from exchange.domain.enums import Purpose, Trust
from exchange.domain.events import Event
from exchange.domain.movements import CashPaid, TrustFunded, TrustReleased
from exchange.domain.reasons import Reason, Refused, require
from exchange.domain.units import HOURS_PER_DAY, MAX_INTEGER, MICRO_PER_FEN
from exchange.domain.windows import day_at

from .delivery_state import Claim, DeliveryDay, Standing
from .earnings import Earnings
from .references import Settlement, reference_micro, settlements_by_product
from .state import State

BOND_DAYS = 90
BOND_PERCENT = 5


# -- decide ---------------------------------------------------------------------------------------


def decide_post(command: PostBond, state: State, account_id: int) -> list[Event]:
    """Available cash goes into the bond."""
    available_amount, _ = state.core.balances(account_id)
    require(
        command.bond_amount <= available_amount, Reason.CASH, command.bond_amount, available_amount
    )
    bond_amount = bond_of(account_id, state) + command.bond_amount
    posted = BondPosted(
        supplier_account_id=account_id,
        posted_amount=command.bond_amount,
        bond_amount=bond_amount,
    )
    funded = TrustFunded(
        account_id=account_id,
        trust=Trust.BOND,
        funded_amount=command.bond_amount,
        purpose=Purpose.BOND,
    )
    return [posted, funded, *_made_good(account_id, bond_amount, state)]


def decide_withdraw(command: WithdrawBond, state: State, account_id: int) -> list[Event]:
    """What sold days and claims do not ask for comes back; refused with what is left and asked."""
    bond_amount = bond_of(account_id, state)
    left_amount = bond_amount - command.bond_amount
    require(left_amount >= 0, Reason.CASH, command.bond_amount, bond_amount)
    today = day_at(state.market_ns)
    # A day that is being delivered, or not yet settled, may still draw on all there is.
    required_amount = required_bonds(today, state).get(account_id, 0)
    kept_amount = required_amount + _claimed_amount(account_id, state)
    kept_amount += _shares_amount(account_id, state)
    require(left_amount >= kept_amount, Reason.BOND, left_amount, kept_amount)
    withdrawn = BondWithdrawn(
        supplier_account_id=account_id,
        withdrawn_amount=command.bond_amount,
        bond_amount=left_amount,
        required_amount=required_amount,
    )
    released = TrustReleased(
        account_id=account_id,
        trust=Trust.BOND,
        released_amount=command.bond_amount,
        purpose=Purpose.BOND,
    )
    return [withdrawn, released]


def decide_pay_claim(command: PayClaim, state: State, account_id: int) -> list[Event]:
    """The supplier pays what it owes, at most that, out of available cash."""
    claim = state.claims.get(command.claim_id)
    if claim is None or claim.recorded.supplier_account_id != account_id:
        raise Refused(Reason.UNKNOWN_CLAIM, command.claim_id)
    paid_amount = command.paid_amount
    require(paid_amount <= claim.left_amount, Reason.ALREADY_DONE, paid_amount, claim.left_amount)
    available_amount, _ = state.core.balances(account_id)
    require(paid_amount <= available_amount, Reason.CASH, paid_amount, available_amount)
    paid = ClaimPaid(
        claim_id=command.claim_id,
        paid_amount=paid_amount,
        left_amount=claim.left_amount - paid_amount,
    )
    moved = CashPaid(
        payer_account_id=account_id,
        payee_account_id=claim.recorded.account_id,
        paid_amount=paid_amount,
        purpose=Purpose.CLAIM,
    )
    earnings = Earnings(day_at(state.market_ns), state)
    pledge_id = claim.recorded.pledge_id
    repaid = earnings.received(pledge_id, paid_amount, Purpose.CLAIM)
    return [paid, moved, *repaid, *earnings.consequences()]


def _claimed_amount(supplier_id: int, state: State) -> int:
    """What a supplier owes of damages that its bond did not cover."""
    claims = state.claims.values()
    return sum(c.left_amount for c in claims if c.recorded.supplier_account_id == supplier_id)


def short_bonds(today: int, state: State) -> list[Event]:
    """What is new of bonds that are below what their sold days ask for, by supplier."""
    required = required_bonds(today, state)
    found: list[Event] = []
    for supplier_id in sorted({*required, *state.standings}):
        standing = state.standings.get(supplier_id, Standing())
        bond_amount, required_amount = standing.bond_amount, required.get(supplier_id, 0)
        stated = (standing.short_bond_amount, standing.short_required_amount)
        kind = BondShort if bond_amount < required_amount else BondMadeGood
        is_news = stated != (bond_amount, required_amount) if kind is BondShort else any(stated)
        if is_news:
            found.append(
                kind(
                    supplier_account_id=supplier_id,
                    bond_amount=bond_amount,
                    required_amount=required_amount,
                )
            )
    return found


def _made_good(supplier_id: int, bond_amount: int, state: State) -> list[Event]:
    """That a bond which was short is large enough with what is being paid in."""
    standing = state.standings.get(supplier_id)
    if standing is None or not standing.short_required_amount:
        return []
    required_amount = required_bonds(day_at(state.market_ns), state).get(supplier_id, 0)
    if bond_amount < required_amount:
        return []
    return [
        BondMadeGood(
            supplier_account_id=supplier_id,
            bond_amount=bond_amount,
            required_amount=required_amount,
        )
    ]


def required_bonds(today: int, state: State) -> dict[int, int]:
    """What each supplier's sold days of the next 90, and those still open, ask for, in fen."""
    settled = settlements_by_product(today, today + 1 + BOND_DAYS, state)
    notional_micro: dict[int, int] = {}
    for product in state.products.values():
        supplier_id = product.supplier_account_id
        found = _notional_micro(product.product_id, today, settled, state)
        notional_micro[supplier_id] = notional_micro.get(supplier_id, 0) + found
    divisor = 100 * MICRO_PER_FEN
    return {
        supplier_id: min(MAX_INTEGER, -(-micro * BOND_PERCENT // divisor))
        for supplier_id, micro in notional_micro.items()
        if micro
    }


def _notional_micro(
    product_id: int, today: int, settled: dict[int, list[Settlement]], state: State
) -> int:
    """Sold GPU-hours at their references: days to come, and days that are not settled yet."""
    total = sum(
        entry.contracted_qty * HOURS_PER_DAY * entry.reference_micro
        for entry in state.deliveries.get(product_id, {}).values()
    )
    rows = settled.get(product_id, [])
    last_day = today + BOND_DAYS
    for start_day, end_day, sold_qty, _ in state.core.escrow(product_id):
        for day in range(max(start_day, today + 1), min(end_day, last_day + 1)):
            reference = reference_micro(product_id, day, rows, state)
            total += sold_qty * HOURS_PER_DAY * reference
    return total


def bond_of(account_id: int, state: State) -> int:
    """A supplier's bond, in fen."""
    standing = state.standings.get(account_id)
    return 0 if standing is None else standing.bond_amount


def bond_for(entry: DeliveryDay, state: State) -> int:
    """What the damages of a day may draw: its share if it is cancelled, else what is no share."""
    supplier_id = state.products[entry.product_id].supplier_account_id
    bond_amount = bond_of(supplier_id, state)
    if entry.is_cancelled:
        return min(entry.bond_amount, bond_amount)
    return max(0, bond_amount - _shares_amount(supplier_id, state))


def _shares_amount(supplier_id: int, state: State) -> int:
    """What of a terminated supplier's bond is kept for cancelled days that are not yet paid."""
    standing = state.standings.get(supplier_id)
    if standing is None or not standing.is_terminated:
        return 0
    return sum(
        entry.bond_amount
        for product_id, days in state.deliveries.items()
        if state.products[product_id].supplier_account_id == supplier_id
        for entry in days.values()
    )


# -- evolve ---------------------------------------------------------------------------------------


def standing_of(account_id: int, state: State) -> Standing:
    """A supplier's standing, new where it has none; for `evolve` only."""
    return state.standings.setdefault(account_id, Standing())


def evolve_posted(event: BondPosted, state: State) -> None:
    """The bond is larger."""
    standing_of(event.supplier_account_id, state).bond_amount = event.bond_amount


def evolve_withdrawn(event: BondWithdrawn, state: State) -> None:
    """The bond is smaller."""
    standing_of(event.supplier_account_id, state).bond_amount = event.bond_amount


def evolve_short(event: BondShort, state: State) -> None:
    """It need not be said again."""
    standing = standing_of(event.supplier_account_id, state)
    standing.short_bond_amount = event.bond_amount
    standing.short_required_amount = event.required_amount


def evolve_made_good(event: BondMadeGood, state: State) -> None:
    """Nothing is missing."""
    standing = standing_of(event.supplier_account_id, state)
    standing.short_bond_amount = standing.short_required_amount = 0


def evolve_claim(event: DamagesClaimed, state: State) -> None:
    """The damages are owed."""
    state.claim_count = event.claim_id
    state.claims[event.claim_id] = Claim(event, event.claim_amount)


def evolve_claim_paid(event: ClaimPaid, state: State) -> None:
    """Less is owed, or nothing."""
    if event.left_amount:
        claim = state.claims[event.claim_id]
        state.claims[event.claim_id] = replace(claim, left_amount=event.left_amount)
    else:
        del state.claims[event.claim_id]
