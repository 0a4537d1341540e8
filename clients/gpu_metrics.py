"""
Healthy GPUs of a site, counted in the text that its DCGM exporter gives to Prometheus.

A GPU is whatever one `UUID` (or host and `gpu` number) says in any `DCGM_FI_DEV_…` sample. It is
healthy unless a sample of `FAULTS` about it is not 0: an XID error, rows that could not be
remapped, pages that failed.
"""

import re
from collections.abc import Iterator

PREFIX = "DCGM_FI_DEV_"
FAULTS = frozenset(
    {
        "DCGM_FI_DEV_XID_ERRORS",
        "DCGM_FI_DEV_ROW_REMAP_FAILURE",
        "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL",
    }
)
_SAMPLE = re.compile(r"(?P<name>[A-Za-z_:][\w:]*)(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)")
_LABEL = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"')


class MetricsUnreadable(ValueError):
    """A line is no sample of the exposition format."""


def healthy_qty(exposition: str) -> int:
    """How many GPUs are there and without a fault; 0 where nothing tells of any."""
    seen: set[str] = set()
    faulty: set[str] = set()
    for name, labels, value in samples(exposition):
        if name.startswith(PREFIX):
            gpu = labels.get("UUID") or f"{labels.get('Hostname', '')}/{labels.get('gpu', '')}"
            seen.add(gpu)
            # NaN is not 0 either: a fault counter that cannot be read vouches for nothing.
            if name in FAULTS and value != 0:
                faulty.add(gpu)
    return len(seen - faulty)


def samples(exposition: str) -> Iterator[tuple[str, dict[str, str], float]]:
    """Every sample as (name, labels, value); comments and blank lines are left out."""
    for number, line in enumerate(exposition.splitlines(), start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _SAMPLE.match(text)
        if match is None:
            raise MetricsUnreadable(f"line {number} is no sample: {text[:80]!r}")
        try:
            value = float(match["value"])
        except ValueError:
            raise MetricsUnreadable(f"line {number} has no value: {text[:80]!r}") from None
        yield match["name"], dict(_LABEL.findall(match["labels"] or "")), value
