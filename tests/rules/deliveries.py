"""A market with a day to be delivered, for the tests of what becomes of it."""

from collections.abc import Sequence

from exchange.domain.delivery_commands import (
    AttestDelivery,
    CountersignRuling,
    DisputeDelivery,
    RecordReadings,
    ReportDelivery,
    RuleDelivery,
)
from exchange.domain.enums import Purpose, Side, TradingMode
from exchange.domain.events import Event
from exchange.domain.meter_readings import Reading
from exchange.domain.movements import EscrowReleased, TrustReleased
from exchange.domain.record import decode_body
from exchange.domain.windows import start_ns
from exchange.rules.delivery import HOUR_NS, dispute_due_ns
from tests.rules.markets import OtherMarket, day, own
from tests.scenario import AUDITOR, OTHER, SUPPLIER, TRADER, secret_hash

NO_FEES = {"maker_bps": 0, "taker_bps": 0, "burn_in_ns": 0}
DAY = day("2027-03-05")
CODE = "D270305"
PROOF = secret_hash("proof")


class DeliveryMarket(OtherMarket):
    """Capacity of March, a day of it listed and its use; who owns what is up to the test."""

    def __init__(self, granted_qty: int = 1_000) -> None:
        super().__init__(NO_FEES)
        self.grant("M2703", granted_qty)
        self.window = self.list_window(CODE)
        self.use = self.list_window(CODE, mode=TradingMode.SUBLET)

    def advance(self, market_ns: int) -> None:
        """Moves the clock on and does all that is due."""
        super().advance(market_ns)
        self.drain()

    def sell(self, account_id: int, qty: int, price: int = 1_000) -> None:
        """A primary sale of the day."""
        own(self, account_id, self.window, qty, price)

    def let(self, lessor_id: int, lessee_id: int, qty: int, rent_price: int) -> None:
        """A sublet of the day."""
        self.order(lessor_id, self.use, Side.SELL, qty, rent_price)
        self.order(lessee_id, self.use, Side.BUY, qty, rent_price)

    def read(self, available_qtys: Sequence[int], at_day: int = DAY) -> None:
        """The whole day's readings, when it is over."""
        self.advance(start_ns(at_day + 1))
        self.do(SUPPLIER, readings(available_qtys, at_day))

    def deliver(self, available_qtys: Sequence[int], at_day: int = DAY) -> list[Event]:
        """A day that is read, reported, attested and not disputed; what its end recorded."""
        self.read(available_qtys, at_day)
        self.do(SUPPLIER, report(at_day))
        self.do(AUDITOR, attest(at_day))
        return self.finish(at_day)

    def finish(self, at_day: int = DAY) -> list[Event]:
        """Past the dispute and the next business day; the events of those records."""
        count = len(self.records)
        self.advance(dispute_due_ns(at_day) + 24 * HOUR_NS)
        return self.since(count)

    def since(self, count: int) -> list[Event]:
        """The events of the records after so many."""
        return [e for record in self.records[count:] for e in decode_body(record)[1]]


def readings(available_qtys: Sequence[int], at_day: int = DAY, revision: int = 0) -> RecordReadings:
    """One for each hour from the first on."""
    rows = [Reading(at_day, hour, qty, revision) for hour, qty in enumerate(available_qtys)]
    return RecordReadings(product_id=1, readings=rows)


def report(at_day: int = DAY) -> ReportDelivery:
    """The supplier's."""
    return ReportDelivery(product_id=1, day=at_day)


def attest(at_day: int = DAY, rulings=()) -> AttestDelivery:
    """The auditor's."""
    return AttestDelivery(product_id=1, day=at_day, rulings=list(rulings), evidence_sha256=PROOF)


def dispute(at_day: int = DAY) -> DisputeDelivery:
    """A holder's."""
    return DisputeDelivery(product_id=1, day=at_day, evidence_sha256=PROOF)


def rule(available_qtys: Sequence[int], at_day: int = DAY) -> RuleDelivery:
    """The auditor's on a dispute."""
    return RuleDelivery(
        product_id=1, day=at_day, available_qtys=list(available_qtys), evidence_sha256=PROOF
    )


def countersign(available_qtys: Sequence[int], at_day: int = DAY) -> CountersignRuling:
    """The operator's under it."""
    return CountersignRuling(
        product_id=1, day=at_day, available_qtys=list(available_qtys), evidence_sha256=PROOF
    )


def paid(events: Sequence[Event]) -> dict[tuple[int, Purpose], int]:
    """What went to whom for what, of a day's end."""
    found: dict[tuple[int, Purpose], int] = {}
    for event in events:
        if isinstance(event, EscrowReleased | TrustReleased):
            key = (event.account_id, event.purpose)
            found[key] = found.get(key, 0) + event.released_amount
    return found


__all__ = ["AUDITOR", "OTHER", "SUPPLIER", "TRADER"]
