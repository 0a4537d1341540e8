"""A supplier's and an auditor's shell: hardware to title, a bond, and what is delivered."""

from datetime import timedelta

from exchange.domain.windows import date_of, day_at

from .processes import VenueProcess
from .test_shell import done, failed
from .venue import ACCOUNT_IDS, PRODUCT, Market


def test_the_shell_brings_hardware_to_title_and_posts_a_bond(
    venue: VenueProcess, market: Market, tmp_path
) -> None:
    """Submission, inspection, verification, the operator's signature; then a bond."""
    venue.start()
    report = tmp_path / "report.pdf"
    report.write_bytes(b"burnt in for two days")
    first = date_of(day_at(0)).replace(year=2030)
    window = f"X{first:%y%m%d}-{first + timedelta(days=7):%y%m%d}"
    offer = ("capacity", "submit", PRODUCT, window, 16, "--json")
    grant_id = done(venue.shell(*offer)).value["created_id"]
    failed(venue.shell("capacity", "verify", grant_id), 1, "wrong_state")
    done(venue.shell("capacity", "inspect", grant_id, report))
    done(venue.shell("capacity", "verify", grant_id))
    signed = ("capacity", "countersign", grant_id, ACCOUNT_IDS["auditor"])
    other = tmp_path / "other.pdf"
    other.write_bytes(b"another report")
    failed(venue.shell(*signed, other), 1, "unknown_grant")
    done(venue.shell(*signed, report))
    listed = done(venue.shell("capacity", "list", "--json")).value
    assert [g["grant_status"] for g in listed if g["grant_id"] == grant_id] == ["granted"]
    assert "granted" in done(venue.shell("capacity", "list")).stdout

    done(venue.shell("bond", "post", 50_000))
    [bond] = done(venue.shell("bond", "list", "--as", "trader", "--json")).value
    assert bond["bond_amount"] == 50_000
    readings = tmp_path / "meter.csv"
    readings.write_text("day,hour,available_qty\nD300101,0,16\n")
    failed(venue.shell("delivery", "readings", PRODUCT, readings), 1, "unknown_delivery")
    assert done(venue.shell("delivery", "list", "--json")).value == []
