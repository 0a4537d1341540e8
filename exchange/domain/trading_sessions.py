"""
The trading day as a calendar states it: which session state begins at which minute.

`TRADING_DAY` is the day of `DOMAIN.md` section 5, at the site: pre-open from 09:00, opening auction
at 09:15, a break from 11:30 to 13:00, closing auction from 15:45, which uncrosses at the gate.
"""

from typing import Annotated

from msgspec import Meta, Struct

from .enums import SessionState

MINUTES_PER_DAY = 1440


class SessionStart(Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """From this minute of the day at the site on, the venue is in this state."""

    minute: Annotated[int, Meta(ge=0, le=MINUTES_PER_DAY - 1)]
    session_state: SessionState


TRADING_DAY = [
    SessionStart(9 * 60, SessionState.PRE_OPEN),
    SessionStart(9 * 60 + 15, SessionState.CONTINUOUS),
    SessionStart(11 * 60 + 30, SessionState.BREAK),
    SessionStart(13 * 60, SessionState.CONTINUOUS),
    SessionStart(15 * 60 + 45, SessionState.CLOSING_AUCTION),
    SessionStart(16 * 60, SessionState.CLOSED),
]
