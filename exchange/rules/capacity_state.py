"""What the rules remember of submitted capacity."""

from msgspec import Struct

from exchange.domain.capacity_events import CapacitySubmitted
from exchange.domain.enums import GrantStatus


class CapacityGrant(Struct):
    """Capacity from its submission on; the submission states what was offered."""

    submitted: CapacitySubmitted
    status: GrantStatus
    evidence_sha256: bytes = b""
    """Of the inspection report."""
    burnt_in_ns: int = 0
    """Market time from which it can be verified."""
    auditor_account_id: int = 0
    """Who verified it."""
