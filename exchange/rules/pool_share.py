"""
The supplier's share of the bank's pool, which a pledge's mark is charged for.

The pool is what the last marking cycle found under lien, with the pledge's own value at its new
mark. A bank that was merely asked lends its pool to no figure: whoever asks chooses the quantity,
sees the charge and could solve for the size. Until the bank takes the pledge, or offers the loan
that it is for, the share is the whole, as if the pledge were alone; no real share costs more.
"""

from collections.abc import Mapping

from exchange.collateral.pledge_marks import share_ppm
from exchange.domain.enums import LIENED, LoanStatus
from exchange.domain.events import PledgeRequested
from exchange.domain.units import PPM_WHOLE

from .state import State

_NO_POOL: Mapping[int, int] = {}


def supplier_share_ppm(
    request: PledgeRequested, value_amount: int, state: State, *, is_taken: bool = False
) -> int:
    """
    The supplier's part of the pool, in which the pledge counts with this value.

    `is_taken` where the record itself is the bank's word on the pledge.
    """
    if not is_taken and _is_merely_asked(request, state):
        return PPM_WHOLE
    pool = state.pools.get(request.bank_account_id, _NO_POOL)
    supplier_id = state.products[request.product_id].supplier_account_id
    change_amount = value_amount - state.pool_values.get(request.pledge_id, 0)
    supplier_amount = pool.get(supplier_id, 0) + change_amount
    return share_ppm(supplier_amount, sum(pool.values()) + change_amount)


def _is_merely_asked(request: PledgeRequested, state: State) -> bool:
    """Whether the bank has neither taken the pledge nor offered the loan that it is for."""
    pledge = state.pledges.get(request.pledge_id)
    if pledge is not None and pledge.status in LIENED:
        return False
    loan = state.loans.get(request.loan_id)
    return loan is None or loan.status is LoanStatus.APPLIED
