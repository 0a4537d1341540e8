"""
Who bears what was not delivered, and who is paid for it: arithmetic, and nothing else.

    undelivered GPU-hours ─▶ users of the day ─▶ their owners ─▶ refund, damages ─▶ pledgees first
                                    └─▶ sublets ─▶ rent back; the rest to the lessor or its pledgee

Everything is shared by largest remainder, ties to the lower id, so that parts add up to the whole.
What a product's house has neither sold nor sublet is nobody's use, so it bears the loss first: the
hours that come in here are those that it could not bear.
"""

from collections.abc import Sequence
from operator import attrgetter

from msgspec import Struct

from exchange.domain.delivery_events import Payout
from exchange.domain.enums import Purpose
from exchange.domain.units import HOURS_PER_DAY, MICRO_PER_FEN

from .rent import encumbered_qty, swept_amount

_sublet_id = attrgetter("sublet_id")
_pledge_id = attrgetter("pledge_id")


class Holder(Struct, frozen=True, array_like=True):
    """What an account has of a day."""

    account_id: int
    is_house: bool
    title_qty: int
    lien_qty: int
    sublet_out_qty: int
    sublet_in_qty: int


class Sublet(Struct, frozen=True):
    """A sublet of the day."""

    sublet_id: int
    lessor_account_id: int
    lessee_account_id: int
    sublet_qty: int
    rent_price: int
    bank_account_id: int = 0
    """The pledgee that has let it in a lot, and has its whole rent for the pledge; else 0."""
    pledge_id: int = 0


class Lien(Struct, frozen=True):
    """A pledge on the day."""

    pledge_id: int
    account_id: int
    bank_account_id: int
    pledged_qty: int


class DayBook(Struct, frozen=True, kw_only=True):
    """All that the settlement of a day follows from."""

    supplier_account_id: int
    holders: list[Holder]
    sublets: list[Sublet]
    liens: list[Lien]
    undelivered_hours: int
    escrow_amount: int
    sold_qty: int
    reference_micro: int
    bond_amount: int


class Use(Struct, frozen=True):
    """What an account may use: its own days, or those of a sublet."""

    account_id: int
    sublet_id: int
    owner_account_id: int
    use_qty: int


def apportion(total: int, weights: Sequence[int]) -> list[int]:
    """
    Shares of a whole by weight: each rounded down, the rest one by one to the largest remainders.

    Equal remainders go to the earlier entry. Without any weight everybody has 0.
    """
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    shares = [total * weight // whole for weight in weights]
    rest = total - sum(shares)
    if rest:
        remainders = [(-(total * weight % whole), index) for index, weight in enumerate(weights)]
        for _, index in sorted(remainders)[:rest]:
            shares[index] += 1
    return shares


def undelivered_hours(contracted_qty: int, available_qtys: Sequence[int]) -> int:
    """GPU-hours that were contracted and not available; each hour for itself."""
    return sum(max(0, contracted_qty - available_qty) for available_qty in available_qtys)


def contracted_qty(holders: Sequence[Holder]) -> int:
    """What users may use: strangers' title, and what the house has sublet."""
    return sum(h.sublet_out_qty if h.is_house else h.title_qty for h in holders)


def lost_hours(book: DayBook) -> list[tuple[Use, int]]:
    """The undelivered GPU-hours of the uses that bear some: by user, then by what each uses."""
    if book.undelivered_hours == 0:
        return []
    uses = _uses(book)
    by_account: dict[int, list[Use]] = {}
    for use in uses:
        by_account.setdefault(use.account_id, []).append(use)
    account_ids = sorted(by_account)
    weights = [sum(use.use_qty for use in by_account[each]) for each in account_ids]
    lost = min(book.undelivered_hours, sum(weights) * HOURS_PER_DAY)
    found: list[tuple[Use, int]] = []
    for account_id, hours in zip(account_ids, apportion(lost, weights), strict=True):
        if hours:
            own = by_account[account_id]
            found += zip(own, apportion(hours, [use.use_qty for use in own]), strict=True)
    return found


def payouts(book: DayBook) -> list[Payout]:
    """Everything that a day pays, and what it leaves owing; nothing of amount 0."""
    lost = lost_hours(book)
    split = _Split(book)
    paid = [*_escrow(book, lost, split), *_rents(book, lost, split)]
    return [payout for payout in paid if payout.paid_amount]


def _uses(book: DayBook) -> list[Use]:
    own = [
        Use(h.account_id, 0, h.account_id, h.title_qty - h.sublet_out_qty)
        for h in book.holders
        if not h.is_house and h.title_qty > h.sublet_out_qty
    ]
    let = [
        Use(s.lessee_account_id, s.sublet_id, s.lessor_account_id, s.sublet_qty)
        for s in sorted(book.sublets, key=_sublet_id)
    ]
    return [*own, *let]


def _escrow(book: DayBook, lost: list[tuple[Use, int]], split: "_Split") -> list[Payout]:
    """Refunds and damages of the owners, in their order, and the rest to the supplier."""
    hours_of = dict.fromkeys((h.account_id for h in book.holders if not h.is_house), 0)
    for use, hours in lost:
        if use.owner_account_id in hours_of:
            hours_of[use.owner_account_id] += hours
    owners = [(account_id, hours) for account_id, hours in sorted(hours_of.items()) if hours]
    weights = [hours for _, hours in owners]
    lost_count, sold_hours = sum(weights), book.sold_qty * HOURS_PER_DAY
    refund_amount = book.escrow_amount * lost_count // sold_hours if lost_count else 0
    amounts = (book.escrow_amount, book.reference_micro)
    damages = apportion(damages_amount(lost_count, sold_hours, *amounts), weights)
    covered = apportion(min(book.bond_amount, sum(damages)), damages)
    found = []
    refunds = apportion(refund_amount, weights)
    for (account_id, _), refund, damage, cover in zip(
        owners, refunds, damages, covered, strict=True
    ):
        found += split.of(account_id, refund, Purpose.SHORTFALL_REFUND)
        found += split.of(account_id, cover, Purpose.COVER_DAMAGES)
        found += split.of(account_id, damage - cover, Purpose.CLAIM)
    rest_amount = book.escrow_amount - refund_amount
    return [*found, Payout(book.supplier_account_id, rest_amount, Purpose.DELIVERY)]


def damages_amount(
    lost_count: int, sold_hours: int, escrow_amount: int, reference_micro: int
) -> int:
    """Lost hours × what the reference is above the pooled price; rounded down."""
    if lost_count == 0:
        return 0
    above = reference_micro * sold_hours - escrow_amount * MICRO_PER_FEN
    return max(0, lost_count * above) // (sold_hours * MICRO_PER_FEN)


def _rents(book: DayBook, lost: list[tuple[Use, int]], split: "_Split") -> list[Payout]:
    """Rent back for what a sublessee did not get; the rest to the lessor or its pledgee."""
    lost_of = {use.sublet_id: hours for use, hours in lost if use.sublet_id}
    found = []
    for sublet in sorted(book.sublets, key=_sublet_id):
        back_amount = sublet.rent_price * lost_of.get(sublet.sublet_id, 0)
        earned_amount = sublet.rent_price * HOURS_PER_DAY * sublet.sublet_qty - back_amount
        found.append(Payout(sublet.lessee_account_id, back_amount, Purpose.RENT_REFUND))
        if sublet.pledge_id:
            bank_id, swept = sublet.bank_account_id, Purpose.RENT_SWEPT
            found.append(Payout(bank_id, earned_amount, swept, sublet.pledge_id))
        else:
            found += split.rent_of(sublet.lessor_account_id, earned_amount)
    return found


class _Split:
    """Divides what an owner is due between it and its pledgees."""

    def __init__(self, book: DayBook) -> None:
        self._holders = {h.account_id: h for h in book.holders}
        self._liens: dict[int, list[Lien]] = {}
        for lien in sorted(book.liens, key=_pledge_id):
            self._liens.setdefault(lien.account_id, []).append(lien)
        self._let_by_pledgees: dict[int, int] = {}
        for sublet in book.sublets:
            if sublet.pledge_id:
                let_qty = self._let_by_pledgees.get(sublet.lessor_account_id, 0)
                self._let_by_pledgees[sublet.lessor_account_id] = let_qty + sublet.sublet_qty

    def of(self, account_id: int, amount: int, purpose: Purpose) -> list[Payout]:
        """The liened part of the title has its part of the amount, rounded up, for the pledgees."""
        holder = self._holders[account_id]
        return self._shared(account_id, amount, holder.lien_qty, holder.title_qty, purpose, purpose)

    def rent_of(self, account_id: int, amount: int) -> list[Payout]:
        """
        What is sublet beyond the owner's free days has its part of the rent for the pledgees.

        What they have let themselves lies on days under lien and is left out on both sides.
        """
        holder = self._holders[account_id]
        apart_qty = self._let_by_pledgees.get(account_id, 0)
        sublet_qty = holder.sublet_out_qty - apart_qty
        lien_qty = max(0, holder.lien_qty - apart_qty)
        pledged_qty = encumbered_qty(holder.title_qty - apart_qty, lien_qty, sublet_qty)
        swept = Purpose.RENT_SWEPT
        return self._shared(account_id, amount, pledged_qty, sublet_qty, Purpose.RENT, swept)

    def _shared(
        self,
        account_id: int,
        amount: int,
        part_qty: int,
        whole_qty: int,
        own: Purpose,
        pledgees: Purpose,
    ) -> list[Payout]:
        liens = self._liens.get(account_id, [])
        taken_amount = swept_amount(amount, part_qty, whole_qty) if liens else 0
        shares = apportion(taken_amount, [lien.pledged_qty for lien in liens])
        found = [
            Payout(lien.bank_account_id, share, pledgees, lien.pledge_id)
            for lien, share in zip(liens, shares, strict=True)
        ]
        return [*found, Payout(account_id, amount - taken_amount, own)]
