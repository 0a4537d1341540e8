"""
The exchange with a stub in the engine's place, for orders only: what the rest of the house costs.

Gateway, sessions, sequencer, group commit, chained frames and fsync are the exchange's own, wired
by its own `serve`. An order or a cancel takes the next sequence number, leaves an almost empty
record (a command without content, an event that counts nothing) and is acknowledged once that is
durable. Everything else, such as sessions and the clock, goes to the real engine. It takes the
arguments of `exchange serve`:

    .venv/bin/python -m load_tests.stub_gateway serve --data <directory> --http-port 0
"""

from typing import Any

from exchange import app as process
from exchange import cli
from exchange.domain.commands import CancelOrder, Command, MassCancel, PlaceOrder
from exchange.domain.events import RefusalsCounted
from exchange.domain.outcome import Outcome
from exchange.domain.record import encode_command, encode_event, join_record
from exchange.engine.engine import Engine
from exchange.snapshots import Loaded

EMPTY_RECORD = join_record(
    encode_command(MassCancel()), 1, encode_event(RefusalsCounted(counts=[]))
)
"""What followers of the log can read, and the gateway does not take for a refusal: those cost."""


class StubEngine(Engine):
    """Accepts every order without looking at it."""

    def execute(self, command: Command) -> tuple[Outcome, bytes | None]:
        """An order's number and an empty record; other commands are executed."""
        if isinstance(command, PlaceOrder | CancelOrder):
            self.state.seq += 1
            return Outcome(self.state.seq), EMPTY_RECORD
        return super().execute(command)


def main() -> None:
    """The exchange's shell, with the stub where `serve` takes its engine from."""
    load = process.load

    async def load_stub(*arguments: Any) -> Loaded:
        loaded = await load(*arguments)
        loaded.engine = StubEngine(loaded.engine.state)
        return loaded

    vars(process)["load"] = load_stub
    cli.main()


if __name__ == "__main__":
    main()
