"""The certificate of a served venue, checked with the key that its signed heads name."""

from pathlib import Path

from .processes import VenueProcess, shell
from .test_shell import REFUSED, done, failed
from .venue import fetch


async def test_a_certificate_is_signed_with_the_key_that_signs_the_log(
    venue: VenueProcess, tmp_path: Path
) -> None:
    """As JSON, as CSV and as a page."""
    venue.start()
    head = await fetch(venue, "/v1/log/heads?limit=1", "bank")
    key = ["--public-key", head.value[0]["public_key"]]
    file, signature = tmp_path / "base", tmp_path / "signature.json"
    file.write_text(done(venue.shell("borrowing-base", "--json", "--as", "bank")).stdout)
    assert done(shell("check-certificate", str(file), *key)).stdout.startswith("signed by")
    for form in ("--csv", "--html"):
        printed = venue.shell("borrowing-base", form, "--signature", str(signature), "--as", "bank")
        file.write_text(done(printed).stdout)
        done(shell("check-certificate", str(file), *key, "--signature", str(signature)))
    file.write_text(file.read_text().replace("as of seq", "as of"))
    words = ["check-certificate", str(file), *key, "--signature", str(signature)]
    failed(shell(*words), REFUSED, "not what the key signed")
