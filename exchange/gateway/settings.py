"""Everything about the gateway that an operator may choose, read once and handed down."""

from msgspec import Struct

from exchange.domain.units import NS_PER_SECOND


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """Limits are per account where they say so, else per connection."""

    allowed_hosts: frozenset[str] = frozenset({"localhost", "127.0.0.1", "::1"})
    """Names accepted in Host and Origin, without port: a page elsewhere cannot speak to us."""
    validity_ns: int = 30 * NS_PER_SECOND
    """Market time for which a command without `valid_until_ns` stays valid; scale it with the
    speed of the market's clock."""
    auth_timeout_s: float = 5.0
    heartbeat_s: int = 15
    max_message_bytes: int = 65_536
    max_unauthenticated_count: int = 256
    """Connections before their authentication, all together."""
    max_subscriptions_count: int = 256
    max_open_requests_count: int = 8_192
    """Requests without an answer; reading pauses there."""
    orders_per_second_count: int = 20_000
    orders_burst_count: int = 40_000
    """Per account: a new or amended order costs 1, a mass cancel 5."""
    sessions_per_second_count: int = 10
    sessions_burst_count: int = 100
    """Per account: each session is two records."""
    refusals_per_second_count: int = 30
    refusals_burst_count: int = 3_200
    """Per account: what refusals by the market take of the log, in refusals of an order; no more
    orders can be under way. A minute's are some 600 kB, its sessions one by one 330 kB."""
    idle_cancels_per_second_count: int = 1_000
    """Per account: cancels that found nothing to cancel; others are free."""
    private_behind_bytes: int = 1 << 20
    """Unsent bytes at which a session is closed; the client resumes from its position."""
    public_behind_bytes: int = 1 << 18
    """Unsent bytes at which market data pauses until a fresh snapshot."""
    public_behind_s: float = 10.0
    """How long market data may pause before the session is closed."""
    conflation_s: float = 0.05
    """Between two updates of a book, of positions or of balances."""
    lease_ms: int = 0
    """Age of the last append from which nothing is said about now; 0 where no standby waits."""
    tick_age_ms: int = 30_000
    """Age of the last clock tick at which the exchange no longer calls itself ready."""
