"""
Where granted capacity stands, for those who look.

    submitted ─▶ burn_in ─▶ verified ─▶ granted ─▶ (derated | suspended) ─▶ withdrawn | expired
                                                            (rejected ends what is not granted yet)

Nothing is recorded of it but what happened: the finding of an auditor, the word on a supplier, the
end of unsold title, the passing of days.
"""

from exchange.domain.enums import GrantStatus


def status_of(
    recorded: str, *, left_unit_days: int, is_over: bool, is_stopped: bool, is_derated: bool
) -> str:
    """
    The status of a grant that was recorded as this.

    `left_unit_days` are those not withdrawn, over its whole window.
    """
    if recorded != GrantStatus.GRANTED:
        return recorded
    if left_unit_days == 0:
        return GrantStatus.WITHDRAWN.value
    if is_over:
        return GrantStatus.EXPIRED.value
    if is_stopped:
        return GrantStatus.SUSPENDED.value
    return GrantStatus.DERATED.value if is_derated else recorded
