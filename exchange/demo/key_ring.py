"""
What the demo must remember between runs: secrets, accounts, and how far its set-up got.

Files beside each other, readable by their owner only and replaced whole: the tokens by name, in
which others may keep theirs too; secrets whose key is not yet registered; the progress. A secret is
stored before its hash is sent, so a crash in between loses nothing.
"""

import hashlib
import os
import secrets
from pathlib import Path
from typing import TypeVar

import msgspec

Kind = TypeVar("Kind")
SECRET_BYTES = 32


class KeyRing:
    """Tokens by participant's name, and ids created by each step of the set-up."""

    def __init__(self, tokens_path: Path) -> None:
        self._tokens_path = tokens_path
        self._progress_path = tokens_path.with_name("demo_progress.json")
        self._tokens: dict[str, str] = _read(tokens_path, dict[str, str])
        self._created: dict[str, int] = _read(self._progress_path, dict[str, int])
        self._secrets_path = tokens_path.with_name("demo_secrets.json")
        self._pending: dict[str, str] = _read(self._secrets_path, dict[str, str])

    def token(self, name: str) -> str | None:
        """The participant's bearer token, once its key is registered."""
        return self._tokens.get(name)

    def keep_token(self, name: str, token: str) -> None:
        """Stores a token; the secret behind it needs no other place any more."""
        self._tokens = _read(self._tokens_path, dict[str, str]) | {name: token}
        _write(self._tokens_path, self._tokens)
        if self._pending.pop(name, None) is not None:
            _write(self._secrets_path, self._pending)

    def secret_sha256(self, name: str) -> tuple[str, bytes]:
        """The participant's 256-bit secret, made on the first call, and its hash."""
        if token := self._tokens.get(name):
            secret = token.partition(".")[2]
            return secret, hashlib.sha256(secret.encode()).digest()
        if name not in self._pending:
            self._pending[name] = secrets.token_hex(SECRET_BYTES)
            _write(self._secrets_path, self._pending)
        secret = self._pending[name]
        return secret, hashlib.sha256(secret.encode()).digest()

    def created(self, step: str) -> int | None:
        """The id that a finished step created; None while it is not finished."""
        return self._created.get(step)

    def keep_created(self, step: str, created_id: int) -> None:
        """Marks a step as finished."""
        self._created[step] = created_id
        _write(self._progress_path, self._created)


def _read(path: Path, kind: type[Kind]) -> Kind:
    if not path.exists():
        return kind()
    return msgspec.json.decode(path.read_bytes(), type=kind)


def _write(path: Path, content: object) -> None:
    """Replaces the file whole; it is never readable by others, not even for a moment."""
    draft = path.with_name(path.name + ".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
