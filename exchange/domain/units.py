"""
Integer types with their bounds.

Every number of the exchange is an integer that a browser can hold exactly, so the border (where
messages are decoded) bounds each one to `MAX_INTEGER`. The bounds are checked when decoding, not
when constructing.
"""

from typing import Annotated

from msgspec import Meta

MAX_INTEGER = 2**53 - 1
MAX_QTY = 10_000_000
"""GPUs of one order or grant; ten million is beyond any site, and keeps products in 128 bits."""
MAX_PRICE = 16_000_000
"""Fen per GPU-hour; fits the 24-bit price of the core's levels."""
MAX_DAY = 100_000
"""Delivery days, counted from 1970-01-01; the year 2243."""

PPM_WHOLE = 1_000_000
BPS_WHOLE = 10_000
MICRO_PER_FEN = 10_000
LOWEST_USD_MICRO, HIGHEST_USD_MICRO = 50_000, 100_000_000
"""An outside price of a GPU-hour is believed from 0.05 to 100 USD (model CR-1, section 2)."""
HOURS_PER_DAY = 24
NS_PER_SECOND = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_SECOND
NS_PER_DAY = 86_400 * NS_PER_SECOND
BURN_IN_NS = 2 * NS_PER_DAY
"""How long hardware runs under load before it is verified, unless genesis says otherwise."""

Id = Annotated[int, Meta(ge=0, le=MAX_INTEGER)]
Qty = Annotated[int, Meta(gt=0, le=MAX_QTY)]
QtyOrZero = Annotated[int, Meta(ge=0, le=MAX_QTY)]
Price = Annotated[int, Meta(gt=0, le=MAX_PRICE)]
Amount = Annotated[int, Meta(gt=0, le=MAX_INTEGER)]
Micro = Annotated[int, Meta(gt=0, le=MAX_INTEGER)]
Bps = Annotated[int, Meta(ge=0, le=1_000)]
BandBps = Annotated[int, Meta(ge=0, le=BPS_WHOLE - 1)]
"""Half the width of a price band; 0 for none of a dynamic one."""
Ppm = Annotated[int, Meta(ge=0, le=100 * PPM_WHOLE)]
Day = Annotated[int, Meta(ge=0, le=MAX_DAY)]
Ns = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""Nanoseconds exceed a browser's integers; the wire carries them as 64-bit integers regardless,
because no page computes with them."""
WindowCount = Annotated[int, Meta(ge=0, le=120)]
"""Windows of one kind that a schedule lists at a time."""
CommandId = Annotated[str, Meta(max_length=36)]
Code = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""What goes into symbols and keys."""
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Reference = Annotated[str, Meta(min_length=1, max_length=128)]
Sha256 = Annotated[bytes, Meta(min_length=32, max_length=32)]
