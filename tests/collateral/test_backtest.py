"""The model over prices that were: what it may know, what loans lose, and the command's edges."""

import statistics
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from exchange.cli import app
from exchange.collateral.backtest import Price, Terms, back_test, standing

from .first_proposal import PARAMETERS

HEADER = "date,commit,provider,gpu,vram_gb,kind,usd_gpu_h,fetched_at,stale\n"
SHARED = Path(__file__).resolve().parents[3] / "shared/data"


def prices(*micro: int, first_day: int = 20_000) -> list[Price]:
    """A price for each day."""
    return [Price(day=first_day + after, price_micro=each) for after, each in enumerate(micro)]


def walk(*micro: int):
    """A back-test over one price a day."""
    found = back_test(prices(*micro), 3, PARAMETERS)
    assert found is not None
    return found


def folder_of(tmp_path: Path, *usd: str) -> Path:
    """A folder with one file of offers, a day each."""
    rows = [
        f"2026-07-{day:02d},c,aws,a100-sxm-80,80,spot,{price},t,0\n"
        for day, price in enumerate(usd, start=1)
    ]
    (tmp_path / "offers.csv").write_text(HEADER + "".join(rows))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    return tmp_path


def run(folder: Path, *options: str):
    return CliRunner().invoke(app, ["collateral", "backtest", "--data", f"{folder}", *options])


def test_a_price_stands_so_many_days_or_until_the_next():
    observed = [Price(day=1, price_micro=7), Price(day=6, price_micro=8)]
    assert [each.day for each in standing(observed, 3)] == [1, 2, 3, 4, 6]
    whole = list(standing(observed, None))
    assert [each.day for each in whole] == [1, 2, 3, 4, 5, 6]
    assert [each.is_observed for each in whole] == [True, False, False, False, False, True]


def test_without_ten_days_there_is_nothing_to_say():
    assert back_test(prices(*[10**6] * 10), 3, PARAMETERS) is None
    assert back_test([], None, PARAMETERS) is None
    assert back_test(prices(*[10**6] * 11), 3, PARAMETERS) is not None


def test_prices_that_stand_still_lose_nothing():
    found = walk(*[10**6] * 40)
    assert [tally.lost_count for tally in found.tallies] == [0, 0, 0]
    assert (found.moves.worst_move_ppm, found.moves.still_days_ppm) == (0, 1_000_000)
    assert found.moves.variance_ratio_ppm == 0


def test_the_fall_of_december_2023_loses_at_seventy_per_cent_and_says_how_much():
    """40.5 % in ten days: 0.595 less 5 % is 0.56525, so a loan of 0.70 misses 0.13475."""
    slide = [10**6 - 40_500 * after for after in range(11)]
    found = walk(*[10**6] * 30, *slide)
    flat_65, flat_70, model = found.tallies
    assert found.moves.worst_move_ppm == -405_000
    assert flat_70.worst_loss_ppm == 134_750
    assert flat_65.worst_loss_ppm == 84_750
    assert flat_70.lost_count > 0
    assert flat_70.lost_count >= flat_65.lost_count >= model.lost_count
    assert flat_70.called_count >= flat_70.liquidated_count > 0


def test_a_loss_begins_one_part_beyond_what_the_sale_repays():
    """At 70 % and 5 % cost the price may fall to 0.7 / 0.95 and no further."""
    for last, lost in ((736_843, 0), (736_842, 1)):
        assert walk(*[10**6] * 10, last).tallies[1].lost_count == lost


def test_prices_that_slide_for_days_have_a_variance_ratio_above_one():
    slide = [10**6 * 98**after // 100**after for after in range(40)]
    assert walk(*slide).moves.variance_ratio_ppm == pytest.approx(10_000_000, rel=1e-3)
    swing = [10**6 + 50_000 * (after % 2) for after in range(41)]
    assert walk(*swing).moves.variance_ratio_ppm == 0


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.integers(100_000, 10_000_000), min_size=25, max_size=40),
    st.lists(st.integers(100_000, 10_000_000), min_size=5, max_size=5),
)
def test_what_comes_later_does_not_change_a_haircut(known, later):
    before = walk(*known).days
    after = walk(*known, *later).days
    assert after[: len(before)] == before


@settings(deadline=None, max_examples=20)
@given(st.lists(st.integers(100_000, 10_000_000), min_size=15, max_size=40))
def test_a_higher_ratio_never_loses_less(micro):
    terms = Terms(flat_ltvs_ppm=(500_000, 600_000, 650_000, 700_000))
    found = back_test(prices(*micro), 3, PARAMETERS, terms)
    assert found is not None
    lost = [tally.lost_count for tally in found.tallies[:-1]]
    worst = [tally.worst_loss_ppm for tally in found.tallies[:-1]]
    assert lost == sorted(lost)
    assert worst == sorted(worst)


# -- the command -----------------------------------------------------------------------------------


def test_a_folder_of_offers_is_tested_and_other_files_are_left_alone(tmp_path):
    done = run(folder_of(tmp_path, *["2.00"] * 12), "--json")
    assert done.exit_code == 0, done.output
    [series] = msgspec.json.decode(done.stdout)
    assert (series["name"], series["file"]) == ("A100-80 spot", "offers.csv")
    assert [tally["starts_count"] for tally in series["tallies"]] == [2, 2, 2]
    assert len(series["days"]) == 12
    assert "A100-80" in run(tmp_path).stdout


def test_into_a_pipe_every_figure_is_whole_on_a_line_of_its_series(tmp_path, monkeypatch):
    """A pipe has eighty columns; the widest figures are those of the real files."""
    monkeypatch.setenv("COLUMNS", "80")
    usd = ["2.00", *[f"{2.00 - step / 20:.2f}" for step in range(25)]]
    folder = folder_of(tmp_path, *usd)
    [series] = msgspec.json.decode(run(folder, "--json").stdout)
    lines = run(folder).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in "".join(lines)
    shown = [line.split()[2:] for line in lines if line.startswith("A100-80 spot")]
    cuts = sorted(day["haircut_ppm"] for day in series["days"])
    cut_words = "/".join(
        f"{round(cut / 10_000)}" for cut in (cuts[0], int(statistics.median(cuts)), cuts[-1])
    )
    for tally, words in zip(series["tallies"], shown[1:], strict=True):
        counts = [tally[f"{name}_count"] for name in ("starts", "called", "liquidated", "lost")]
        loss = f"{tally['worst_loss_ppm'] / 10_000:.1f}"
        cut = [cut_words] if tally["name"] == "CR-1" else []
        assert words == ["2026-07", *tally["name"].split(), *cut, *map(str, counts), loss]
    assert float(shown[1][-1]) > 0


def test_a_folder_without_prices_is_named_and_exits_2(tmp_path):
    done = run(folder_of(tmp_path, "2.00"))
    assert done.exit_code == 2
    assert "no_prices" in done.stderr


def test_a_picture_without_matplotlib_is_a_named_error(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    done = run(folder_of(tmp_path, *["2.00"] * 12), "--plot", f"{tmp_path / 'p.png'}")
    assert done.exit_code == 2
    assert "plot_impossible" in done.stderr
    assert not (tmp_path / "p.png").exists()


def test_the_same_prices_draw_the_same_bytes(tmp_path):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: pip install '.[plot]'")
    folder = folder_of(tmp_path, *["2.00"] * 12, *["1.50"] * 12)
    drawn = []
    for name in ("a.png", "b.png"):
        assert run(folder, "--plot", f"{tmp_path / name}").exit_code == 0
        drawn.append((tmp_path / name).read_bytes())
    assert drawn[0].startswith(b"\x89PNG")
    assert drawn[0] == drawn[1]


@pytest.mark.skipif(not SHARED.exists(), reason=f"no price files in {SHARED}")
def test_over_the_real_prices_the_model_never_loses_more_than_a_flat_seventy_per_cent():
    done = run(SHARED, "--json")
    assert done.exit_code == 0, done.output
    found = msgspec.json.decode(done.stdout)
    assert len(found) == 21
    for series in found:
        _, flat_70, model = series["tallies"]
        assert model["lost_count"] <= flat_70["lost_count"], series["name"]
        assert model["worst_loss_ppm"] <= flat_70["worst_loss_ppm"], series["name"]
