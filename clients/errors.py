"""
What can go wrong between a client and the exchange, by what the caller can do about it.

* `Refused`: the market said no; nothing changed, and asking the same again gets the same answer.
* `Unauthorized`: the token, its role or its scope does not allow this.
* `Unavailable`: the exchange cannot be reached or cannot answer now; commands keep their ids, so
  asking again is safe.
* `ProtocolError`: the two sides do not understand each other, or the log went back. Never retried.
"""

from exchange.domain.wire import Error


class ExchangeError(Exception):
    """Base of all errors of the SDK; `error` is the exchange's own words, where it spoke."""

    def __init__(self, message: str, error: Error | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.error = error

    @property
    def code(self) -> int:
        """The stable code, 0 where the exchange did not answer."""
        return self.error.code if self.error else 0

    @property
    def name(self) -> str:
        """The code's name, empty where the exchange did not answer."""
        return self.error.name if self.error else ""


class Refused(ExchangeError):
    """The market said no. A recorded refusal has its place in the log."""

    def __init__(self, error: Error) -> None:
        super().__init__(f"{error.name} ({error.code}): {error.message}", error)
        self.value = error.value
        self.limit = error.limit
        self.first_binding_day = error.first_binding_day
        self.free_qty = error.free_qty
        self.log_seq = error.log_seq
        self.after_ms = error.after_ms
        self.is_duplicate = error.duplicate


class Unauthorized(ExchangeError):
    """The key is unknown, expired or revoked, or may not do this."""


class Unavailable(ExchangeError):
    """No connection, no leader, no log; what was asked may be asked again with the same id."""

    @property
    def is_final(self) -> bool:
        """Whether a repeat is in vain: a rule of theirs failed, and would fail elsewhere too."""
        return self.name == "internal_error"


class ProtocolError(ExchangeError):
    """A message that makes no sense here, or a log that lost what was already seen."""


def error_from(error: Error) -> ExchangeError:
    """The exception that an error of the exchange stands for, by its thousand."""
    words = f"{error.name} ({error.code}): {error.message}"
    match error.code // 1000:
        case 1 if error.name == "not_found":
            return Refused(error)
        case 1:
            return ProtocolError(words, error)
        case 2:
            return Unauthorized(words, error)
        case 9 if error.name == "log_went_back":
            return ProtocolError(words, error)
        case 9:
            return Unavailable(words, error)
        case _:
            return Refused(error)
