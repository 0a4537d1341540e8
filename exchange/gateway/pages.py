"""
First pictures that are too large for one message, sent a page at a time.

A session gets its first page as it subscribes and the others in turn with everybody else's, one a
publishing interval, each once its socket has taken what was sent before. Changes go out meanwhile:
a row that is told twice is told as it stands each time, so nothing is lost and nothing is old.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .session import Session

Tell = Callable[["Session", int], int]
"""Sends the page of rows behind an id; returns the last id, 0 where nothing is left."""


class Pages:
    """The sessions that still wait for pages, and behind which row."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._waiting: deque[tuple[Session, int]] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def begin(self, session: "Session") -> None:
        """The first page, at once."""
        self.forget(session)
        self._turn(session, 0)

    def turn(self) -> None:
        """The next page of whoever has waited longest and reads."""
        for _ in range(len(self._waiting)):
            session, after_id = self._waiting.popleft()
            if session.behind_bytes() == 0:
                self._turn(session, after_id)
                return
            self._waiting.append((session, after_id))

    def forget(self, session: "Session") -> None:
        """The session wants no more of it."""
        self._waiting = deque(each for each in self._waiting if each[0] is not session)

    def _turn(self, session: "Session", after_id: int) -> None:
        last_id = self._tell(session, after_id)
        if last_id:
            self._waiting.append((session, last_id))
