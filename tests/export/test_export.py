"""The export: typed tables whose totals are those of the state."""

import csv
import datetime
import re
import sys
from collections import defaultdict
from pathlib import Path

import duckdb
import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from exchange.domain.commands import PlaceOrder
from exchange.domain.enums import ExecInst, Side, TimeInForce
from exchange.domain.record import EVENT_TYPES, decode_body
from exchange.domain.units import NS_PER_DAY
from exchange.domain.windows import date_of, parse_window
from exchange.export import ExportFormat, ExportRefused, export
from exchange.export.tables import Tables, plain
from exchange.log import LogName, decode_frame, encode_barrier, encode_records
from tests.log.conftest import barrier
from tests.scenario import OTHER, PRODUCT, SUPPLIER, TRADER, Market
from tests.test_golden import LOGS, records_of

README = Path(__file__).parents[2] / "README.md"
NAME = LogName("test")


def frames_of(records):
    """A log of these records, with a frame behind them that states them as committed."""
    head = NAME.genesis
    encoded = encode_barrier(NAME, head, 0, barrier())
    frames = [decode_frame(encoded.data)]
    for start in range(0, len(records), 7):
        head = msgspec.structs.replace(encoded.head, committed_seq=encoded.head.seq)
        encoded = encode_records(NAME, head, 0, records[start : start + 7])
        frames.append(decode_frame(encoded.data))
    head = msgspec.structs.replace(encoded.head, committed_seq=encoded.head.seq)
    return [*frames, decode_frame(encode_records(NAME, head, 0, [b"\x01"]).data)]


@pytest.fixture(scope="module")
def market():
    """Four days of primary and secondary trade in two windows, and an order that is refused."""
    market = Market()
    market.grant("M2706", 100)
    june, day = market.list_window("M2706"), market.list_window("D270603")
    for number in range(16):
        market.order(SUPPLIER, june, Side.SELL, 2, 1000 + number)
        market.order(TRADER if number % 2 else OTHER, june, Side.BUY, 3, 1004)
        if number % 4 == 3:
            market.order(TRADER, day, Side.SELL, 1, 900)
            market.order(OTHER, day, Side.BUY, 1, 950, TimeInForce.IOC)
        market.advance(market.state.market_ns + NS_PER_DAY // 4)
    too_many = PlaceOrder(instrument_id=day, side=Side.SELL, order_qty=5_000, limit_price=999)
    market.refused(OTHER, too_many)
    return market


@pytest.fixture
def frames(market):
    """The market's log."""
    return frames_of(market.records)


def table(to, tag):
    """All rows of a Parquet table."""
    return pyarrow.parquet.read_table(to / tag).to_pylist()


def test_every_event_is_a_row_and_what_is_not_confirmed_is_not(market, frames, tmp_path):
    exported = export(frames, tmp_path / "out", ExportFormat.PARQUET)
    counts = defaultdict(int)
    for record in market.records:
        for event in decode_body(record)[1]:
            counts[event.__struct_config__.tag] += 1
    assert exported.row_counts == dict(counts)
    assert exported.to_seq == exported.record_count == len(market.records)
    for tag, count in counts.items():
        assert len(table(tmp_path / "out", tag)) == count
    assert msgspec.json.decode((tmp_path / "out" / "export.json").read_bytes()) == (
        msgspec.to_builtins(exported)
    )


def test_cash_and_title_add_up_to_the_state(market, frames, tmp_path):
    to = tmp_path / "out"
    export(frames, to, ExportFormat.PARQUET)
    cash, title = defaultdict(int), defaultdict(int)
    for row in table(to, "cash_deposited"):
        cash[row["account_id"]] += row["deposit_amount"]
    for row in table(to, "capacity_granted"):
        for day in range(row["start_day"], row["end_day"]):
            title[row["account_id"], day] += row["granted_qty"]
    for row in table(to, "trade_executed"):
        buyer, seller = row["buyer_account_id"], row["seller_account_id"]
        cash[buyer] -= row["notional_amount"]
        cash[seller] += row["cash_amount"]
        for side in ("maker", "taker"):
            cash[row[f"{side}_account_id"]] -= row[f"{side}_fee_amount"]
        assert row["notional_amount"] == row["last_price"] * row["traded_hours"]
        for day in range(*(date.toordinal() for date in (row["window_start"], row["window_end"]))):
            day -= datetime.date(1970, 1, 1).toordinal()
            title[buyer, day] += row["last_qty"]
            title[seller, day] -= row["last_qty"]
    for account_id in (SUPPLIER, TRADER, OTHER):
        assert cash[account_id] == sum(market.core.balances(account_id))
        runs = market.core.day_function(account_id, 1, "title")
        held = {day: qty for start, end, qty in runs for day in range(start, end) if qty}
        found = {day: qty for (owner, day), qty in title.items() if owner == account_id and qty}
        assert found == held
    assert {row["product"] for row in table(to, "trade_executed")} == {PRODUCT}


def test_the_readmes_query_answers_volume_by_product_and_day(market, frames, tmp_path):
    export(frames, tmp_path / "export", ExportFormat.PARQUET)
    query = re.search(r"```sql\n(.*?)```", README.read_text(), re.DOTALL)[1]
    assert "'export/" in query
    answer = duckdb.sql(query.replace("'export/", f"'{tmp_path}/export/")).fetchall()
    wanted = defaultdict(lambda: [0, 0, 0])
    tables = Tables()
    for seq, record in enumerate(market.records, start=1):
        command, events = decode_body(record)
        tables.rows(seq, command, events)
        for event in events:
            if event.__struct_config__.tag == "trade_executed":
                window = market.state.instruments[event.instrument_id]
                hours = event.last_qty * (window.end_day - window.start_day) * 24
                day = datetime.datetime.fromtimestamp(
                    tables.market_ns // 10**9, datetime.timezone(datetime.timedelta(hours=8))
                ).date()
                row = wanted[PRODUCT, day]
                row[0] += 1
                row[1] += hours
                row[2] += event.notional_amount
    assert len(wanted) == 4
    assert [(product, day, trades, hours, round(cny * 100)) for product, day, trades, hours, cny in
            answer] == [(*key, *row) for key, row in sorted(wanted.items())]  # fmt: skip


def test_the_three_formats_say_the_same(frames, tmp_path):
    for each in ExportFormat:
        export(frames, tmp_path / each, each)
    files = [
        sorted(path.relative_to(tmp_path / each).with_suffix("") for path in
               (tmp_path / each).rglob(f"*.{each}"))
        for each in ExportFormat
    ]  # fmt: skip
    assert files[0] == files[1] == files[2]
    for file in files[0]:
        rows = pyarrow.parquet.read_table(tmp_path / "parquet" / f"{file}.parquet")
        lines = (tmp_path / "ndjson" / f"{file}.ndjson").read_bytes().splitlines()
        plain_rows = [msgspec.json.decode(line) for line in lines]
        with open(tmp_path / "csv" / f"{file}.csv", newline="") as text:
            cells = list(csv.DictReader(text))
        assert rows.column_names == list(plain_rows[0]) == list(cells[0])
        times = rows.column("market_time").cast(pyarrow.int64()).to_pylist()
        days = rows.column("market_day").to_pylist()
        for row, plain_row, cell_row, ns, day in zip(
            rows.drop_columns(["market_time"]).to_pylist(),
            plain_rows,
            cells,
            times,
            days,
            strict=True,
        ):
            assert plain_row["market_ns"] == ns == int(cell_row["market_ns"])
            assert str(day) == file.name == plain_row["market_day"]
            for name, value in row.items():
                shown = value.isoformat() if isinstance(value, datetime.date) else value
                assert plain_row[name] == shown, name
                if isinstance(shown, bool | list):
                    shown = msgspec.json.encode(shown).decode()
                assert cell_row[name] == ("" if shown is None else str(shown)), name


@pytest.mark.parametrize("file_format", [ExportFormat.NDJSON, ExportFormat.CSV])
def test_the_same_log_gives_the_same_bytes_in_place_of_the_old_ones(frames, tmp_path, file_format):
    to = tmp_path / "out"
    export(frames, to, file_format)
    first = {path: path.read_bytes() for path in to.rglob("*") if path.is_file()}
    export(frames[:9], to, file_format)
    assert {path for path in to.rglob("*") if path.is_file()} < set(first)
    export(frames, to, file_format)
    assert {path: path.read_bytes() for path in to.rglob("*") if path.is_file()} == first
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_span_is_the_whole_less_what_is_outside(frames, tmp_path):
    export(frames, tmp_path / "all", ExportFormat.PARQUET)
    part = export(frames, tmp_path / "part", ExportFormat.PARQUET, 40, 60)
    assert (part.from_seq, part.to_seq, part.record_count) == (40, 60, 21)
    for tag in part.row_counts:
        whole = [row for row in table(tmp_path / "all", tag) if 40 <= row["seq"] <= 60]
        assert table(tmp_path / "part", tag) == whole


def test_a_refusal_says_who_asked_for_what(frames, tmp_path):
    export(frames, tmp_path / "out", ExportFormat.PARQUET)
    (row,) = table(tmp_path / "out", "command_refused")
    assert (row["command"], row["by_account_id"], row["reason"]) == ("place_order", OTHER, "title")


@pytest.mark.parametrize("file_format", [ExportFormat.NDJSON, ExportFormat.CSV])
def test_every_kind_of_event_is_exported_from_the_golden_logs(tmp_path, file_format):
    tags = set()
    for name in LOGS:
        records = records_of(name)
        exported = export(frames_of(records), tmp_path / name, file_format)
        assert exported.record_count == len(records)
        tags |= exported.row_counts.keys()
    assert tags == EVENT_TYPES.keys()


def test_what_is_about_no_product_names_none(tmp_path):
    """A hold of cash has product 0; one of title has the product's code."""
    codes = defaultdict(set)
    for name in LOGS:
        export(frames_of(records_of(name)), tmp_path / name, ExportFormat.PARQUET)
        for tag in ("hold_opened", "supplier_suspended"):
            if (tmp_path / name / tag).exists():
                for row in table(tmp_path / name, tag):
                    codes[tag, row["product_id"] == 0].add(row["product"])
    assert codes["hold_opened", True] == codes["supplier_suspended", True] == {None}
    assert None not in codes["hold_opened", False] | codes["supplier_suspended", False]
    assert codes["hold_opened", False]


def test_every_event_has_columns_and_none_twice():
    for tag in EVENT_TYPES:
        names = [column.name for column in Tables().columns(tag)]
        assert len(names) == len(set(names)), tag
        assert names[0] == "seq"


def test_words_and_hashes_are_readable():
    assert plain(Side.BUY) == "buy"
    assert plain(ExecInst.POST_ONLY | ExecInst.ALL_OR_NONE) == "post_only|all_or_none"
    assert plain(ExecInst.NONE) == "none"
    assert plain(b"\x01\xff") == "01ff"
    assert plain([TimeInForce.GTC]) == ["gtc"]


def test_another_directory_is_never_overwritten(frames, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportRefused, match="other files than an export"):
        export(frames, tmp_path / "mine", ExportFormat.CSV)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_a_log_that_ends_in_damage_leaves_the_old_export(frames, tmp_path):
    to = tmp_path / "out"
    export(frames, to, ExportFormat.CSV)
    before = sorted(to.rglob("*"))

    def damaged():
        yield from frames[:5]
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        export(damaged(), to, ExportFormat.CSV)
    assert sorted(to.rglob("*")) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_without_pyarrow_parquet_is_refused_and_csv_is_not(frames, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ExportRefused, match=r"\.\[export\]"):
        export(frames, tmp_path / "out", ExportFormat.PARQUET)
    assert export(frames, tmp_path / "out", ExportFormat.CSV).record_count > 0


def test_a_windows_dates_are_those_of_its_code(frames, tmp_path):
    export(frames, tmp_path / "out", ExportFormat.PARQUET)
    for row in table(tmp_path / "out", "trade_executed"):
        window = parse_window(row["symbol"].partition(":")[2])
        assert row["window_start"] == date_of(window.start_day)
        assert row["window_end"] == date_of(window.end_day)
        assert row["window_hours"] == window.hours
