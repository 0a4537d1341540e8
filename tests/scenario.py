"""
A small market for tests: real commands through the real engine, every record kept.

    market = Market()
    market.do(market.trader, PlaceOrder(...))          # accepted, or the test fails
    market.refused(market.trader, PlaceOrder(...))     # the outcome of a refusal
"""

import hashlib
from collections.abc import Sequence

from msgspec.structs import replace

from exchange import genesis
from exchange.domain.capacity_commands import InspectCapacity, SubmitCapacity, VerifyCapacity
from exchange.domain.commands import (
    AdmitParticipant,
    AdvanceClock,
    Command,
    ConfirmAdmission,
    CreateVenue,
    DefineProduct,
    DepositCash,
    GrantCapacity,
    ListInstrument,
    Operator,
    PlaceOrder,
    RegisterKey,
    RequestWithdrawal,
    WithdrawCash,
)
from exchange.domain.enums import (
    ProductKind,
    Role,
    Scope,
    Side,
    SupplierGrade,
    TimeInForce,
    TradingMode,
)
from exchange.domain.events import Event
from exchange.domain.outcome import Outcome
from exchange.domain.record import decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import parse_window, start_ns
from exchange.engine.engine import Engine
from exchange.rules.clock import next_boundary_ns, owed_before

FIRST_DAY = parse_window("D261123").start_day
PRODUCT = "A100-80-SXM.SG1"
SUPPLIER, TRADER, OTHER, BANK, AUDITOR = 3, 4, 5, 6, 7
ACCOUNTS = {1: "first operator", 2: "second operator"}


def secret_hash(name: str) -> bytes:
    """The hash of a test's secret."""
    return hashlib.sha256(f"secret of {name}".encode()).digest()


class Market:
    """A venue that is always open, with one product and five participants."""

    def __init__(self, lot_qty: int = 1, deposit_amount: int = 10**13) -> None:
        self.engine = Engine()
        self.records: list[bytes] = []
        self._command_count = 0
        fees = genesis.fee_schedule()
        self.do(
            0,
            CreateVenue(
                venue_id="test",
                base_day=FIRST_DAY,
                market_ns=start_ns(FIRST_DAY),
                is_always_open=True,
                operators=[
                    Operator(name="first", token_sha256=secret_hash("1")),
                    Operator(name="second", token_sha256=secret_hash("2")),
                ],
                head_public_key=b"",
                maker_bps=fees.maker_bps,
                taker_bps=fees.taker_bps,
                risk_parameters=genesis.risk_parameters(),
                command_id_retention_ns=2 * NS_PER_DAY,
                burn_in_ns=0,
            ),
        )
        for name, role in (
            ("supplier", Role.SUPPLIER),
            ("trader", Role.TRADER),
            ("other", Role.TRADER),
            ("bank", Role.BANK),
            ("auditor", Role.AUDITOR),
        ):
            self.admit(name, role)
        self.do(
            1,
            DefineProduct(
                code=PRODUCT,
                kind=ProductKind.GPU_TIME,
                gpu_class="A100-80-SXM",
                region="SG",
                supplier_account_id=SUPPLIER,
                lot_qty=lot_qty,
            ),
        )
        if deposit_amount:
            for account_id in (SUPPLIER, TRADER, OTHER):
                self.deposit(account_id, deposit_amount)

    # -- building ----------------------------------------------------------------------------------

    def admit(self, name: str, *roles: Role, affiliate_ids: Sequence[int] = ()) -> int:
        """A participant in force, with a key of the same number."""
        account_id = len(self.state.participants) + 1
        takes_two = not {Role.OPERATOR, Role.AUDITOR}.isdisjoint(roles)
        self.do(
            1,
            AdmitParticipant(
                name=name,
                roles=list(roles),
                affiliate_ids=list(affiliate_ids),
                supplier_grade=SupplierGrade.B if Role.SUPPLIER in roles else None,
                token_sha256=secret_hash(str(account_id)) if takes_two else None,
            ),
        )
        if takes_two:
            self.do(2, ConfirmAdmission(account_id=account_id))
            return account_id
        self.do(
            1,
            RegisterKey(
                account_id=account_id,
                token_sha256=secret_hash(str(account_id)),
                scopes=[Scope.READ, Scope.TRADE],
            ),
        )
        return account_id

    def deposit(self, account_id: int, deposit_amount: int) -> None:
        """Cash in, under a new reference."""
        self.do(
            1,
            DepositCash(
                account_id=account_id,
                deposit_amount=deposit_amount,
                external_reference=f"wire {self._command_count}",
            ),
        )

    def withdraw(self, account_id: int, withdrawal_amount: int) -> None:
        """Cash out: asked for by its holder, booked by an operator under a new reference."""
        wanted = RequestWithdrawal(withdrawal_amount=withdrawal_amount)
        withdrawal_id = self.do(account_id, wanted).seq
        self.do(
            1,
            WithdrawCash(
                account_id=account_id,
                withdrawal_amount=withdrawal_amount,
                external_reference=f"wire {self._command_count}",
                withdrawal_id=withdrawal_id,
            ),
        )

    def grant(self, code: str, granted_qty: int, product_id: int = 1) -> None:
        """Title for the product's supplier over a window, through every step and signature."""
        window = parse_window(code)
        days = {"start_day": window.start_day, "end_day": window.end_day}
        supplier_id = self.state.products[product_id].supplier_account_id
        evidence_sha256 = secret_hash(f"report {self._command_count}")
        self.do(
            supplier_id, SubmitCapacity(product_id=product_id, submitted_qty=granted_qty, **days)
        )
        grant_id = self.state.grant_count
        self.do(AUDITOR, InspectCapacity(grant_id=grant_id, evidence_sha256=evidence_sha256))
        self.do(AUDITOR, VerifyCapacity(grant_id=grant_id))
        self.do(
            1,
            GrantCapacity(
                product_id=product_id,
                granted_qty=granted_qty,
                auditor_account_id=AUDITOR,
                evidence_sha256=evidence_sha256,
                **days,
            ),
        )

    def list_window(
        self, code: str, product_id: int = 1, mode: TradingMode = TradingMode.TITLE
    ) -> int:
        """Lists a window; its instrument id."""
        window = parse_window(code)
        self.do(
            1,
            ListInstrument(
                product_id=product_id,
                kind=window.kind,
                start_day=window.start_day,
                end_day=window.end_day,
                mode=mode,
            ),
        )
        return len(self.state.instruments)

    def order(
        self,
        account_id: int,
        instrument_id: int,
        side: Side,
        order_qty: int,
        limit_price: int,
        time_in_force: TimeInForce = TimeInForce.GTC,
    ) -> int:
        """An accepted order's id."""
        return self.do(
            account_id,
            PlaceOrder(
                instrument_id=instrument_id,
                side=side,
                order_qty=order_qty,
                limit_price=limit_price,
                time_in_force=time_in_force,
            ),
        ).seq

    def advance(self, market_ns: int) -> None:
        """Moves the clock on, boundary by boundary."""
        while self.state.market_ns < market_ns:
            self.do(0, AdvanceClock(market_ns=market_ns))
            self.uncross()

    def drain(self) -> None:
        """Does all that is due now, record by record."""
        self.uncross()
        while next_boundary_ns(self.state) <= self.state.market_ns:
            self.do(0, AdvanceClock(market_ns=self.state.market_ns))
            self.uncross()

    def uncross(self) -> None:
        """Does what is owed before the clock moves on: books uncross, prices settle."""
        while (command := owed_before(self.state)) is not None:
            self.do(0, command)

    # -- asking ------------------------------------------------------------------------------------

    @property
    def state(self):
        """The engine's state."""
        return self.engine.state

    @property
    def core(self):
        """The matching core."""
        return self.engine.state.core

    @property
    def events(self) -> list[Event]:
        """The events of the last record."""
        return decode_body(self.records[-1])[1]

    def execute(self, key_id: int, command: Command) -> Outcome:
        """Any command under a key, with a fresh id unless it has one."""
        self._command_count += 1
        if key_id and not command.command_id:
            command = replace(command, command_id=f"c{self._command_count}")
        outcome, record = self.engine.execute(replace(command, key_id=key_id))
        assert not self.engine.faults, self.engine.faults
        if record is not None:
            self.records.append(record)
        self.check_core()
        return outcome

    def check_core(self) -> None:
        """The core's audit of itself."""
        self.core.check()

    def do(self, key_id: int, command: Command) -> Outcome:
        """A command that must be accepted."""
        outcome = self.execute(key_id, command)
        assert outcome.reason is None, outcome
        return outcome

    def refused(self, key_id: int, command: Command) -> Outcome:
        """A command that must be refused, and must change nothing but the log."""
        before = self.core.snapshot()
        outcome = self.execute(key_id, command)
        assert outcome.reason is not None, "accepted"
        assert self.core.snapshot() == before
        return outcome

    def assert_replays(self) -> None:
        """Live state = state by events = state by commands, by hash."""
        by_events, by_commands = Engine(), Engine()
        for record in self.records:
            by_events.apply(record)
            by_commands.verify(record)
        assert by_events.state.canonical() == self.state.canonical()
        assert by_commands.state.hash() == by_events.state.hash() == self.state.hash()
