from collections.abc import Iterable

IS_SUPPORTED: bool
"""Whether this processor has the instructions."""

def sha256_each(prefix: int, messages: Iterable[bytes]) -> bytes: ...
