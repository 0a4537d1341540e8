"""
Collateral marks: which figures of the log enter the valuation of a pledge or a held window.

The valuation itself is `exchange.collateral` and pure, so `value_all` may run in another process;
what it is handed is gathered here, as of a sequence number, from marks and listings.

Not every line has its inputs yet: the volatility stands at its floor, and liquidity, concentration
and uptime are returned as zero. A supplier without a grade counts as the worst.
"""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import asdict

from exchange.collateral.curve import Curve, months_within
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import CollateralMark, ContractInputs, value_contract
from exchange.collateral.volatility import Volatility
from exchange.domain.events import NodeMarked, ProductDefined, RiskParametersPublished
from exchange.domain.units import PPM_WHOLE
from exchange.domain.wire import CollateralMarkView, MonthValueView

from .marks import Marks
from .participants import Participants


class Collateral(Struct, frozen=True, kw_only=True):
    """Unit-days to be valued; `pledge_id` is 0 for a window that is held and not pledged."""

    product: ProductDefined
    start_day: int
    end_day: int
    collateral_qty: int
    account_id: int
    pledge_id: int = 0
    bank_account_id: int = 0


class ValuationJob(Struct, frozen=True, kw_only=True):
    """Everything one collateral mark follows from, and where in the log it stands."""

    collateral: Collateral
    inputs: ContractInputs
    parameters: RiskParametersPublished
    mark_seqs: list[int]
    """Records that published the marks it rests on, in the order of the months."""


def jobs_as_of(
    seq: int, collaterals: Iterable[Collateral], marks: Marks, participants: Participants
) -> list[ValuationJob]:
    """The valuations to do, in the order given; none before the first risk parameters."""
    parameters = marks.parameters_as_of(seq)
    if parameters is None:
        return []
    nodes = marks.nodes_as_of(seq)
    return [
        _job(collateral, nodes, parameters, marks, seq, _supplier(collateral, participants))
        for collateral in collaterals
    ]


def value_all(seq: int, jobs: list[ValuationJob]) -> list[CollateralMarkView]:
    """Values contracts one after the other: pure, and slow enough to keep off an event loop."""
    return [
        _view(job, value_contract(job.inputs, job.parameters.risk_parameters), seq) for job in jobs
    ]


def _job(
    collateral: Collateral,
    nodes: list[tuple[int, NodeMarked]],
    parameters: RiskParametersPublished,
    marks: Marks,
    seq: int,
    supplier: Supplier,
) -> ValuationJob:
    valuation_day = marks.day_as_of(seq)
    product = collateral.product
    this_month = months_within(valuation_day, valuation_day + 1)[0][0]
    own = {
        mark.month: (mark_seq, mark)
        for mark_seq, mark in nodes
        if (mark.gpu_class, mark.region) == (product.gpu_class, product.region)
        and mark.month >= this_month
    }
    priced = {month: mark for month, (_, mark) in own.items() if mark.mark_micro > 0}
    first_day = max(collateral.start_day, valuation_day + 1)
    months = [month for month, _, _ in months_within(first_day, collateral.end_day)]
    level, observed_day = _worst_source(months, {m: mark for m, (_, mark) in own.items()})
    age_count = marks.trading_days_between(observed_day, valuation_day, seq) if observed_day else 0
    return ValuationJob(
        collateral=collateral,
        inputs=ContractInputs(
            contract=Contract(
                contract_qty=collateral.collateral_qty,
                start_day=collateral.start_day,
                end_day=collateral.end_day,
            ),
            valuation_day=valuation_day,
            curve=Curve(
                months=tuple(priced), marks_micro=tuple(m.mark_micro for m in priced.values())
            ),
            volatility=Volatility(),
            liquidity=Liquidity(position_hours=0, adv_hours=0, half_spread_ppm=0),
            supplier=supplier,
            level=level,
            age_days_count=age_count,
        ),
        parameters=parameters,
        mark_seqs=[mark_seq for mark_seq, _ in own.values()],
    )


def _supplier(collateral: Collateral, participants: Participants) -> Supplier:
    """Who delivers: its grade, and whether the borrower is of its house."""
    supplier_id = collateral.product.supplier_account_id
    grade = participants.accounts[supplier_id].supplier_grade
    return Supplier(
        grade=Grade.E if grade is None else Grade[grade.value],
        pool_share_ppm=0,
        uptime_ppm=PPM_WHOLE,
        is_affiliated=participants.are_affiliated(supplier_id, collateral.account_id),
    )


def _worst_source(months: list[int], own: dict[int, NodeMarked]) -> tuple[MarkLevel, int]:
    """
    The worst level among the months, and the day of that node's last real price.

    A month between or beyond the marked ones is priced by the curve, and so is no better than that.
    """
    if not any(mark.mark_micro > 0 for mark in own.values()):
        return MarkLevel.UNMARKABLE, 0
    worst, observed_day = MarkLevel.TRADES, 0
    last_month = max(own)
    for month in months:
        mark = own.get(min(month, last_month))
        level = MarkLevel.CURVE if mark is None else MarkLevel(mark.level)
        if level is MarkLevel.UNMARKABLE:
            return level, 0
        if month > last_month:
            level = max(level, MarkLevel.CURVE)
        if level > worst:
            worst, observed_day = level, 0 if mark is None else mark.observed_day
    return worst, observed_day


def _view(job: ValuationJob, mark: CollateralMark, seq: int) -> CollateralMarkView:
    collateral, haircut = job.collateral, mark.haircut
    return CollateralMarkView(
        pledge_id=collateral.pledge_id,
        account_id=collateral.account_id,
        bank_account_id=collateral.bank_account_id,
        product=collateral.product.code,
        start_day=collateral.start_day,
        end_day=collateral.end_day,
        collateral_qty=collateral.collateral_qty,
        as_of_seq=seq,
        valuation_day=mark.valuation_day,
        level=int(mark.level),
        mark_seqs=job.mark_seqs,
        parameters_version=job.parameters.version,
        rate_ppm=mark.rate_ppm,
        market_amount=mark.market_amount,
        pv_amount=mark.pv_amount,
        nominal_amount=mark.nominal_amount,
        value_amount=mark.value_amount,
        wal_days_ppm=mark.wal_days_ppm,
        haircut_lines=asdict(haircut.lines),
        haircut_ppm=haircut.haircut_ppm,
        sentence=haircut.sentence(),
        regime=haircut.regime.value,
        stress_reasons=[reason.value for reason in haircut.stress_reasons],
        ltv_raw_ppm=haircut.ltv_raw_ppm,
        ltv_ppm=haircut.ltv_ppm,
        lendable_amount=mark.lendable_amount,
        months=[
            MonthValueView(
                month=month.month,
                forward_micro=month.forward_micro,
                pv_amount=month.pv_amount,
                nominal_amount=month.nominal_amount,
                slices_count=month.slices_count,
            )
            for month in mark.by_month
        ],
    )
