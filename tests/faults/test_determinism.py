"""
The same commands give the same records, byte for byte, wherever they are decided.

    python -m tests.faults.test_determinism SEED      a hash for each record of a random market,
                                                      and the state of each golden log

The golden logs have every command and every event there is: the desk, delivery and lending too. A
record of theirs that is decided otherwise ends the process and names itself.
"""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

from exchange.engine.replay import verify
from tests.properties.test_market import new_market, step
from tests.test_golden import LOGS, records_of

STEPS_COUNT = 300
ENVIRONMENTS = {
    "hash seed 0": ((), {"PYTHONHASHSEED": "0"}),
    "hash seed 4294967295, Turkish, half-hour time zone, no assertions": (
        ("-O",),
        {"PYTHONHASHSEED": "4294967295", "LC_ALL": "tr_TR.UTF-8", "TZ": "America/St_Johns"},
    ),
    "random hash seed, C": ((), {"PYTHONHASHSEED": "random", "LC_ALL": "C", "TZ": "UTC"}),
    "Shanghai, UTF-8 mode": (
        ("-X", "utf8"),
        {"PYTHONHASHSEED": "7", "LC_ALL": "zh_CN.GB18030", "TZ": "Asia/Shanghai"},
    ),
    "development mode, a heap that is filled": (
        ("-X", "dev"),
        {"PYTHONHASHSEED": "99", "MALLOC_PERTURB_": "165", "PYTHONMALLOC": "malloc"},
    ),
}


def hashes(seed: str) -> list[str]:
    """Of each record of the random market, in order; then of its state and the golden logs'."""
    rng, market = random.Random(seed), new_market(has_sessions=True)
    for _ in range(STEPS_COUNT):
        market.execute(*step(rng, market))
    states = [market.state, *(verify(records_of(name)).state for name in LOGS)]
    return [hashlib.sha256(each).hexdigest() for each in market.records] + [
        state.hash().hex() for state in states
    ]


def hashes_in(environment: str, seed: str) -> list[str]:
    """The same in another process."""
    options, variables = ENVIRONMENTS[environment]
    done = subprocess.run(
        [sys.executable, *options, "-m", "tests.faults.test_determinism", seed],
        cwd=Path(__file__).parents[2],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_every_record_is_the_same_in_every_environment(rng, often, done):
    seed = str(rng.randrange(2**32))
    wanted = hashes(seed)
    assert len(wanted) > STEPS_COUNT / 2
    for environment in sorted(ENVIRONMENTS)[: often(2, len(ENVIRONMENTS))]:
        found = hashes_in(environment, seed)
        pairs = zip(found, wanted, strict=True)
        different = [seq for seq, pair in enumerate(pairs, start=1) if pair[0] != pair[1]]
        assert not different, f"{environment}: record {different[0]} differs, seed {seed}"
        done["records compared between environments"] += len(found)


if __name__ == "__main__":
    print("\n".join(hashes(sys.argv[1])))
