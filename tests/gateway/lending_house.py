"""A gateway over a tape of lending: what is read, with nothing to trade behind it."""

from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exchange.engine.sequencer import Sequencer
from exchange.gateway import GatewaySettings, build_app
from exchange.log import HeadSigner, LogName
from tests.gateway.conftest import MemoryLog, bearer
from tests.memory_history import MemoryHistory
from tests.projections.lending_tape import OTHER_BANK, OTHER_TRADER, LendingTape
from tests.projections.records import BANK, TRADER
from tests.scenario import Market

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC_KEY = KEY.public_key().public_bytes_raw()
DAYS = 45


def pool() -> LendingTape:
    """Two loans of a bank to two borrowers, one of them called, and one of another bank."""
    tape = LendingTape()
    tape.lend(1, 1)
    tape.lend(2, 2, OTHER_TRADER, BANK)
    tape.lend(3, 3, OTHER_TRADER, OTHER_BANK)
    tape.apply_for(4, 4, TRADER, OTHER_BANK)
    tape.advance(DAYS)
    tape.mark_down(1, 7_900_000)
    tape.mark_down(2, 3_000_000)
    tape.call(2)
    tape.repay(2, 0, 100_000_000)
    return tape


class LendingHouse:
    """The gateway under test; a context manager."""

    def __init__(self, tape: LendingTape | None = None, *, is_signing: bool = True) -> None:
        self.tape = tape or pool()
        self.app = build_app(
            Sequencer(Market().engine, MemoryLog([])),
            self.tape.projection,
            MemoryHistory(self.tape.encoded()),
            GatewaySettings(),
            signer=HeadSigner(LogName("test"), KEY) if is_signing else None,
        )
        self.client = TestClient(TestServer(self.app, skip_url_asserts=True))

    async def __aenter__(self) -> "LendingHouse":
        await self.client.start_server()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.client.close()

    async def get(self, path: str, key_id: int = 0, **headers: str):
        """Status, body and headers."""
        sent = (bearer(key_id) if key_id else {}) | headers
        async with self.client.get(path, headers=sent) as response:
            return response.status, await response.read(), response.headers
