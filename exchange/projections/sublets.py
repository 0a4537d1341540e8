"""Sublets: the offers that stand, and what is let until its days are over."""

from collections.abc import Collection, Mapping

from msgspec import Struct
from msgspec.structs import replace

from exchange.domain.account_wire import SubletOfferView, SubletsView, SubletView
from exchange.domain.events import Event, PledgeRequested, ProductDefined, SubletOpened
from exchange.domain.letting import (
    SubletAccepted,
    SubletConsented,
    SubletDeclined,
    SubletEndAgreed,
    SubletEndAsked,
    SubletLapsed,
    SubletOffered,
)
from exchange.domain.movements import (
    CollateralSold,
    DeliveryDayClosed,
    SubletEnded,
    SubletGranted,
    SubletPart,
)
from exchange.domain.record import Record
from exchange.domain.units import HOURS_PER_DAY

from .projection import Handler, Projection


class Offer(Struct):
    """What stands, and who has agreed of those that must."""

    offer: SubletOffered
    consented_bank_ids: list[int]


class SubletsState(Struct):
    """The checkpoint."""

    codes: list[tuple[int, str]]
    offers: list[tuple[int, Offer]]
    sublets: list[tuple[int, SubletOpened]]
    ends: list[tuple[int, SubletEndAsked]]


class Sublets(Projection[SubletsState]):
    """Offers by id, sublets by id; what is over is forgotten, the log has it."""

    state_type = SubletsState

    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[int, str] = {}
        """Of products."""
        self._offers: dict[int, Offer] = {}
        self._sublets: dict[int, SubletOpened] = {}
        self._ends: dict[int, SubletEndAsked] = {}

    def handle(self) -> Mapping[type[Event], Handler]:
        """A sublet's life, from a book or from an offer."""
        return {
            ProductDefined: self._define,
            SubletOffered: self._offer,
            SubletConsented: self._consent,
            SubletAccepted: self._close_offer,
            SubletDeclined: self._close_offer,
            SubletLapsed: self._close_offer,
            SubletOpened: self._open,
            SubletGranted: self._grant,
            SubletEndAsked: self._ask_end,
            SubletEndAgreed: self._agree_end,
            SubletEnded: self._end,
            CollateralSold: self._novate,
            DeliveryDayClosed: self._close_day,
        }

    def of(self, account_id: int | None, liened: Collection[PledgeRequested] = ()) -> SubletsView:
        """
        What concerns an account, as lessor, lessee or pledgee that is asked; None sees all.

        `liened` is what is under lien to it. The GPUs of a day are alike, and where more are let
        than are free each sublet's rent is swept in the same share; so a pledgee sees every sublet
        of such a day by the owner of the lien's days.
        """
        return SubletsView(
            as_of_seq=self.at_seq,
            offers=[
                self._offer_view(offered)
                for offered in self._offers.values()
                if account_id in (None, *_sides(offered.offer), *offered.offer.consent_bank_ids)
            ],
            sublets=[
                self._sublet_view(sublet)
                for sublet in self._sublets.values()
                if account_id in (None, *_sides(sublet)) or _is_of(sublet, liened)
            ],
        )

    def state(self) -> SubletsState:
        """The tables in the order of their ids."""
        return SubletsState(
            sorted(self._codes.items()),
            sorted(self._offers.items()),
            sorted(self._sublets.items()),
            sorted(self._ends.items()),
        )

    def load(self, state: SubletsState) -> None:
        """Takes the tables."""
        self._codes = dict(state.codes)
        self._offers = dict(state.offers)
        self._sublets = dict(state.sublets)
        self._ends = dict(state.ends)

    def _offer_view(self, offered: Offer) -> SubletOfferView:
        offer = offered.offer
        days = offer.end_day - offer.start_day
        awaited = set(offer.consent_bank_ids) - set(offered.consented_bank_ids)
        return SubletOfferView(
            offer_id=offer.offer_id,
            product=self._codes[offer.product_id],
            lessor_account_id=offer.lessor_account_id,
            lessee_account_id=offer.lessee_account_id,
            start_day=offer.start_day,
            end_day=offer.end_day,
            sublet_qty=offer.sublet_qty,
            rent_price=offer.rent_price,
            rent_amount=offer.rent_price * HOURS_PER_DAY * days * offer.sublet_qty,
            rent_floor_price=offer.rent_floor_price,
            encumbered_day=offer.encumbered_day,
            awaited_bank_ids=sorted(awaited),
            lapse_ns=offer.lapse_ns,
        )

    def _sublet_view(self, sublet: SubletOpened) -> SubletView:
        asked = self._ends.get(sublet.sublet_id)
        return SubletView(
            sublet_id=sublet.sublet_id,
            product=self._codes[sublet.product_id],
            lessor_account_id=sublet.lessor_account_id,
            lessee_account_id=sublet.lessee_account_id,
            start_day=sublet.start_day,
            end_day=sublet.end_day,
            sublet_qty=sublet.sublet_qty,
            rent_price=sublet.rent_price,
            end_asked_account_id=asked.account_id if asked else 0,
            end_lapse_ns=asked.lapse_ns if asked else 0,
        )

    # -- fold

    def _define(self, event: ProductDefined, _record: Record, _index: int) -> None:
        self._codes[event.product_id] = event.code

    def _offer(self, event: SubletOffered, _record: Record, _index: int) -> None:
        self._offers[event.offer_id] = Offer(event, [])

    def _consent(self, event: SubletConsented, _record: Record, _index: int) -> None:
        self._offers[event.offer_id].consented_bank_ids.append(event.bank_account_id)

    def _close_offer(
        self, event: SubletAccepted | SubletDeclined | SubletLapsed, _record: Record, _index: int
    ) -> None:
        del self._offers[event.offer_id]

    def _open(self, event: SubletOpened, _record: Record, _index: int) -> None:
        self._sublets[event.sublet_id] = event

    def _grant(self, event: SubletGranted, _record: Record, _index: int) -> None:
        self._sublets[event.sublet_id] = SubletOpened(
            event.sublet_id,
            event.product_id,
            event.lessor_account_id,
            event.lessee_account_id,
            event.start_day,
            event.end_day,
            event.sublet_qty,
            event.rent_price,
        )

    def _ask_end(self, event: SubletEndAsked, _record: Record, _index: int) -> None:
        self._ends[event.sublet_id] = event

    def _agree_end(self, event: SubletEndAgreed, _record: Record, _index: int) -> None:
        self._ends.pop(event.sublet_id, None)

    def _end(self, event: SubletEnded, _record: Record, _index: int) -> None:
        sublet = self._sublets.pop(event.sublet_id)
        if sublet.start_day < event.start_day:
            self._sublets[event.sublet_id] = replace(sublet, end_day=event.start_day)

    def _novate(self, event: CollateralSold, _record: Record, _index: int) -> None:
        for part in event.novated:
            self._sublets.pop(part.sublet_id, None)
            self._ends.pop(part.sublet_id, None)
        for lessor_id, parts in (
            (event.buyer_account_id, event.novated),
            (event.seller_account_id, event.kept),
        ):
            for part in parts:
                if part.new_sublet_id:
                    opened = _part_of(part, event.product_id, lessor_id)
                    self._sublets[part.new_sublet_id] = opened

    def _close_day(self, event: DeliveryDayClosed, _record: Record, _index: int) -> None:
        over = [
            sublet.sublet_id
            for sublet in self._sublets.values()
            if sublet.product_id == event.product_id and sublet.end_day <= event.day + 1
        ]
        for sublet_id in over:
            del self._sublets[sublet_id]
            self._ends.pop(sublet_id, None)


def _part_of(part: SubletPart, product_id: int, lessor_id: int) -> SubletOpened:
    return SubletOpened(
        part.new_sublet_id,
        product_id,
        lessor_id,
        part.lessee_account_id,
        part.start_day,
        part.end_day,
        part.sublet_qty,
        part.rent_price,
    )


def _is_of(sublet: SubletOpened, liened: Collection[PledgeRequested]) -> bool:
    """Whether the lessor's days of a sublet are under one of these liens, or some are."""
    return any(
        (pledge.account_id, pledge.product_id) == (sublet.lessor_account_id, sublet.product_id)
        and max(pledge.start_day, sublet.start_day) < min(pledge.end_day, sublet.end_day)
        for pledge in liened
    )


def _sides(of: SubletOffered | SubletOpened) -> tuple[int, int]:
    return of.lessor_account_id, of.lessee_account_id
