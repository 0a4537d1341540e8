"""
The picture of a back-test: prices, haircuts and ratios over time, a column for each file.

matplotlib is an optional dependency (`.[plot]`) and is imported only here, when a picture is asked
for. The same figures give the same bytes: no display, no date in the file.
"""

from collections.abc import Sequence
from pathlib import Path

from exchange.collateral.backtest import TestedDay
from exchange.domain.windows import date_of

INCHES = (8.0, 9.0)
"""Width of a column, height of all."""
DPI = 100
PANELS = ("price, USD an hour", "haircut of CR-1, %", "loan to value of CR-1, %")

Series = tuple[str, str, Sequence[TestedDay]]
"""File, name, days."""


class PlotImpossible(Exception):
    """There is nothing to draw with; the text says what to install."""


def plot(path: Path, series: Sequence[Series]) -> None:
    """Writes the picture as PNG; raises `PlotImpossible`."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PlotImpossible(
            "plot_impossible: matplotlib is not installed; pip install '.[plot]'"
        ) from None
    files = sorted({file for file, _, _ in series})
    figure = Figure(figsize=(INCHES[0] * len(files), INCHES[1]), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(PANELS), len(files), squeeze=False, sharex="col")
    for column, file in enumerate(files):
        for _, name, days in (each for each in series if each[0] == file):
            dates = [date_of(day.day) for day in days]
            drawn = (
                [day.price_micro / 1e6 for day in days],
                [day.haircut_ppm / 1e4 for day in days],
                [day.ltv_ppm / 1e4 for day in days],
            )
            for row, values in enumerate(drawn):
                axes[row][column].step(dates, values, where="post", label=name, linewidth=1.2)
        axes[0][column].set_title(file, fontsize=9)
        axes[0][column].legend(fontsize=7, ncols=2)
        axes[0][column].set_yscale("log")
        axes[-1][column].tick_params("x", rotation=30)
        for row, label in enumerate(PANELS):
            axes[row][column].set_ylabel(label)
            axes[row][column].grid(alpha=0.3)
    figure.savefig(path, format="png", metadata={"Software": None})
