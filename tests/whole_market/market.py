"""
The market of the runs: two suppliers, one with an affiliate that has one too, three traders,
a bank; a year granted.

Every record goes to the oracle, and what it touched is compared with the core at once: balances,
trusts, the accounts' days, the escrow. Everything is compared now and then.
"""

from msgspec.structs import replace

from exchange.domain.commands import (
    Command,
    CountRefusals,
    DefineProduct,
    MarkState,
    PublishCalendar,
    PublishIndexPrice,
    RecordStateHash,
    ScheduleListings,
)
from exchange.domain.enums import Currency, ProductKind, Role, Trust
from exchange.domain.events import Event
from exchange.domain.outcome import Outcome
from exchange.domain.reasons import Reason, RefusalCount
from exchange.domain.record import decode_body
from exchange.domain.trading_sessions import TRADING_DAY
from exchange.domain.windows import date_of, day_at, parse_window, start_ns
from tests.rules.markets import OtherMarket, calendar
from tests.scenario import OTHER, SUPPLIER, TRADER, secret_hash
from tests.whole_market.books import FUNCTIONS, runs_of
from tests.whole_market.ledger import Ledger

FIRST_DAY = parse_window("D271229").start_day
GRANTED = "X271230-281229"
"""365 delivery days, 29 February 2028 among them."""
DAYS_COUNT = parse_window(GRANTED).end_day - FIRST_DAY + 5
GRANTED_QTY = 600
PRICE = 1_000
AFFILIATE, THIRD, SECOND_SUPPLIER, COUSIN = 8, 9, 10, 11
TRADERS = (TRADER, OTHER, THIRD)
DEALERS = (SUPPLIER, SECOND_SUPPLIER, AFFILIATE, *TRADERS)
FULL_INTERVAL = 100
"""Records between two comparisons of everything; the core checks itself as often."""
MISTAKES = {Reason.INTERNAL_ERROR, Reason.AUTH_REQUIRED, Reason.SCHEMA}


class WholeMarket(OtherMarket):
    """The scenario's market with everybody in it, under the eyes of the oracle."""

    def __init__(self, *, has_sessions: bool) -> None:
        self.ledger = Ledger()
        self.refusals: list[Reason] = []
        self.returns_count = 0
        """How often days were sold and bought back, which left everybody as they were."""
        genesis = {
            "base_day": FIRST_DAY,
            "market_ns": start_ns(FIRST_DAY),
            "is_always_open": not has_sessions,
        }
        super().__init__(genesis, deposit_amount=0)
        assert self.admit("affiliate", Role.TRADER, affiliate_ids=[SUPPLIER]) == AFFILIATE
        assert self.admit("third", Role.TRADER) == THIRD
        assert self.admit("second supplier", Role.SUPPLIER) == SECOND_SUPPLIER
        cousin = self.admit("affiliate of the affiliate", Role.TRADER, affiliate_ids=[AFFILIATE])
        assert cousin == COUSIN
        second = DefineProduct(
            code="H100-80-SXM.SZ2",
            kind=ProductKind.GPU_TIME,
            gpu_class="H100-80-SXM",
            region="SZ",
            supplier_account_id=SECOND_SUPPLIER,
            lot_qty=1,
        )
        self.do(1, second)
        for account_id in (*DEALERS, COUSIN):
            self.deposit(account_id, 100_000_000_000)
        for product_id in self.state.products:
            self.grant(GRANTED, GRANTED_QTY, product_id)
        for year in (2027, 2028, 2029):
            table = calendar(year, holidays=(f"{year}-02-08", f"{year}-02-09"))
            starts = TRADING_DAY if has_sessions else []
            self.do(1, replace(table, session_starts=starts))
        for product_id in self.state.products:
            schedule = ScheduleListings(
                product_id=product_id,
                day_count=3,
                month_count=3,
                quarter_count=1,
                year_count=0,
                strip_count=0,
            )
            self.do(1, schedule)

    @property
    def today(self) -> int:
        """The running delivery day."""
        return day_at(self.state.market_ns)

    def functions_of(self, account_id: int) -> list[list[tuple[int, int, int]]]:
        """An account's six functions of the first product."""
        return [self.core.day_function(account_id, 1, name) for name in FUNCTIONS]

    def index_price(self, gpu_class: str, region: str, index_micro: int) -> PublishIndexPrice:
        """Today's outside price."""
        return PublishIndexPrice(
            gpu_class=gpu_class,
            region=region,
            index_micro=index_micro,
            usd_micro=index_micro,
            usd_cny_ppm=1_000_000,
            observed_day=self.today,
            source="test",
            row_count=1,
            file_sha256=secret_hash("file"),
        )

    def publish_holiday(self, day: int) -> None:
        """A day that was to be traded on is not."""
        known = self.state.calendars[date_of(day).year]
        table = PublishCalendar(
            year=known.year,
            version=known.version + 1,
            trading_days=[each for each in known.trading_days if each != day],
            session_starts=known.session_starts,
        )
        self.do(1, table)

    def housekeep(self) -> None:
        """What the exchange does by itself besides the clock: counts, and a hash of its state."""
        counted = RefusalCount(account_id=TRADER, reason=Reason.RATE, refusal_count=3)
        self.do(0, CountRefusals(counts=[counted]))
        seq, state_sha256 = self.state.seq, self.state.hash()
        self.do(0, MarkState())
        self.do(0, RecordStateHash(marked_seq=seq, state_sha256=state_sha256))

    # -- under the eyes of the oracle --------------------------------------------------------------

    def execute(self, key_id: int, command: Command) -> Outcome:
        """As the market does; then the oracle has the record and everything is compared."""
        count = len(self.records)
        outcome = super().execute(key_id, command)
        if outcome.reason is not None:
            assert outcome.reason not in MISTAKES, f"{command}: {outcome}"
            self.refusals.append(outcome.reason)
        for record in self.records[count:]:
            self.ledger.take(decode_body(record)[1])
            self.compare_touched()
            if len(self.records) % FULL_INTERVAL == 0:
                self.core.check()
                self.compare_all()
        return outcome

    def check_core(self) -> None:
        """The core's own audit goes through everything, so it is not made after every command."""

    def compare_touched(self) -> None:
        """Balances and trusts, and the days that the last record touched."""
        ledger, core = self.ledger, self.core
        for account_id in (0, *self.state.participants):
            expected = (ledger.available[account_id], ledger.held[account_id])
            assert core.balances(account_id) == expected, f"cash of account {account_id}"
        for trust in Trust:
            assert core.trust_amount(trust) == ledger.trusts[trust], trust
        for product_id, day in ledger.touched:
            self._compare_day(product_id, day)

    def _compare_day(self, product_id: int, day: int) -> None:
        ledger = self.ledger
        place = (product_id, day)
        totals = (ledger.granted[place], ledger.sold[place], ledger.escrow[place])
        assert self.core.day_totals(product_id, day) == totals, f"granted, sold, escrow of {place}"
        expected = [
            (a, a in ledger.houses[product_id], *(own[name] for name in FUNCTIONS[:4]))
            for a, own in sorted(ledger.days[place].items())
            if own["title"] or own["sublet_in"]
        ]
        held = [row for row in self.core.holders(product_id, day) if row[2] or row[5]]
        assert held == expected, f"holders of {place}"

    def compare_all(self) -> None:
        """Every function of every account, every escrow, every wallet."""
        for product_id in self.state.products:
            functions: dict[tuple[int, str], dict[int, int]] = {}
            for (of_product, day), accounts in self.ledger.days.items():
                if of_product == product_id:
                    for account_id, own in accounts.items():
                        for name in FUNCTIONS:
                            functions.setdefault((account_id, name), {})[day] = own[name]
            for account_id in self.state.participants:
                for name in FUNCTIONS:
                    expected = list(runs_of(functions.get((account_id, name), {})))
                    found = self.core.day_function(account_id, product_id, name)
                    assert [tuple(run) for run in found] == expected, (account_id, name)
        wallets = {
            (account_id, currency): amount
            for account_id, wallet in self.state.wallets.items()
            for currency, amount in wallet.items()
        }
        assert wallets == {place: qty for place, qty in self.ledger.wallets.items() if qty}
        assert Currency.CNY not in {currency for _, currency in wallets}


def events_of(market: WholeMarket) -> list[Event]:
    """Everything that ever happened."""
    return [event for record in market.records for event in decode_body(record)[1]]


def date_text(day: int) -> str:
    """A day for people."""
    return date_of(day).isoformat()
