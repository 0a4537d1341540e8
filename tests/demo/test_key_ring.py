"""What the demo remembers between runs, and who may read it."""

import hashlib
import stat

from exchange.demo.key_ring import KeyRing


def test_a_secret_survives_a_crash_before_its_key_is_registered(tmp_path):
    path = tmp_path / "credentials.json"
    secret, sha256 = KeyRing(path).secret_sha256("trader")
    assert len(bytes.fromhex(secret)) == 32
    assert sha256 == hashlib.sha256(secret.encode()).digest()
    assert KeyRing(path).secret_sha256("trader") == (secret, sha256)


def test_a_registered_secret_is_kept_as_the_token_only(tmp_path):
    path = tmp_path / "credentials.json"
    ring = KeyRing(path)
    secret, _ = ring.secret_sha256("trader")
    ring.keep_token("trader", f"7.{secret}")
    assert KeyRing(path).token("trader") == f"7.{secret}"
    assert secret not in (tmp_path / "demo_secrets.json").read_text()


def test_tokens_of_others_in_the_file_are_kept(tmp_path):
    path = tmp_path / "credentials.json"
    path.write_text('{"operator":"1.a"}')
    ring = KeyRing(path)
    path.write_text('{"operator":"1.a","mine":"9.z"}')
    ring.keep_token("bank", "3.c")
    again = KeyRing(path)
    assert (again.token("operator"), again.token("mine"), again.token("bank")) == (
        "1.a",
        "9.z",
        "3.c",
    )


def test_every_file_is_for_its_owner_only(tmp_path):
    ring = KeyRing(tmp_path / "credentials.json")
    ring.secret_sha256("trader")
    ring.keep_token("bank", "3.c")
    ring.keep_created("product", 1)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {
        "credentials.json": 0o600,
        "demo_secrets.json": 0o600,
        "demo_progress.json": 0o600,
    }


def test_a_finished_step_is_remembered_with_what_it_created(tmp_path):
    path = tmp_path / "credentials.json"
    ring = KeyRing(path)
    assert ring.created("product") is None
    ring.keep_created("product", 4)
    assert KeyRing(path).created("product") == 4
