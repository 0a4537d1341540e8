"""Answers that are made once and kept, up to so many bytes: much asking cannot fill memory."""

from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar

from msgspec import Struct

KeyT = TypeVar("KeyT", bound=Hashable)
AnswerT = TypeVar("AnswerT", bound="_Sized")


class _Sized(Protocol):
    @property
    def body(self) -> bytes:
        """What counts."""


class Answer(Struct, frozen=True):
    """A body with its tag; `changes_count` says until when it is the answer about now."""

    body: bytes
    etag: str
    changes_count: int


class Kept(Generic[KeyT, AnswerT]):
    """The latest answers; the oldest go first. One that is too large is kept, alone."""

    def __init__(self, max_bytes_count: int) -> None:
        self.bytes_count = 0
        self._max_bytes_count = max_bytes_count
        self._answers: dict[KeyT, AnswerT] = {}

    def get(self, key: KeyT) -> AnswerT | None:
        """The answer, while it is kept."""
        return self._answers.get(key)

    def keep(self, key: KeyT, answer: AnswerT) -> None:
        """Takes an answer in, instead of an older one to the same question."""
        if key in self._answers:
            self._drop(key)
        self._answers[key] = answer
        self.bytes_count += len(answer.body)
        while self.bytes_count > self._max_bytes_count and len(self._answers) > 1:
            self._drop(next(iter(self._answers)))

    def clear(self) -> None:
        """Forgets all."""
        self._answers.clear()
        self.bytes_count = 0

    def _drop(self, key: KeyT) -> None:
        self.bytes_count -= len(self._answers.pop(key).body)
