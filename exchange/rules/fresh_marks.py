"""
The marks of this moment, for what is decided in a borrower's favour.

    PublishMarks ─▶ draw, release, repayment, … ─▶ MarkPledges ─▶ … ─▶ the cycle is complete
                    on the nodes' new marks        every pledge, and every ladder

A cycle marks the nodes first and comes to the pledges in later records, with commands of anybody in
between. What lends more, or has less behind it, is decided on no older price than the nodes have:
the record that decides marks each pledge of the loan anew, as the cycle would, at most
`MAX_COLLATERAL` of them, and publishes those that changed. It calls nothing and puts no loan into
default. That is for the review, which comes in the cycle under way, and if that has passed the loan
in the next: a cycle looks at every loan in service, whether its marks have changed or not.
"""

from msgspec.structs import replace

from exchange.collateral.pledge_marks import figures_of, priced, share_ppm, sources_of
from exchange.domain.lending_events import PledgeMarked

from .lending_state import Loan
from .loan_cover import Marks
from .loan_ends import parameters_of
from .pledge_marking import changed_mark
from .state import State
from .valuation import ProductMarket


def changed_marks(loan: Loan, state: State) -> dict[int, PledgeMarked]:
    """The marks of a loan's pledges that say something else than those in force, by pledge."""
    markets: dict[int, ProductMarket] = {}
    found: dict[int, PledgeMarked] = {}
    for pledge_id in loan.pledge_ids:
        mark = changed_mark(state.pledges[pledge_id], state, markets)
        if mark is not None:
            found[pledge_id] = mark
    return found


def at_worse_shares(loan: Loan, marks: Marks, state: State) -> list[PledgeMarked]:
    """
    These marks at each supplier's share of the bank's pool as it is or will be, the greater.

    As it will be: of the loan's pledges these alone are under lien, at these values; what else is
    in the pool is worth what the last cycle found. For a decision only, never published.
    """
    bank_id = loan.applied.bank_account_id
    pool = dict(state.pools.get(bank_id, {}))
    for pledge_id in loan.pledge_ids:
        value_amount = marks[pledge_id].value_amount if pledge_id in marks else 0
        supplier_id = _supplier_id(pledge_id, state)
        change_amount = value_amount - state.pool_values.get(pledge_id, 0)
        pool[supplier_id] = pool.get(supplier_id, 0) + change_amount
    pool_amount = sum(pool.values())
    return [
        _at_share(mark, share_ppm(pool[_supplier_id(pledge_id, state)], pool_amount), state)
        for pledge_id, mark in marks.items()
    ]


def _at_share(mark: PledgeMarked, pool_share_ppm: int, state: State) -> PledgeMarked:
    if pool_share_ppm <= mark.pool_share_ppm:
        return mark
    figures = replace(figures_of(mark), pool_share_ppm=pool_share_ppm)
    return priced(figures, sources_of(mark), parameters_of(state))


def _supplier_id(pledge_id: int, state: State) -> int:
    return state.products[state.pledges[pledge_id].request.product_id].supplier_account_id
