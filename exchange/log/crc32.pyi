from typing_extensions import Buffer

IS_SUPPORTED: bool
"""Whether this processor has the instruction."""

def crc32(data: Buffer, begun: int = 0) -> int: ...
