"""What a run of the demo did, for people and for programs."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from clients.sdk import ExchangeError, Refused
from exchange.domain.wire import Execution


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run. Amounts are fen; `orders_per_s` counts per second of the wall."""

    market_days: int
    order_count: int
    amend_count: int
    cancel_count: int
    trade_count: int
    traded_gpu_hours: int
    notional_amount: int
    refusals: dict[str, int]
    index_count: int
    mark_count: int
    marks_by_level: dict[int, int]
    pledges: dict[str, int]
    loans: dict[str, int]
    lots: dict[str, int]
    wall_s: float
    orders_per_s: float
    imports: list[str]

    def text(self) -> str:
        """The figures for people, one a line."""
        lines = [
            f"market days  {self.market_days}",
            f"orders       {self.order_count} ({self.orders_per_s:g}/s), "
            f"{self.amend_count} amended, {self.cancel_count} cancelled",
            f"trades       {self.trade_count}: {self.traded_gpu_hours} GPU-hours "
            f"for CNY {self.notional_amount // 100:,}",
            f"refusals     {_listed(self.refusals)}",
            f"marks        {self.mark_count}; by level: {_listed(self.marks_by_level)}",
            f"index        {self.index_count} published",
            f"pledges      {_listed(self.pledges)}",
            f"loans        {_listed(self.loans)}",
            f"lots         {_listed(self.lots)}",
            *(f"read         {line}" for line in self.imports),
        ]
        return "\n".join(lines)


@dataclass
class Tally:
    """Counts as they come, kept by the agents of one run."""

    order_count: int = 0
    amend_count: int = 0
    cancel_count: int = 0
    index_count: int = 0
    traded_gpu_hours: int = 0
    notional_amount: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    trade_ids: set[int] = field(default_factory=set)
    began_s: float = field(default_factory=lambda: asyncio.get_running_loop().time())

    def count_fill(self, execution: Execution) -> None:
        """Counts a trade once, whichever of its sides is heard first."""
        if execution.trade_id and execution.trade_id not in self.trade_ids:
            self.trade_ids.add(execution.trade_id)
            self.traded_gpu_hours += execution.gpu_hours
            self.notional_amount += execution.notional_amount

    def count_refusal(self, error: ExchangeError) -> None:
        """Counts a refusal by its reason; anything but a refusal is raised again."""
        if not isinstance(error, Refused):
            raise error
        self.refusals[error.name] += 1

    def summary(
        self,
        *,
        market_days: int,
        mark_levels: Counter[int],
        pledges: Counter[str],
        loans: Counter[str],
        lots: Counter[str],
        imports: list[str],
    ) -> Summary:
        """The figures so far."""
        wall_s = asyncio.get_running_loop().time() - self.began_s
        return Summary(
            market_days=market_days,
            order_count=self.order_count,
            amend_count=self.amend_count,
            cancel_count=self.cancel_count,
            trade_count=len(self.trade_ids),
            traded_gpu_hours=self.traded_gpu_hours,
            notional_amount=self.notional_amount,
            refusals=dict(sorted(self.refusals.items())),
            index_count=self.index_count,
            mark_count=mark_levels.total(),
            marks_by_level=dict(sorted(mark_levels.items())),
            pledges=dict(sorted(pledges.items())),
            loans=dict(sorted(loans.items())),
            lots=dict(sorted(lots.items())),
            wall_s=round(wall_s, 3),
            orders_per_s=round(self.order_count / wall_s, 3) if wall_s > 0 else 0.0,
            imports=imports,
        )


def _listed(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"
