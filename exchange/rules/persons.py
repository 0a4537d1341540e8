"""
Two persons are two: who decides about something has no part in it.

Persons are told by their parties: an account, and all that are under the same control, are one.
"""

from collections.abc import Iterable

from exchange.domain.reasons import Reason, require

from .day_book import holders_of, liens_on
from .state import State


def require_apart(account_id: int, others: Iterable[int], state: State) -> None:
    """Refuses who is one person with any of the others."""
    for other_id in others:
        is_apart = not state.core.parties_are_one(account_id, other_id)
        require(is_apart, Reason.SAME_PERSON, account_id)


def require_independent(product_id: int, account_id: int, state: State) -> None:
    """Refuses who is of the product's own house."""
    is_house = state.core.is_house(product_id, account_id)
    require(not is_house, Reason.SAME_PERSON, account_id)


def require_unconcerned(product_id: int, day: int, account_id: int, state: State) -> None:
    """Refuses who is of the house, or whose party owns, uses or has a lien on some of the day."""
    require_independent(product_id, account_id, state)
    holders = [holder.account_id for holder in holders_of(product_id, day, state)]
    pledgees = [lien.bank_account_id for lien in liens_on(product_id, day, state)]
    require_apart(account_id, [*holders, *pledgees], state)
