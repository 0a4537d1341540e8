"""
A command of the plain book takes at most so many instructions.

Time is noisy, instructions are not: callgrind counts those of two runs over the same prepared
commands, one longer than the other, and the difference is the commands' own. 10 000 orders rest;
51 % of the commands are new orders, 39 % cancels, 10 % cross. Counted is a copy of the core that is
compiled for processors of the third level; another compiler may move the number by some per cent.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from load_tests.compiled_core import FAST, compile_core, copy_core
from load_tests.core_flow import Flow, packed

MAX_INSTRUCTIONS = 300
RESTING_COUNT, SHORT_COUNT, LONG_COUNT = 10_000, 10_000, 60_000

LOOP = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
import core_loop
from matching_core import OrderBook
commands = Path(sys.argv[1], "commands").read_bytes()
core_loop.run([OrderBook()], commands, int(sys.argv[2]))
"""

pytestmark = [
    pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind is not installed"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed"),
    pytest.mark.skipif("x86_64" not in sysconfig.get_platform(), reason="the gate is for x86-64"),
]


def test_a_command_takes_few_instructions(tmp_path):
    copy_core(tmp_path)
    compile_core(tmp_path, FAST)
    flow = Flow(1, seed=7)
    commands = packed(flow.rest(RESTING_COUNT) + flow.steps(LONG_COUNT))
    (tmp_path / "commands").write_bytes(commands)
    counted = counted_instructions(tmp_path, RESTING_COUNT + LONG_COUNT)
    counted -= counted_instructions(tmp_path, RESTING_COUNT + SHORT_COUNT)
    per_command = counted / (LONG_COUNT - SHORT_COUNT)
    print(f"{per_command:.1f} instructions a command")
    assert 100 < per_command <= MAX_INSTRUCTIONS


def counted_instructions(folder: Path, count: int) -> int:
    """Those of a fresh process that runs so many of the commands."""
    done = subprocess.run(
        [
            *("valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/callgrind.{count}"),
            *(sys.executable, "-S", "-c", LOOP, str(folder), str(count)),
        ],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        # The order of sets and dicts at start-up must be the same in both runs.
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    return int(re.search(r"Collected : (\d+)", done.stderr)[1])
