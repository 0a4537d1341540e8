"""What people do at the desk and with sublets between two: quotes, blocks, disputes, rents."""

import random
from typing import Any

from exchange.domain import desk_commands as d
from exchange.domain.enums import PledgeStatus, Side, TradeSource
from exchange.domain.letting import (
    AcceptSublet,
    ConsentToSublet,
    DeclineSublet,
    EndSublet,
    OpenSublet,
)
from exchange.domain.units import NS_PER_MINUTE
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER
from tests.whole_market.market import AFFILIATE, DEALERS, PRICE, TRADERS, WholeMarket
from tests.whole_market.traders import OPERATORS, Keyed, dealers_of

NOTES = ("fat finger", "wrong window")


def quote(rng: random.Random, market: WholeMarket) -> Keyed:
    """A request, a quote to one, the asker's word, or either taken back."""
    state = market.state
    request_id, quote_id = _one_of(rng, state.quote_requests), _one_of(rng, state.quotes)
    asked = state.quote_requests.get(request_id)
    firm = state.quotes.get(quote_id)
    chance = rng.random()
    others = dealers_of(1 if asked is None else asked.asked.product_id)
    account_id = rng.choice([a for a in others if asked is None or a != asked.asked.account_id])
    if chance < 0.04:
        return account_id, d.WithdrawQuoteRequest(quote_request_id=request_id)
    if chance < 0.08:
        owner_id = account_id if firm is None else firm.submitted.account_id
        return owner_id, d.WithdrawQuote(quote_id=quote_id)
    if firm is not None and firm.is_open and chance < 0.5:
        request = state.quote_requests[firm.submitted.quote_request_id]
        return request.asked.account_id, d.AcceptQuote(quote_id=quote_id)
    if asked is not None and asked.is_open and chance < 0.85:
        return account_id, d.SubmitQuote(
            quote_request_id=request_id,
            quote_price=PRICE + rng.randint(-30, 30),
            side=rng.choice([None, None, *Side]),
            lifetime_ns=rng.choice([2, 5, 20]) * NS_PER_MINUTE,
        )
    span = _span(rng, market)
    return rng.choice(dealers_of(span["product_id"])), d.RequestQuote(
        request_qty=rng.randint(1, 30),
        side=rng.choice([None, *Side]),
        dealer_account_ids=rng.choice([[], [], [TRADER], [SUPPLIER, OTHER]]),
        lifetime_ns=rng.choice([5, 30]) * NS_PER_MINUTE,
        **span,
    )


def block(rng: random.Random, market: WholeMarket) -> Keyed:
    """A block, the other side's answer, a waiver of its band, or its allocation."""
    blocks = market.state.blocks
    block_id = _one_of(rng, blocks)
    found = blocks.get(block_id)
    if found is not None and found.is_open and rng.random() < 0.75:
        proposed = found.proposed
        is_waiting = found.waiver_operator_id and not found.is_waived
        if is_waiting and rng.random() < 0.7:
            return rng.choice(OPERATORS), d.ConfirmWaiver(block_id=block_id)
        if rng.random() < 0.3:
            return rng.choice(OPERATORS), d.WaiveBand(block_id=block_id, note="agreed")
        if rng.random() < 0.1:
            return proposed.counterparty_account_id, d.DeclineBlock(block_id=block_id)
        return proposed.counterparty_account_id, d.ConfirmBlock(block_id=block_id)
    registered = [b for b in blocks.values() if b.trade_id and not b.is_allocated]
    if registered and rng.random() < 0.3:
        return _allocation(rng.choice(registered), market)
    span = _span(rng, market, shortest=50)
    parties = dealers_of(span["product_id"])
    account_id = rng.choice(parties)
    return account_id, d.ProposeBlock(
        counterparty_account_id=rng.choice([a for a in parties if a != account_id]),
        side=rng.choice(list(Side)),
        block_qty=rng.randint(50, 140),
        block_price=PRICE + rng.choice([rng.randint(-60, 60), 150, -150]),
        **span,
    )


def _allocation(found: Any, market: WholeMarket) -> Keyed:
    """The supplier and its affiliate share what either bought."""
    qty = found.proposed.block_qty
    buyer_id = market.state.desk_trades[found.trade_id].executed.buyer_account_id
    parts = [d.Allocation(SUPPLIER, qty // 3), d.Allocation(AFFILIATE, qty - qty // 3)]
    return buyer_id, d.AllocateBlock(block_id=found.proposed.block_id, allocations=parts)


def dispute(rng: random.Random, market: WholeMarket) -> Keyed:
    """A party's wish to undo a trade, and what the operators make of it."""
    corrections = market.state.corrections
    correction_id = _one_of(rng, corrections)
    found = corrections.get(correction_id)
    operator_id, note = rng.choice(OPERATORS), rng.choice(NOTES)
    if found is not None and found.is_open and rng.random() < 0.85:
        chance = rng.random()
        if chance < 0.08:
            return operator_id, d.DeclineCorrection(correction_id=correction_id, note=note)
        if chance < 0.16:
            claim = d.RecordClaim(correction_id=correction_id, claim_amount=1, note=note)
            return operator_id, claim
        return operator_id, d.ApproveCorrection(correction_id=correction_id)
    trade_id, source, party_ids = _trade(rng, market)
    account_id = rng.choice(party_ids)
    if rng.random() < 0.6:
        return account_id, d.RequestBust(trade_id=trade_id, note=note, trade_source=source)
    price = PRICE + rng.randint(-30, 30)
    return account_id, d.RequestCorrection(
        trade_id=trade_id, corrected_price=price, note=note, trade_source=source
    )


def _trade(rng: random.Random, market: WholeMarket) -> tuple[int, TradeSource, tuple[int, ...]]:
    """One of the latest trades, where it was made, and who may be its parties."""
    trades = market.state.desk_trades
    if not trades or rng.random() < 0.3:
        latest_id = market.core.next_trade_id - rng.randint(1, 4)
        return max(1, latest_id), TradeSource.BOOK, DEALERS
    trade_id = _one_of(rng, trades)
    executed = trades[trade_id].executed
    parties = (executed.buyer_account_id, executed.seller_account_id)
    return trade_id, TradeSource.DESK, parties


def let(rng: random.Random, market: WholeMarket) -> Keyed:
    """A sublet between two: offered, taken, declined, consented to or ended, by whoever may."""
    state = market.state
    offers = [offered.offer for offered in state.sublet_offers.values()]
    chance = rng.random()
    awaiting = [offer for offer in offers if offer.consent_bank_ids]
    if awaiting and chance < 0.3:
        return BANK, ConsentToSublet(offer_id=awaiting[-1].offer_id)
    if offers and chance < 0.7:
        offer = rng.choice(offers)
        return offer.lessee_account_id, AcceptSublet(offer_id=offer.offer_id)
    if offers and chance < 0.75:
        offer = rng.choice(offers)
        sides = (offer.lessor_account_id, offer.lessee_account_id)
        return rng.choice(sides), DeclineSublet(offer_id=offer.offer_id)
    asked = [state.sublets[each] for each in state.sublet_ends if each in state.sublets]
    sublets = asked or list(state.sublets.values())
    if sublets and chance < 0.82:
        sublet = rng.choice(sublets)
        sides = (sublet.lessor_account_id, sublet.lessee_account_id)
        return rng.choice(sides), EndSublet(sublet_id=sublet.sublet_id)
    return _offer(rng, market)


def _offer(rng: random.Random, market: WholeMarket) -> Keyed:
    """Days to come, one time in three of those that somebody has pledged."""
    pledges = [
        pledge.request
        for pledge in market.state.pledges.values()
        if pledge.status is PledgeStatus.ACTIVE and pledge.request.end_day > market.today + 2
    ]
    lessor_id, product_id = rng.choice(TRADERS), rng.choice([1, 1, 2])
    start_day = market.today + rng.randint(1, 20)
    end_day, qty = start_day + rng.randint(1, 20), rng.randint(1, 4)
    if pledges and rng.random() < 0.35:
        asked = rng.choice(pledges)
        lessor_id, product_id = asked.account_id, asked.product_id
        start_day, end_day = max(asked.start_day, market.today + 1), asked.end_day
        qty = max(1, market.core.sublettable(lessor_id, product_id, start_day, end_day)[0])
    return lessor_id, OpenSublet(
        product_id=product_id,
        lessee_account_id=rng.choice([*TRADERS, AFFILIATE]),
        start_day=start_day,
        end_day=end_day,
        sublet_qty=qty,
        rent_price=rng.choice([100, 700, 800]),
    )


def _one_of(rng: random.Random, table: dict[int, Any]) -> int:
    """Mostly one of the latest that is not over."""
    latest = sorted(table)[-6:]
    waiting = [key for key in latest if getattr(table[key], "is_open", True)]
    if rng.random() < 0.85 and waiting:
        return rng.choice(waiting)
    return rng.choice(latest) if latest else 1


def _span(rng: random.Random, market: WholeMarket, shortest: int = 1) -> dict[str, int]:
    start_day = market.today + rng.randint(1, 40)
    days_count = shortest + rng.randint(0, 60)
    return {
        "product_id": rng.choice([1, 1, 2]),
        "start_day": start_day,
        "end_day": start_day + days_count,
    }
