"""The shell as people and scripts use it: one JSON value a command, and exit codes that tell."""

import asyncio

import msgspec

from clients.sdk import SyncExchangeClient
from exchange.domain.collateral_views import CollateralMarkView
from exchange.domain.wire import PledgeView, Positions

from .processes import Shell, VenueProcess, wait_until
from .venue import ACCOUNT_IDS, PRODUCT, Market, fetch

REFUSED, USAGE, UNAUTHORIZED, UNAVAILABLE, PROTOCOL = 1, 2, 3, 4, 5


def done(answer: Shell) -> Shell:
    """A command that must succeed."""
    assert answer.exit_code == 0, answer
    return answer


def failed(answer: Shell, exit_code: int, *words: str) -> None:
    """A command that must fail with this code, and say these words on stderr alone."""
    assert answer.exit_code == exit_code, answer
    assert answer.stdout == ""
    assert answer.stderr.startswith("error: "), answer
    assert "Traceback" not in answer.stderr
    for word in words:
        assert word in answer.stderr, answer


def test_the_shell_trades(venue: VenueProcess, market: Market) -> None:
    """Order, book, cancel, positions, and the log of it."""
    venue.start()
    symbol = market.month_symbol
    words = ("order", symbol, "sell", 16, 1_250, "--as", "supplier", "--json")
    offer = done(venue.shell(*words)).value
    assert offer["order_id"] == offer["log_seq"] > 0
    order = ("order", symbol, "buy", 8, 1_300, "--client-order-id", "mine", "--json")
    bought = done(venue.shell(*order)).value
    assert bought["client_order_id"] == "mine"
    again = done(venue.shell(*order)).value
    assert again["duplicate"] is True
    assert again["log_seq"] == bought["log_seq"]

    book = done(venue.shell("book", symbol, "--json")).value
    assert (book["bids"], book["asks"]) == ([], [[1_250, 8, 1]])
    assert "12.50" in done(venue.shell("book", symbol)).stdout
    held = done(venue.shell("positions", "--json")).stdout
    [position] = msgspec.json.decode(held, type=Positions).positions
    assert [run.qty for run in position.title] == [8]
    assert [run.start_day for run in position.title] == [market.month_start_day]

    terms = ("--display-qty", 8, "--self-match-policy", "cancel_resting")
    shown = ("order", symbol, "buy", 24, 900, *terms, "--json")
    iceberg = done(venue.shell(*shown)).value
    assert done(venue.shell("book", symbol, "--json")).value["bids"] == [[900, 8, 1]]
    done(venue.shell("cancel", iceberg["order_id"], "--json"))
    dated = ("--time-in-force", "gtd", "--expire-on", "D900101")
    failed(venue.shell("order", symbol, "buy", 8, 900, *dated), REFUSED, "4028")

    cancelled = done(venue.shell("cancel", offer["order_id"], "--as", "supplier", "--json")).value
    assert cancelled["log_seq"] > bought["log_seq"]
    failed(venue.shell("cancel", offer["order_id"], "--as", "supplier"), REFUSED, "4041")

    # Wholly done or not at all, and named as what it is.
    failed(venue.shell("order", symbol, "buy", 7, 1_250), REFUSED, "lot (4003)", "7", "8")
    failed(
        venue.shell("order", symbol, "sell", 16, 1_250, "--client-order-id", "naked"),
        REFUSED,
        "title (5002)",
        "16 GPUs are wanted and 8 are free",
    )
    failed(venue.shell("order", f"{PRODUCT}:M9901", "buy", 8, 1_250), REFUSED, "4001")

    head = done(venue.shell("log", "head", "--json")).value
    rows = done(venue.shell("log", "tail", "--count", 1_000, "--json")).rows
    assert [row["seq"] for row in rows] == list(range(1, len(rows) + 1))
    assert head["seq"] <= rows[-1]["seq"]
    by_seq = {row["seq"]: row for row in rows}
    assert by_seq[bought["log_seq"]]["command"]["command_id"] == "mine"
    assert by_seq[bought["log_seq"]]["events"][1]["type"] == "trade_executed"

    # The state of then, in the middle of the log.
    then = done(venue.shell("replay", "--to-seq", offer["log_seq"], "--json")).value
    assert then["seq"] == offer["log_seq"]
    assert then["books"][symbol] == {"bids": [], "asks": [[1_250, 16, 1]]}
    assert all(row["account"] != "trader" for row in then["positions"])
    after = done(venue.shell("replay", "--to-seq", bought["log_seq"], "--json")).value
    assert after["books"][symbol] == {"bids": [], "asks": [[1_250, 8, 1]]}
    assert [row["title"] for row in after["positions"] if row["account"] == "trader"] == [
        [[market.month_start_day, market.month_end_day, 8]]
    ]
    assert venue.stop() == 0
    failed(venue.shell("book", symbol), UNAVAILABLE, venue.url)
    failed(venue.shell("order", symbol, "buy", 8, 1_250), UNAVAILABLE)
    offline = done(venue.shell("replay", "--to-seq", bought["log_seq"], "--json")).value
    assert offline == after


def test_the_shell_links_orders_and_a_killed_exchange_keeps_them_so(
    venue: VenueProcess, market: Market
) -> None:
    """Exclusive bids for two months: a fill of one takes from the other, also after kill -9."""
    venue.start()
    month, next_month = market.month_symbol, market.next_month_symbol
    for symbol, price in ((month, 1_300), (next_month, 1_200)):
        done(venue.shell("order", symbol, "buy", 24, price, "--link", 7))
    sale = ("order", next_month, "sell", 8, 1_200, "--as", "supplier")
    done(venue.shell(*sale))
    assert "16/24" in done(venue.shell("orders")).stdout
    assert [row["leaves_qty"] for row in orders_of(venue)] == [16, 16]
    assert done(venue.shell("book", month, "--json")).value["bids"] == [[1_300, 16, 1]]
    again = ("order", month, "buy", 8, 1_250, "--link", 7)
    failed(venue.shell(*again), REFUSED, "link_instrument (4032)", "has that link already")

    venue.kill()
    venue.start()
    assert [row["link_id"] for row in orders_of(venue)] == [7, 7]
    done(venue.shell("order", month, "sell", 16, 1_300, "--as", "supplier"))
    ended = [row for row in orders_of(venue) if row["link_id"] == 7]
    assert {row["order_status"] for row in ended} == {"filled", "cancelled"}
    assert done(venue.shell("book", next_month, "--json")).value["bids"] == []
    assert done(venue.shell("balances", "--json")).value["held_amount"] == 0
    operators_read_any_account(venue)


def operators_read_any_account(venue: VenueProcess) -> None:
    """By number, the venue's own that takes the fees among them; a trader may not."""
    people = done(venue.shell("participants", "--json")).value
    number = {person["name"]: person["account_id"] for person in people}["trader"]
    for noun, told in (
        ("orders", "orders"),
        ("positions", "positions"),
        ("balances", "available_amount"),
        ("statement", "lines"),
    ):
        own = done(venue.shell(noun, "--json")).value
        for who in ("operator", "trader"):
            named = (noun, "--account", number, "--as", who, "--json")
            found = done(venue.shell(*named)).value
            assert (found["account_id"], found[told]) == (number, own[told]), (noun, who)
    fees = ("statement", "--account", 0, "--json")
    assert done(venue.shell(*fees, "--as", "operator")).value["closing_amount"] > 0
    failed(venue.shell(*fees), UNAUTHORIZED, "scope (2004)", "reads its own account only")


def orders_of(venue: VenueProcess) -> list[dict[str, object]]:
    """The trader's orders, the open ones first."""
    return done(venue.shell("orders", "--json")).value["orders"]


def test_the_shell_lends(venue: VenueProcess, market: Market) -> None:
    """Pledge request, accept, list, release; marks; and what others may not see."""
    venue.start()
    bank = ACCOUNT_IDS["bank"]
    request = ("pledge", "request", PRODUCT, market.month_code, 16, bank, "--as", "supplier")
    pledge_id = done(venue.shell(*request, "--json")).value["created_id"]
    failed(venue.shell("pledge", "accept", pledge_id, "--as", "other"), REFUSED, "not_found")
    done(venue.shell("pledge", "accept", pledge_id, "--json"))
    failed(venue.shell("pledge", "accept", pledge_id), REFUSED, "4019")
    listed = done(venue.shell("pledge", "list", "--as", "bank", "--json")).stdout
    [pledge] = msgspec.json.decode(listed, type=list[PledgeView])
    assert (pledge.pledge_id, pledge.pledge_status) == (pledge_id, "active")
    assert done(venue.shell("pledge", "list", "--as", "other", "--json")).value == []

    pulled = done(venue.shell("marks", "--json"))
    [mark] = msgspec.json.decode(pulled.stdout, type=list[CollateralMarkView])
    assert mark.pledge_id == pledge_id
    assert mark.value_amount > mark.lendable_amount == 0, "the month has not traded"
    as_of = done(venue.shell("marks", "--as-of-seq", mark.as_of_seq, "--json"))
    assert as_of.stdout == pulled.stdout
    assert "lendable" in done(venue.shell("marks")).stdout

    done(venue.shell("pledge", "release", pledge_id, "--json"))
    assert done(venue.shell("marks", "--json")).value == []
    assert done(venue.shell("marks", "--as-of-seq", mark.as_of_seq, "--json")).value == as_of.value
    declined = done(venue.shell(*request, "--json")).value["created_id"]
    done(venue.shell("pledge", "decline", declined, "--json"))
    statuses = done(venue.shell("pledge", "list", "--as", "supplier", "--json")).value
    assert [one["pledge_status"] for one in statuses] == ["released", "declined"]


def test_the_shell_makes_and_ends_keys(venue: VenueProcess, market: Market) -> None:
    """A registered key trades, a read-only one only looks, a revoked one is nobody."""
    venue.start()
    trader = ACCOUNT_IDS["trader"]
    order = ("order", market.month_symbol, "buy", 8, 900, "--json")
    made = done(venue.shell("key", "register", trader, "desk", "--json")).value
    placed = done(venue.shell(*order, "--as", "desk")).value
    done(venue.shell("key", "register", trader, "screen", "--read-only", "--json"))
    failed(venue.shell(*order, "--as", "screen"), UNAUTHORIZED, "2004")
    done(venue.shell("positions", "--as", "screen", "--json"))

    done(venue.shell("key", "revoke", made["created_id"], "--json"))
    failed(venue.shell(*order, "--as", "desk"), UNAUTHORIZED, "2002")
    orders = asyncio.run(fetch(venue, "/v1/accounts/me/orders", "trader")).value["orders"]
    assert [one["order_status"] for one in orders if one["order_id"] == placed["order_id"]] == [
        "cancelled"
    ]
    failed(venue.shell("key", "register", trader, "own", "--as", "trader"), REFUSED, "4022")
    failed(venue.shell("positions", "--as", "nobody"), UNAUTHORIZED, "nobody")
    mode = (venue.data_dir / "credentials.json").stat().st_mode
    assert mode & 0o077 == 0, "only the owner reads tokens"


def test_the_shell_publishes_calendars(venue: VenueProcess, market: Market) -> None:
    """A shipped calendar, one of one's own, and files that are none."""
    venue.start()
    assert done(venue.shell("calendar", "show", "--json")).value == []
    failed(venue.shell("calendar", "import", "mainland_2025"), USAGE, "no file mainland_2025")
    own = venue.data_dir / "own.json"
    own.write_text("{}")
    failed(venue.shell("calendar", "import", own), USAGE, "missing required field `year`")
    done(venue.shell("calendar", "import", "mainland_2027", "--json"))
    again = venue.shell("calendar", "import", "mainland_2027")
    failed(again, REFUSED, "already_exists (4015)")
    other = venue.shell("calendar", "import", "mainland_2026", "--as", "trader")
    failed(other, UNAUTHORIZED, "2004")
    [shown] = done(venue.shell("calendar", "show", 2027, "--json")).value
    assert (shown["version"], shown["is_provisional"]) == (1, True)
    text = done(venue.shell("calendar", "show")).stdout
    for words in ("provisional", "closed 2027-02-05 to 2027-02-14", "15:45 closing_auction"):
        assert words in text, text


def test_the_shell_leaves_a_product_to_the_clock(venue: VenueProcess, market: Market) -> None:
    """Windows appear by themselves, prices settle at the close, and parents cascade."""
    venue.start("--speed", 20_000)
    failed(venue.shell("schedule", "H100"), REFUSED, "unknown_product (4011)")
    counts = ("--days", 4, "--months", 3, "--quarters", 0, "--years", 0, "--strips", 0)
    done(venue.shell("schedule", PRODUCT, *counts, "--json"))

    def kinds() -> set[str]:
        listed = done(venue.shell("instruments", "--product", PRODUCT, "--json")).value
        return {one["kind"] for one in listed}

    wait_until(lambda: {"day", "month"} <= kinds(), "days and months are listed")
    assert PRODUCT in done(venue.shell("instruments", "--kind", "day")).stdout
    month = market.month_symbol
    [listed] = [
        one
        for one in done(venue.shell("instruments", "--kind", "month", "--json")).value
        if one["instrument"] == month
    ]
    assert listed["status"] == "open"
    with SyncExchangeClient(venue.url, venue.token("operator")) as operator:
        operator.admin(
            "publish_settlement_price",
            instrument_id=listed["instrument_id"],
            settlement_price=1_234,
        )

    def settled() -> bool:
        prices = done(venue.shell("settlement-prices", "--json")).value["prices"]
        return any(one["source"] == "prior" for one in prices if one["instrument"] == month)

    wait_until(settled, "a close has settled the month")
    assert "12.34" in done(venue.shell("settlement-prices", "--product", PRODUCT)).stdout
    failed(venue.shell("cascade", month), REFUSED, "no cascade of instrument")
    failed(venue.shell("instruments", "--status", "dead"), PROTOCOL, "status 'dead'")
    assert venue.stop() == 0
    assert venue.verify() > 0
