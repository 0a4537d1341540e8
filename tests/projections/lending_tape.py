"""A log with loans in it: marks are the model's own, everything else is hand-made."""

from msgspec.structs import asdict, replace

from exchange import genesis
from exchange.collateral.curve import Curve
from exchange.collateral.haircut_lines import Grade, Liquidity, Supplier
from exchange.collateral.marks import MarkLevel
from exchange.collateral.present_value import Contract
from exchange.collateral.valuation import CollateralMark, ContractInputs, value_contract
from exchange.collateral.volatility import Volatility
from exchange.domain.commands import AdvanceClock
from exchange.domain.enums import LadderStatus, RepaymentSource, Role
from exchange.domain.events import (
    ClockAdvanced,
    PledgeAccepted,
    PledgeRequested,
    RiskParametersPublished,
)
from exchange.domain.lending_events import (
    LadderChanged,
    LoanApplied,
    LoanApproved,
    LoanDrawn,
    LoanRepaid,
    MarginCallIssued,
    PledgeMarked,
)
from exchange.domain.record import Record, encode_command, encode_event, join_record
from exchange.domain.windows import day_at, parse_window, start_ns
from exchange.projections import Projections
from tests.projections.records import (
    BANK,
    FIRST_DAY,
    SUPPLIER,
    TRADER,
    Tape,
    admitted,
    key,
    product,
    venue,
)
from tests.scenario import secret_hash

OTHER_BANK, OTHER_TRADER, OPERATOR, AUDITOR = 6, 7, 1, 8
PARAMETERS = genesis.risk_parameters()
YEAR = (parse_window("Y28").start_day, parse_window("Y28").end_day)
"""A year that begins about a year after the log does."""
SIX_PER_CENT = 60_000
PRINCIPAL = 3_600_000_000
LEASE = Contract(contract_qty=1_000, start_day=YEAR[0], end_day=YEAR[1])


def inputs(contract: Contract = LEASE, day: int = FIRST_DAY, mark_micro: int = 8_000_000, **more):
    """A contract in a market with a price."""
    return ContractInputs(
        contract=contract,
        valuation_day=day,
        curve=Curve(months=(202701, 202812), marks_micro=(mark_micro, mark_micro * 9 // 10)),
        volatility=Volatility(
            sigma_ewma_e12=8_000_000_000,
            sigma_stress_e12=20_000_000_000,
            sigma_sum_e12=30_000_000_000,
            observed_count=3,
        ),
        liquidity=Liquidity(position_hours=24_000, adv_hours=50_000, half_spread_ppm=10_000),
        supplier=Supplier(
            grade=Grade.B, pool_share_ppm=300_000, uptime_ppm=995_000, is_affiliated=False
        ),
        level=MarkLevel.TRADES,
        recorded_es_e12=0,
        **more,
    )


def marked(pledge_id: int, of: ContractInputs, mark: CollateralMark | None = None) -> PledgeMarked:
    """What the exchange publishes of a valuation."""
    mark = mark or value_contract(of, PARAMETERS)
    cut = mark.haircut
    return PledgeMarked(
        pledge_id=pledge_id,
        market_ns=start_ns(of.valuation_day),
        valuation_day=of.valuation_day,
        pledged_qty=of.contract.contract_qty,
        parameters_version=1,
        curve_months=list(of.curve.months),
        curve_marks_micro=list(of.curve.marks_micro),
        mark_seqs=[1 for _ in of.curve.months],
        level=of.level,
        age_days_count=of.age_days_count,
        sigma_ewma_e12=of.volatility.sigma_ewma_e12,
        sigma_stress_e12=of.volatility.sigma_stress_e12,
        sigma_long_e12=of.volatility.sigma_long_e12(),
        historical_es_e12=mark.historical_es_e12,
        position_hours=of.liquidity.position_hours,
        adv_hours=of.liquidity.adv_hours,
        half_spread_ppm=of.liquidity.half_spread_ppm,
        supplier_grade=of.supplier.grade,
        pool_share_ppm=of.supplier.pool_share_ppm,
        uptime_ppm=of.supplier.uptime_ppm,
        is_affiliated=of.supplier.is_affiliated,
        ruled_ppm=of.ruled_ppm,
        is_disputed=of.is_disputed,
        is_halted=of.is_halted,
        rate_ppm=mark.rate_ppm,
        market_amount=mark.market_amount,
        pv_amount=mark.pv_amount,
        nominal_amount=mark.nominal_amount,
        value_amount=mark.value_amount,
        wal_days_ppm=mark.wal_days_ppm,
        wal_years_e12=mark.wal_years_e12,
        strip_factor_e12=mark.strip_factor_e12,
        es_ppm=cut.es_ppm,
        lines_ppm=list(asdict(cut.lines).values()),
        haircut_ppm=cut.haircut_ppm,
        regime=cut.regime.value,
        stress_reasons=[reason.value for reason in cut.stress_reasons],
        recovery_days_count=cut.recovery_days_count,
        ltv_raw_ppm=cut.ltv_raw_ppm,
        ltv_ppm=cut.ltv_ppm,
        applied_ltv_ppm=cut.ltv_ppm,
        lendable_amount=mark.lendable_amount,
        start_day=of.contract.start_day,
        end_day=of.contract.end_day,
        opening_recovery_days_count=of.recovery_days_count,
        is_stressed_day=of.is_stressed_day,
        is_trading_day=of.is_trading_day,
    )


def requested(pledge_id: int, loan_id: int, account_id: int = TRADER, bank_id: int = BANK):
    """A thousand GPUs of the year, offered."""
    return PledgeRequested(
        pledge_id=pledge_id,
        account_id=account_id,
        bank_account_id=bank_id,
        product_id=1,
        start_day=YEAR[0],
        end_day=YEAR[1],
        pledged_qty=1_000,
        loan_id=loan_id,
    )


class LendingTape(Tape):
    """A tape whose records know their market time."""

    def __init__(self) -> None:
        super().__init__(Projections())
        self.market_ns = start_ns(FIRST_DAY)
        self.mark = value_contract(inputs(), PARAMETERS)
        self.add(venue(), RiskParametersPublished(version=1, risk_parameters=PARAMETERS))
        for account_id, role in (
            (OPERATOR, Role.OPERATOR),
            (AUDITOR, Role.AUDITOR),
            (SUPPLIER, Role.SUPPLIER),
            (TRADER, Role.TRADER),
            (OTHER_TRADER, Role.TRADER),
            (BANK, Role.BANK),
            (OTHER_BANK, Role.BANK),
        ):
            token_sha256 = secret_hash(str(account_id))
            self.add(admitted(account_id, role), key(account_id, account_id, token_sha256))
        self.add(product())

    def add(self, *events, command=None) -> Record:
        """The next record, at the market's time."""
        record = Record(
            len(self.records) + 1, self.market_ns, command or AdvanceClock(market_ns=0), events
        )
        self.records.append(record)
        self.projection.apply(record)
        return record

    def encoded(self) -> list[bytes]:
        """The records as a log holds them."""
        return [
            join_record(
                encode_command(record.command),
                len(record.events),
                b"".join(map(encode_event, record.events)),
            )
            for record in self.records
        ]

    def advance(self, days_count: int) -> None:
        """Lets days pass."""
        self.market_ns = start_ns(day_at(self.market_ns) + days_count)
        self.add(ClockAdvanced(market_ns=self.market_ns))

    @property
    def day(self) -> int:
        """Of the market."""
        return day_at(self.market_ns)

    def apply_for(self, loan_id: int, pledge_id: int, account_id=TRADER, bank_id=BANK) -> None:
        """An application on one pledge, at the model's mark."""
        applied = LoanApplied(
            loan_id=loan_id,
            account_id=account_id,
            bank_account_id=bank_id,
            principal_amount=PRINCIPAL,
            maturity_day=YEAR[1] - 1,
            pledge_ids=[pledge_id],
            lapse_ns=self.market_ns + 1,
        )
        pledge = requested(pledge_id, loan_id, account_id, bank_id)
        self.add(applied, pledge, marked(pledge_id, inputs(day=self.day), self.mark))

    def draw(self, loan_id: int, pledge_id: int, principal_amount: int = PRINCIPAL) -> None:
        """Terms, taken at once."""
        mark = self.mark
        self.add(
            LoanApproved(
                loan_id=loan_id,
                principal_amount=principal_amount,
                interest_ppm=SIX_PER_CENT,
                value_amount=mark.value_amount,
                lendable_amount=mark.lendable_amount,
                lapse_ns=self.market_ns + 2,
            )
        )
        self.add(
            LoanDrawn(
                loan_id=loan_id,
                principal_amount=principal_amount,
                value_amount=mark.value_amount,
                drawn_ltv_ppm=mark.haircut.ltv_ppm,
                maturity_ns=0,
            ),
            PledgeAccepted(pledge_id=pledge_id),
        )

    def lend(self, loan_id: int, pledge_id: int, account_id=TRADER, bank_id=BANK) -> None:
        """From the application to the drawing."""
        self.apply_for(loan_id, pledge_id, account_id, bank_id)
        self.draw(loan_id, pledge_id)

    def repay(self, loan_id: int, interest_amount: int, principal_amount: int) -> None:
        """A payment."""
        self.add(
            LoanRepaid(
                loan_id=loan_id,
                source=RepaymentSource.CASH,
                interest_amount=interest_amount,
                principal_amount=principal_amount,
            )
        )

    def call(self, loan_id: int, call_cash_amount: int = 500_000_000) -> int:
        """A margin call; its id."""
        owed_amount = sum(self.projection.loans.loans[loan_id].owed_amounts(self.day))
        seq = len(self.records) + 1
        self.add(
            LadderChanged(
                loan_id=loan_id,
                ladder_status=LadderStatus.MARGIN_CALL,
                owed_amount=owed_amount,
                value_amount=1,
                ltv_ppm=900_000,
            ),
            MarginCallIssued(
                call_id=seq,
                loan_id=loan_id,
                owed_amount=owed_amount,
                value_amount=1,
                call_cash_amount=call_cash_amount,
                call_collateral_amount=2 * call_cash_amount,
                due_ns=self.market_ns + 99,
            ),
        )
        return seq

    def mark_down(self, pledge_id: int, mark_micro: int) -> PledgeMarked:
        """A lower price today."""
        event = marked(pledge_id, inputs(day=self.day, mark_micro=mark_micro))
        self.add(event)
        return event


def gliding(mark: PledgeMarked, applied_ltv_ppm: int) -> PledgeMarked:
    """A mark whose applied ratio is on its way."""
    return replace(mark, applied_ltv_ppm=applied_ltv_ppm)
