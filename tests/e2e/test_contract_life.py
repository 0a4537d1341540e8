"""The example of a contract's life, run as README says, on a real exchange whose days are short."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .processes import PATIENCE_S, VenueProcess, shell
from .test_shell import done
from .test_sublets import statement_of

SPEED = 12_000
"""A market day in seven seconds, so that five of them end in time."""


def test_a_contract_lives_from_its_grant_to_the_refund_of_what_was_not_delivered(
    venues: Callable[[Path | None], VenueProcess],
) -> None:
    """240 of 24 000 GPU-hours are missing: what the script prints is what statements say."""
    venue = venues(None)
    done(shell("init", "--data", venue.data_dir, "--always-open", "--burn-in-hours", 0))
    venue.start("--speed", SPEED)
    life = subprocess.run(
        [sys.executable, "-m", "clients.examples.contract_life", "--data", venue.data_dir],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert life.returncode == 0, (life.stdout, life.stderr, venue.stderr())
    pattern = r"seq (\d+) +(holder|sublessee|supplier) +(\w+) +\+([\d,.]+) CNY"
    seqs, names, purposes, amounts = zip(*re.findall(pattern, life.stdout), strict=True)
    assert list(zip(names, purposes, amounts, strict=True))[-5:] == [
        ("holder", "shortfall_refund", "2,400.00"),
        ("holder", "cover_damages", "360.00"),
        ("supplier", "delivery", "237,600.00"),
        ("sublessee", "rent_refund", "576.00"),
        ("holder", "rent", "57,024.00"),
    ]
    paid_seq = int(seqs[-1])
    holder, sublessee = re.findall(r"statement of (\w+)", life.stdout)
    refunds = {
        (line.seq, line.purpose, line.amount)
        for name in (holder, sublessee)
        for line in statement_of(venue, name).lines
        if line.purpose.endswith("refund")
    }
    assert refunds == {
        (paid_seq, "shortfall_refund", 240_000),
        (paid_seq, "rent_refund", 57_600),
    }
    assert venue.stop() == 0
    assert venue.verify() >= paid_seq
