"""
The least that a lot may be offered for: a published share of what its pledge is worth.

    title    a share of its pledge's value at the mark in force, `lot_reserve_ppm`
    use      half the mark of its days, as of any sublet of pledged days

A price that falls has to end, and not at a fen: a sale for nothing would cost the borrower its
surplus and leave it the claim. So the floor, which a lot states when it opens, is no lower than
this reserve; the bank's own floor may be higher. A lot that nobody has bought is recorded as
`unsold`, and what follows is the bank's to say: a block to a named buyer, at the reserve too; no
lot, for the pledge goes on and what its days earn repays; or another auction. An auction of title
that came down to its reserve and found no buyer takes `lot_reserve_step_ppm` off the next one's, at
most once a day, until a lot of the pledge is sold.
"""

from exchange.collateral.rounding import divide_up
from exchange.domain.enums import TradingMode
from exchange.domain.lending_commands import OfferLot
from exchange.domain.lending_events import LotOffered
from exchange.domain.reasons import Reason, require
from exchange.domain.units import PPM_WHOLE
from exchange.domain.windows import day_at

from .lending_state import Pledge
from .state import State
from .sublets import floor_of


def reserve_price(command: OfferLot, pledge: Pledge, state: State) -> int:
    """The least floor of a lot, in fen per GPU-hour, up; a fen for what has no value."""
    if command.mode is TradingMode.SUBLET:
        product_id = pledge.request.product_id
        return max(1, floor_of(product_id, command.start_day, command.end_day, state))
    parameters = state.market_data.risk_parameters
    mark = pledge.mark
    assert parameters is not None, "genesis publishes the risk parameters"
    if mark is None or mark.position_hours == 0:
        return 1
    share_ppm = parameters.lot_reserve_ppm
    for _ in range(pledge.unsold_count):
        share_ppm = share_ppm * (PPM_WHOLE - parameters.lot_reserve_step_ppm) // PPM_WHOLE
    return max(1, divide_up(mark.value_amount * share_ppm, mark.position_hours * PPM_WHOLE))


def require_reserve(offered: LotOffered) -> None:
    """Refuses a lot whose price would fall below its reserve."""
    floor_price, least_price = offered.floor_price, offered.reserve_price
    require(floor_price >= least_price, Reason.LOT_RESERVE, floor_price, least_price)


def note_unsold(offered: LotOffered, state: State) -> None:
    """An auction of title came down to its reserve and found no buyer; for `evolve` only."""
    pledge, today = state.pledges[offered.pledge_id], day_at(state.market_ns)
    is_auction = offered.mode is TradingMode.TITLE and not offered.buyer_account_id
    came_down = is_auction and offered.floor_price == offered.reserve_price
    if came_down and pledge.unsold_day < today:
        pledge.unsold_count += 1
        pledge.unsold_day = today


def note_sold(pledge: Pledge) -> None:
    """What is left of a pledge begins anew; for `evolve` only."""
    pledge.unsold_count = pledge.unsold_day = 0
