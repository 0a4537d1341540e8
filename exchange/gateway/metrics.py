"""Counters for operators, touched once a commit: a counter costs more than an order's decoding."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from exchange.domain.reasons import Reason


class Metrics:
    """The gateway's counters, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._commands = Counter(
            "exchange_commands", "Recorded commands.", ["command"], registry=self.registry
        )
        self._refusals = Counter(
            "exchange_refusals", "Recorded refusals.", ["reason"], registry=self.registry
        )
        self._events = Counter("exchange_events", "Recorded events.", registry=self.registry)
        self._commits = Counter("exchange_commits", "Commits followed.", registry=self.registry)
        self._seq = Gauge("exchange_log_seq", "Last record followed.", registry=self.registry)
        self._sessions = Gauge(
            "exchange_sessions", "Authenticated sessions.", registry=self.registry
        )
        self._overdue_days = Gauge(
            "exchange_delivery_days_overdue",
            "Delivery days that wait for an auditor or operator after the time for disputes.",
            registry=self.registry,
        )

    def count(
        self,
        commands: Mapping[str, int],
        refusals: Mapping[Reason, int],
        event_count: int,
        seq: int,
        session_count: int,
    ) -> None:
        """Adds a commit."""
        for name, count in commands.items():
            self._commands.labels(name).inc(count)
        for reason, count in refusals.items():
            self._refusals.labels(reason.name.lower()).inc(count)
        self._events.inc(event_count)
        self._commits.inc()
        self._seq.set(seq)
        self._sessions.set(session_count)

    def exposition(self, overdue_days_count: int) -> bytes:
        """The Prometheus text format, with what is only worth looking at when asked."""
        self._overdue_days.set(overdue_days_count)
        return generate_latest(self.registry)
