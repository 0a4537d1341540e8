"""A whole venue in memory: the real engine and sequencer, the gateway over real sockets."""

import asyncio
import itertools

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from exchange.domain.record import Record, decode_body
from exchange.domain.wire import AnyMessage, Auth, AuthOk, Error, Hello, PlaceOrder, Request
from exchange.engine.engine import Engine
from exchange.engine.sequencer import Sequencer
from exchange.gateway import GatewaySettings, build_app
from exchange.projections import Projections
from tests.memory_history import MemoryHistory
from tests.scenario import BANK, OTHER, SUPPLIER, TRADER, Market

OPERATOR, AUDITOR = 1, 7
SYMBOL = "A100-80-SXM.SG1:M2706"
__all__ = ["AUDITOR", "BANK", "OPERATOR", "OTHER", "SUPPLIER", "SYMBOL", "TRADER"]


FORMS = pytest.mark.parametrize("form", [msgspec.json, msgspec.msgpack], ids=["json", "msgpack"])


def buy(client_order_id: str, qty: int = 1, price: int = 900, **more) -> PlaceOrder:
    """A bid for June."""
    return PlaceOrder(
        request_id=more.pop("request_id", 1),
        client_order_id=client_order_id,
        instrument=more.pop("instrument", SYMBOL),
        side="buy",
        order_qty=qty,
        limit_price=price,
        **more,
    )


def sell(client_order_id: str, qty: int = 1, price: int = 1_000, **more) -> PlaceOrder:
    """An offer of June."""
    return msgspec.structs.replace(buy(client_order_id, qty, price, **more), side="sell")


async def eventually(condition) -> None:
    """Within two seconds."""
    async with asyncio.timeout(2):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class MemoryLog:
    """Durable at once; keeps every record."""

    def __init__(self, records: list[bytes]) -> None:
        self.records = records

    async def append(self, records) -> None:
        """One frame."""
        self.records.extend(records)


def token(key_id: int) -> str:
    """The token of an account's first key, which has the account's number."""
    return f"{key_id}.secret of {key_id}"


def bearer(key_id: int, idempotency_key: str = "") -> dict[str, str]:
    """Headers of a request."""
    headers = {"Authorization": f"Bearer {token(key_id)}"}
    return headers | ({"Idempotency-Key": idempotency_key} if idempotency_key else {})


class Socket:
    """A client's websocket that speaks in messages."""

    def __init__(self, ws, form=msgspec.json) -> None:
        self.ws = ws
        self.form = form
        self.frame_sizes: list[int] = []
        self._waiting: list = []
        self._ids = itertools.count(1)

    async def send(self, *requests: Request) -> None:
        """One frame."""
        await self.send_raw(self.form.encode(requests[0] if len(requests) == 1 else requests))

    async def send_raw(self, payload: bytes) -> None:
        """Any bytes, in the opcode of the subprotocol."""
        if self.form is msgspec.json:
            await self.ws.send_frame(payload, 1)
        else:
            await self.ws.send_bytes(payload)

    async def receive(self):
        """The next message."""
        while not self._waiting:
            frame = await self.ws.receive(timeout=5)
            assert isinstance(frame.data, str | bytes), f"closed with {self.ws.close_code}"
            decoded = self.form.decode(frame.data, type=AnyMessage | list[AnyMessage])
            self._waiting = decoded if isinstance(decoded, list) else [decoded]
            self.frame_sizes.append(len(self._waiting))
        return self._waiting.pop(0)

    async def ask(self, request: Request):
        """The next message after a request."""
        await self.send(request)
        return await self.receive()

    async def until(self, kind: type):
        """The next message of a kind, others skipped."""
        while True:
            message = await self.receive()
            if isinstance(message, kind):
                return message

    async def error(self, payload: bytes) -> Error:
        """The error that some bytes deserve."""
        await self.send_raw(payload)
        message = await self.receive()
        assert isinstance(message, Error), message
        return message

    async def closed(self) -> int:
        """Reads to the end; the close code."""
        while not self.ws.closed:
            await self.ws.receive(timeout=5)
        return self.ws.close_code


class House:
    """The venue under test."""

    def __init__(self, settings: GatewaySettings, market: Market | None = None) -> None:
        self.market = market or Market()
        self.june = self.market.list_window("M2706")
        self.market.grant("M2706", 1_000)
        self.records = self.market.records
        self.projections = Projections()
        self._fold()
        self.sequencer = Sequencer(self.market.engine, MemoryLog(self.records))
        self.history = MemoryHistory(self.records)
        self.lease_age_ns = 0
        """What a test puts there."""
        self.app = build_app(
            self.sequencer,
            self.projections,
            self.history,
            settings,
            lease_age_ns=lambda: self.lease_age_ns,
        )
        self.client = TestClient(TestServer(self.app, skip_url_asserts=True))
        self._writer = None

    def _fold(self) -> None:
        engine = Engine()
        for seq, body in enumerate(self.records, start=1):
            engine.apply(body)
            self.projections.apply(Record(seq, engine.state.market_ns, *decode_body(body)))

    async def start(self) -> None:
        """Serves."""
        self._writer = asyncio.create_task(self.sequencer.run())
        await self.client.start_server()

    async def stop(self) -> None:
        """Drains and stops."""
        await self.client.close()
        self.sequencer.stop()
        await self._writer

    async def connect(self, form=msgspec.json) -> Socket:
        """A connection that has been greeted."""
        name = "gx.v1.json" if form is msgspec.json else "gx.v1.msgpack"
        socket = Socket(await self.client.ws_connect("/v1/ws", protocols=(name,)), form)
        hello = await socket.receive()
        assert isinstance(hello, Hello)
        return socket

    async def session(self, key_id: int, form=msgspec.json, **auth) -> Socket:
        """An authenticated session."""
        socket = await self.connect(form)
        socket.auth = await socket.ask(Auth(token=token(key_id), **auth))
        assert isinstance(socket.auth, AuthOk), socket.auth
        return socket

    async def get(self, path: str, key_id: int = 0, **headers: str):
        """Status and body."""
        sent = (bearer(key_id) if key_id else {}) | headers
        async with self.client.get(path, headers=sent) as response:
            body = await response.read()
        return response.status, msgspec.json.decode(body) if body else None

    async def post(self, path: str, body=None, key_id: int = 0, idempotency_key: str = ""):
        """Status and body."""
        sent = bearer(key_id, idempotency_key) if key_id else {}
        data = body if isinstance(body, bytes) else msgspec.json.encode(body or {})
        async with self.client.post(path, data=data, headers=sent) as response:
            return response.status, msgspec.json.decode(await response.read())

    def events(self) -> list:
        """Of the last record."""
        return decode_body(self.records[-1])[1]


@pytest.fixture
def settings() -> GatewaySettings:
    """A test module may choose others."""
    return GatewaySettings(conflation_s=0.01)


@pytest.fixture
async def house(settings):
    """A running venue."""
    venue = House(settings)
    await venue.start()
    yield venue
    await venue.stop()
