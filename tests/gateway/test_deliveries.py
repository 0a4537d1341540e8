"""Capacity, delivery and bonds over HTTP, and an agent that meters a real endpoint."""

import asyncio
import hashlib

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from msgspec.structs import replace

from clients.sdk import ExchangeClient, Refused
from clients.supplier_agent import HOUR_NS, post_readings, run_agent
from exchange.domain.account_wire import WithdrawalView
from exchange.domain.commands import AdvanceClock, PlaceOrder
from exchange.domain.enums import Side, TimeInForce
from exchange.domain.meter_readings import Reading
from exchange.domain.reasons import Reason
from exchange.domain.windows import parse_window, start_ns
from tests.gateway.conftest import AUDITOR, BANK, OPERATOR, SUPPLIER, TRADER, token
from tests.scenario import FIRST_DAY

PRODUCT = "A100-80-SXM.SG1"
DAY = FIRST_DAY + 1
REPORT = hashlib.sha256(b"report").hexdigest()


@pytest.fixture
async def clients(house):
    """One for each who acts."""
    url = f"http://127.0.0.1:{house.client.port}"
    found = {key_id: ExchangeClient(url, token(key_id)) for key_id in (1, 3, 4, 7)}
    yield found
    for client in found.values():
        await client.close()


async def advance(house, market_ns: int) -> None:
    """Moves the clock on, boundary by boundary."""
    while house.sequencer.market_ns < market_ns:
        await house.sequencer.execute(AdvanceClock(market_ns=market_ns))


async def grant(clients, qty: int = 64) -> int:
    """Capacity of tomorrow, through every step."""
    days = {"start_day": DAY, "end_day": DAY + 1}
    offered = await clients[SUPPLIER].supply(
        "capacity", "submit_capacity", product_id=1, submitted_qty=qty, **days
    )
    grant_id = offered.created_id
    auditor = clients[AUDITOR]
    await auditor.supply("capacity", "inspect_capacity", grant_id=grant_id, evidence_sha256=REPORT)
    await auditor.supply("capacity", "verify_capacity", grant_id=grant_id)
    await clients[OPERATOR].admin(
        "grant_capacity",
        product_id=1,
        granted_qty=qty,
        auditor_account_id=AUDITOR,
        evidence_sha256=REPORT,
        **days,
    )
    return grant_id


async def test_a_submission_becomes_title_in_the_open(house, clients):
    grant_id = await grant(clients)
    [shown] = [g for g in await clients[SUPPLIER].capacity() if g.grant_id == grant_id]
    assert (shown.product, shown.submitted_qty, shown.grant_status) == (PRODUCT, 64, "granted")
    assert await clients[TRADER].capacity() == []
    with pytest.raises(Refused, match="wrong_role"):
        await clients[TRADER].supply("capacity", "verify_capacity", grant_id=grant_id)


async def test_a_days_life_over_http(house, clients):
    await grant(clients)
    await advance(house, start_ns(DAY + 1))
    readings = [Reading(DAY, hour, 64) for hour in range(24)]
    assert await post_readings(clients[SUPPLIER], 1, readings) == 1
    assert await post_readings(clients[SUPPLIER], 1, readings[:5]) == 0
    [day] = await clients[TRADER].deliveries(PRODUCT)
    assert (day.day, day.delivery_status, day.available_qtys) == (DAY, "delivering", [64] * 24)
    place = {"product_id": 1, "day": DAY}
    await clients[SUPPLIER].supply("deliveries", "report_delivery", **place)
    await clients[AUDITOR].supply(
        "deliveries", "attest_delivery", rulings=[], evidence_sha256=REPORT, **place
    )
    [day] = await clients[TRADER].deliveries()
    assert day.delivery_status == "attested"
    with pytest.raises(Refused, match="unconcerned"):
        await clients[TRADER].supply(
            "deliveries", "dispute_delivery", evidence_sha256=REPORT, **place
        )


async def test_a_dispute_and_its_ruling_are_shown_with_their_proofs(house, clients):
    await grant(clients)
    window = {"product_id": 1, "kind": "day", "start_day": DAY, "end_day": DAY + 1}
    listed = await clients[OPERATOR].admin("list_instrument", **window)
    for key_id, side in ((SUPPLIER, Side.SELL), (TRADER, Side.BUY)):
        order = PlaceOrder(
            instrument_id=listed.created_id,
            side=side,
            order_qty=64,
            limit_price=100,
            time_in_force=TimeInForce.GTC,
        )
        sent = replace(order, key_id=key_id, command_id="order")
        assert (await house.sequencer.execute(sent)).reason is None
    await advance(house, start_ns(DAY + 1))
    place = {"product_id": 1, "day": DAY}
    await clients[SUPPLIER].supply("deliveries", "report_delivery", **place)
    proof, finding = "ab" * 32, {"available_qtys": [60] * 24, "evidence_sha256": REPORT}
    await clients[TRADER].supply("deliveries", "dispute_delivery", evidence_sha256=proof, **place)
    await clients[AUDITOR].supply("deliveries", "rule_delivery", **finding, **place)
    [day] = await clients[OPERATOR].deliveries()
    assert (day.dispute_sha256, day.ruling_sha256) == (proof, REPORT)
    assert (day.ruled_qtys, day.available_qtys) == ([60] * 24, [-1] * 24)
    other = {**finding, "available_qtys": [61] * 24}
    with pytest.raises(Refused, match="evidence"):
        await clients[OPERATOR].supply("deliveries", "countersign_ruling", **other, **place)
    await clients[OPERATOR].supply("deliveries", "countersign_ruling", **finding, **place)
    [day] = await clients[TRADER].deliveries()
    assert (day.ruled_qtys, day.available_qtys) == ([], [60] * 24)


async def test_bonds_are_public_and_claims_are_not(house, clients):
    await clients[SUPPLIER].supply("bonds", "post_bond", bond_amount=12_345)
    [bond] = await clients[TRADER].bonds()
    assert (bond.supplier_account_id, bond.bond_amount) == (SUPPLIER, 12_345)
    assert (bond.is_suspended, bond.claims) == (False, [])
    await clients[OPERATOR].supply("deliveries", "suspend_supplier", supplier_account_id=SUPPLIER)
    [bond] = await clients[TRADER].bonds()
    assert bond.is_suspended


async def test_a_holder_asks_for_cash_and_an_operator_books_it(house, clients):
    trader, operator = clients[TRADER], clients[OPERATOR]
    asked = await trader.supply("withdrawals", "request_withdrawal", withdrawal_amount=500)
    wanted = {"withdrawal_id": asked.created_id, "account_id": TRADER, "withdrawal_amount": 500}
    [shown] = await operator.withdrawals()
    assert shown == WithdrawalView(**wanted, currency="CNY")
    assert await trader.withdrawals() == [shown]
    assert await clients[SUPPLIER].withdrawals() == []
    await operator.admin("withdraw_cash", **wanted, external_reference="bank 1")
    assert await trader.withdrawals() == []
    again = await trader.supply("withdrawals", "request_withdrawal", withdrawal_amount=1)
    await trader.supply("withdrawals", "decline_withdrawal", withdrawal_id=again.created_id)
    assert await operator.withdrawals() == []


async def test_what_is_no_command_of_the_noun_is_not_found(house):
    status, answer = await house.post("/v1/bonds/place_order", {}, SUPPLIER, "one")
    assert (status, answer["name"]) == (404, "not_found")
    status, _ = await house.post("/v1/capacity/post_bond", {"bond_amount": 1}, SUPPLIER, "two")
    assert status == 404


class Exporter:
    """What a DCGM exporter serves, with as many GPUs as are healthy now."""

    def __init__(self) -> None:
        self.healthy_qty = 64
        self.scrapes_count = 0
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        self.server = TestServer(app)

    async def _metrics(self, _request: web.Request) -> web.Response:
        self.scrapes_count += 1
        lines = ["# TYPE DCGM_FI_DEV_XID_ERRORS gauge"]
        for gpu in range(64):
            labels = f'{{gpu="{gpu % 8}",UUID="GPU-{gpu}",Hostname="n{gpu // 8}"}}'
            lines.append(f"DCGM_FI_DEV_GPU_UTIL{labels} 97")
            lines.append(f"DCGM_FI_DEV_XID_ERRORS{labels} {79 if gpu >= self.healthy_qty else 0}")
        return web.Response(text="\n".join(lines) + "\n")


async def test_an_agent_meters_an_exporter_hour_by_hour(house, clients):
    """Market time moves by quarters of an hour; in the second hour two GPUs fail for a while."""
    await grant(clients)
    await advance(house, start_ns(DAY))
    exporter, stop = Exporter(), asyncio.Event()
    await exporter.server.start_server()
    agent = asyncio.create_task(
        run_agent(
            clients[SUPPLIER],
            1,
            str(exporter.server.make_url("/metrics")),
            interval_s=0.005,
            longest_gap_ns=HOUR_NS // 3,
            stop=stop,
            tell=pytest.fail,
        )
    )
    for quarter in range(1, 14):
        seen = exporter.scrapes_count
        async with asyncio.timeout(5):
            while exporter.scrapes_count < seen + 3:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
        exporter.healthy_qty = 62 if 5 <= quarter <= 6 else 64
        await advance(house, start_ns(DAY) + quarter * HOUR_NS // 4)
    async with asyncio.timeout(5):
        while (await clients[TRADER].deliveries())[-1].available_qtys[2] < 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    stop.set()
    assert await agent == 3
    await exporter.server.close()
    [day] = await clients[TRADER].deliveries()
    assert day.available_qtys == [64, 62, 64] + [-1] * 21


async def test_other_days_are_offered_over_http_and_consented_to(house, clients):
    june = parse_window("M2706").start_day
    for side, key_id in (("sell", SUPPLIER), ("buy", TRADER)):
        await clients[key_id].place(f"{PRODUCT}:M2706", side, order_qty=8, limit_price=1_000)
    offered = await clients[SUPPLIER].supply(
        "substitutions",
        "offer_substitution",
        holder_account_id=TRADER,
        product_id=1,
        start_day=june,
        end_day=june + 2,
        substituted_qty=8,
        other_product_id=1,
        other_start_day=june + 10,
    )
    (seen,) = await clients[TRADER].substitutions()
    assert (seen.substitution_id, seen.product) == (offered.created_id, PRODUCT)
    assert (seen.start_day, seen.other_start_day) == (june, june + 10)
    answer = {"substitution_id": seen.substitution_id}
    with pytest.raises(Refused, match="wrong_role"):
        await clients[AUDITOR].supply("substitutions", "accept_substitution", **answer)
    await clients[TRADER].supply("substitutions", "accept_substitution", **answer)
    (position,) = (await clients[TRADER].positions()).positions
    assert [(run.start_day - june, run.qty) for run in position.title] == [
        (2, 8),
        (10, 16),
        (12, 8),
    ]
    assert await clients[TRADER].substitutions() == []


async def test_a_supplier_reads_who_holds_a_day_of_its_product_and_others_do_not(house, clients):
    june = parse_window("M2706").start_day
    for side, key_id in (("sell", SUPPLIER), ("buy", TRADER)):
        await clients[key_id].place(f"{PRODUCT}:M2706", side, order_qty=8, limit_price=1_000)
    for key_id in (SUPPLIER, OPERATOR, AUDITOR):
        found = await clients[key_id].holders(PRODUCT, june + 29)
        held = [(holder.account_id, holder.title_qty) for holder in found]
        assert held == [(SUPPLIER, 992), (TRADER, 8)]
        assert await clients[key_id].holders(PRODUCT, june + 30) == []
    assert await clients[SUPPLIER].holders(PRODUCT) == []
    path = f"/v1/products/{PRODUCT}/holders"
    for key_id in (TRADER, BANK):
        status, problem = await house.get(f"{path}?day={june}", key_id)
        assert (status, problem["code"]) == (403, Reason.SCOPE)
        assert problem["message"] == f"account {key_id} is not the supplier of {PRODUCT}"
    assert (await house.get(path))[0] == 401
    assert (await house.get("/v1/products/none/holders", SUPPLIER))[0] == 404
    status, problem = await house.get(f"{path}?day=D270601", SUPPLIER)
    assert (status, problem["field"]) == (400, "day")
