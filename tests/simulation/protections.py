"""What keeps the log right, each to be switched off in the simulation to see that it is needed."""

import enum


class Protection(enum.Enum):
    """A guard; switched off in the fake server or in the house, never in the exchange's code."""

    COMPARE_AND_APPEND = "a frame is appended only after the entry that its writer believes in"
    DUPLICATE_IS_NO_SUCCESS = "the answer DUP does not count as durable"
    FSYNC_BEFORE_ANSWER = "the server answers after its fsync"
    NO_RETRY = "the appender sends nothing twice"
    BARRIER = "a new leader makes durable what it has read before it tells anybody"
    DURABLE_BEFORE_REPLY = "nobody hears of what is not durable"
    WITNESS = "what was durable is also noted outside the server"


Off = frozenset[Protection]
ALL_ON: Off = frozenset()
