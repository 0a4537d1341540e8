"""Answers that are kept: so many bytes of them, whatever is asked."""

import pytest

from exchange.gateway.kept import Answer, Kept


def answer(size: int) -> Answer:
    """A body of so many bytes."""
    return Answer(b"x" * size, "", 0)


@pytest.fixture
def kept() -> Kept:
    """Room for a hundred bytes."""
    return Kept(100)


def test_the_oldest_go_when_the_bytes_are_too_many(kept):
    for number in range(1_000):
        kept.keep(number, answer(30))
        assert kept.bytes_count <= 100
    assert [kept.get(number) is not None for number in (996, 997, 998, 999)] == [0, 1, 1, 1]


def test_one_answer_that_is_larger_than_all_room_is_kept_alone(kept):
    kept.keep(1, answer(30))
    kept.keep(2, answer(500))
    assert kept.get(1) is None
    assert len(kept.get(2).body) == kept.bytes_count == 500
    kept.keep(3, answer(10))
    assert (kept.get(2), kept.bytes_count) == (None, 10)


def test_what_is_kept_again_counts_once_and_is_the_newest(kept):
    for number in (1, 2, 1, 3):
        kept.keep(number, answer(40))
    assert kept.bytes_count == 80
    assert kept.get(2) is None
    assert kept.get(1) is not None
    kept.clear()
    assert (kept.get(1), kept.bytes_count) == (None, 0)
