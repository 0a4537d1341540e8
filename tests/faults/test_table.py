"""The table in the README names a test for every failure, and the tests are there."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROWS = re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", (HERE / "README.md").read_text(), re.MULTILINE)
FAILURES_COUNT = 22


def test_no_failure_is_without_its_row():
    assert [int(number) for number, _ in ROWS] == list(range(1, FAILURES_COUNT + 1))


@pytest.mark.parametrize(("number", "proved_by"), ROWS, ids=[number for number, _ in ROWS])
def test_what_a_row_names_is_there_and_runs_with_the_others(number, proved_by):
    """Files are collected by their names; what stands behind one is part of a test's name in it."""
    text = ""
    for name in re.findall(r"`([^`]+)`", proved_by):
        if name.startswith("make "):
            continue
        if name.endswith(".py"):
            path = HERE.parent / name[2:] if name.startswith("T/") else HERE / name
            assert path.name.startswith("test_")
            text = path.read_text()
            assert "\ndef test_" in text or "\nasync def test_" in text
        else:
            assert name.strip("…") in text, f"row {number}: there is no {name}"
    assert text, f"row {number} names no file of tests"
