"""
What a venue's directory tells its users: where the exchange listens, and the demo's tokens.

`serving.json` is written by a running exchange; `credentials.json`, readable by its owner only, is
written by `exchange init` and by the demo, and holds a token for each name.
"""

import os
from pathlib import Path

import msgspec
from msgspec import Struct

CREDENTIALS_FILE = "credentials.json"
SERVING_FILE = "serving.json"


class Serving(Struct, frozen=True):
    """Where the directory's exchange listens, and its process."""

    pid: int
    url: str
    admin_url: str


def read_serving(data_dir: Path) -> Serving:
    """Raises `FileNotFoundError` where no exchange has served."""
    return msgspec.json.decode((data_dir / SERVING_FILE).read_bytes(), type=Serving)


def write_serving(data_dir: Path, serving: Serving) -> None:
    """Tells the shell where to go."""
    _write_private(data_dir / SERVING_FILE, msgspec.json.encode(serving))


def read_credentials(data_dir: Path) -> dict[str, str]:
    """Tokens by name, none where there is no file."""
    path = data_dir / CREDENTIALS_FILE
    if not path.exists():
        return {}
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


def add_credentials(data_dir: Path, tokens: dict[str, str]) -> None:
    """Adds tokens by name; a name that is there is replaced."""
    merged = read_credentials(data_dir) | tokens
    _write_private(
        data_dir / CREDENTIALS_FILE, msgspec.json.format(msgspec.json.encode(merged), indent=2)
    )


def _write_private(path: Path, content: bytes) -> None:
    """Replaces a file at once with one that only its owner can read."""
    temporary = path.with_suffix(".new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
