"""The channel `loans`: what concerns an account, in pages, and then what changed of it."""

from collections import defaultdict
from typing import TYPE_CHECKING

from exchange.projections import Projections
from exchange.projections.loan_views import changed_loans_view, loans_page

from .pages import Pages

if TYPE_CHECKING:
    from .session import Session

LOANS_AT_A_TIME_COUNT = 200
"""Loans that are shown before commits may go on."""


class LoanFeed:
    """Who follows loans, and what they are yet to be told."""

    def __init__(self, projections: Projections) -> None:
        self._projections = projections
        self._readers: dict[int, set[Session]] = defaultdict(set)
        """By account."""
        self._pages = Pages(self._tell_page)

    @property
    def has_more(self) -> bool:
        """Something is left for the next interval."""
        return bool(self._projections.loans.changed or self._pages)

    def join(self, session: "Session") -> None:
        """The first page, the others later."""
        self._readers[session.account_id].add(session)
        self._pages.begin(session)

    def leave(self, session: "Session") -> None:
        """Nothing more is told."""
        self._readers[session.account_id].discard(session)
        self._pages.forget(session)

    def publish(self) -> None:
        """Loans that changed to those they concern, of many the rest next time; and a page."""
        changed = self._projections.loans.changed
        readers = {account: found for account, found in self._readers.items() if found}
        if not readers:
            changed.clear()
            return
        loan_ids = sorted(changed)[:LOANS_AT_A_TIME_COUNT]
        changed.difference_update(loan_ids)
        for account_id, sessions in readers.items():
            message = changed_loans_view(account_id, loan_ids, self._projections)
            if message.loans:
                for session in list(sessions):
                    session.send(message)
        self._pages.turn()

    def _tell_page(self, session: "Session", after_id: int) -> int:
        count, account_id = LOANS_AT_A_TIME_COUNT, session.account_id
        message = loans_page(account_id, after_id, count, self._projections)
        session.send(message)
        return message.loans[-1].loan_id if message.left_count else 0
