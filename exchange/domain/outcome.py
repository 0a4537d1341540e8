"""What became of a command."""

from msgspec import Struct

from .reasons import Reason


class Outcome(Struct, frozen=True, gc=False):
    """
    The answer to a command, given only after everything it rests on is durable.

    `seq` is the record's place in the log: of the first record for a duplicate, 0 where nothing
    was recorded (a refusal for authentication, limits or server reasons).
    """

    seq: int
    reason: Reason | None = None
    """None where the command was accepted."""
    value: int = 0
    limit: int = 0
    day: int = 0
    is_duplicate: bool = False
