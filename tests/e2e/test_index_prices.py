"""A file of rental offers becomes index prices in a served venue's log, with their provenance."""

import hashlib
from pathlib import Path

from exchange.domain.windows import date_of

from .processes import VenueProcess
from .venue import Market

COLUMNS = "date,commit,provider,gpu,vram_gb,kind,usd_gpu_h,fetched_at,stale\n"
TO = ("--gpu-class", "A100-80", "--region", "SG1", "--gpu", "a100", "--vram-gb", 80)


def test_an_import_is_recorded_with_its_provenance_and_only_once(
    venue: VenueProcess, market: Market, tmp_path: Path
) -> None:
    """Yesterday is older than the index in force, tomorrow is not yet; today is taken, once."""
    path = tmp_path / "offers.csv"
    rows = [
        f"{date_of(market.today + after)},c,{provider},a100-sxm-80,80,on-demand,{usd},t,0\n"
        for after in (-1, 0, 1)
        for provider, usd in (("lambda", "2.00"), ("aws", "3.00"))
    ]
    path.write_text(COLUMNS + "".join(rows) + "2026-01-01,c,aws,a100,80,on-demand,0.00,t,0\n")
    venue.start()
    done = venue.shell("index-prices", "import", path, *TO, "--json")
    assert done.exit_code == 0, done
    assert done.value["bad_rows"] == {"zero": 1}
    assert (done.value["published_count"], done.value["older_count"]) == (1, 1)
    assert done.value["future_count"] == 1
    again = venue.shell("index-prices", "import", path, *TO, "--json").value
    assert (again["published_count"], again["known_count"]) == (0, 1)
    assert venue.stop() == 0
    told = venue.shell("log", "tail", "--count", 9, "--json").stdout.splitlines()
    [published] = [
        text for text in told if '"offers.csv"' in text and '"index_price_published"' in text
    ]
    assert '"index_micro":17750000' in published.replace(" ", "")
    assert hashlib.sha256(path.read_bytes()).hexdigest() in published
    venue.verify()
