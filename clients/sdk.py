"""
The SDK: one client for everything an account does.

`ExchangeClient` is asynchronous; its HTTP half works without a connection, and its websocket half
connects on first use. `SyncExchangeClient` offers the same to programs without an event loop.

    async with ExchangeClient("http://127.0.0.1:8080", token) as exchange:
        ack = await exchange.place("A100-80-SXM.SG1:M2703", "buy", order_qty=8, limit_price=1000)
        async for update in await exchange.follow_orders():
            print(update)

Prices are fen per GPU-hour, amounts fen, quantities GPUs. Order and command ids are made here
unless given, and repeating one with the same body is always safe.
"""

from .backoff import Backoff
from .errors import ExchangeError, ProtocolError, Refused, Unauthorized, Unavailable
from .exchange_client import ExchangeClient
from .rest import new_id
from .subscriptions import Subscription, Update
from .sync import SyncExchangeClient

__all__ = [
    "Backoff",
    "ExchangeClient",
    "ExchangeError",
    "ProtocolError",
    "Refused",
    "Subscription",
    "SyncExchangeClient",
    "Unauthorized",
    "Unavailable",
    "Update",
    "new_id",
]
