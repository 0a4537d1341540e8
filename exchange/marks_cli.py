"""
The shell's half for who computes marks again: `exchange marks recompute`, `exchange log extract`.

    a log, its archive, or a bank's extract ─▶ the very bytes that `/v1/collateral/marks` answered

All of them only read. Exit codes are those of `exchange.cli`.
"""

import contextlib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from msgspec import Struct

from clients.check_extract import Proved
from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange.domain.commands import Command
from exchange.domain.events import ParticipantAdmitted
from exchange.domain.record import Record, events_of
from exchange.engine.engine import Engine
from exchange.extract import FACTS_FORMAT, RECORD_FORMAT
from exchange.extract_maker import ExtractMaker, extract_lines
from exchange.extract_proofs import MarksUnproved, read_extract, unproved_count_of, with_counts
from exchange.log import Frame, SignedHeads
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.log.witness import replace_in_parts
from exchange.marks_replay import MarksReplay
from exchange.reading import archived_frames, reading_frames
from exchange.settings import VENUE_FILE, ArchiveDirs, PasswordFile, RedisUrl, log_settings

commands = typer.Typer()
log_commands = typer.Typer()


@commands.command()
def recompute(
    as_of_seq: Annotated[int, typer.Option(min=1, help="As the log stood after this record.")],
    log: Annotated[
        Path | None,
        typer.Option(help="A venue's directory, a place of an archive, or a bank's extract."),
    ] = None,
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    bank: Annotated[str, typer.Option(help="Only the pledges to this bank; all without.")] = "",
    public_key: Annotated[
        str, typer.Option(help="Check an extract's proofs under this key, HEX.")
    ] = "",
    check_file: Annotated[
        Path | None,
        typer.Option(
            "--check", exists=True, dir_okay=False, help="Compare with these bytes, once answered."
        ),
    ] = None,
    accept_unproved: Annotated[
        bool, typer.Option(help="Also where marks rest on facts that no signature covers.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Compute the marks in force after a record again, and print what HTTP answers, byte for byte.

    Of a log, every command that made a mark is decided again, as `exchange verify` does. Of an
    extract, every mark is priced again, and its figures are compared with what the extract tells;
    what is taken as stated is said. An extract needs nothing but itself; it is of one bank, which
    --bank may only confirm. --json puts beside the marks how many of them are proved. Exit 0 done;
    1 a mark or the bytes of --check differ, which are named; 2 a file that cannot be read, a proof
    that is wrong or was taken away, or an extract of another bank; 9 marks rest on what the key
    does not prove; from 20 on the log's own codes.
    """
    source, unproved_count = log or data, None
    if source.is_file():
        extract = read_extract(source, bank, as_of_seq, public_key)
        account_id, replay = extract.head.bank_account_id, _replayed(extract.records, as_of_seq)
        if extract.proved is not None:
            rests_on = replay.rests_on(as_of_seq, account_id)
            unproved_count = _require_proved(extract.proved, rests_on, is_accepted=accept_unproved)
        typer.echo(replay.trusted(), err=True)
    else:
        with _frames(source, redis_url, redis_password_file, archive_dirs) as frames:
            account_id, replay = of_log(frames, as_of_seq, bank)
    answer = replay.answer(as_of_seq, account_id)
    if check_file is not None and check_file.read_bytes() != answer:
        typer.echo(f"{check_file} is not what record {as_of_seq} answers", err=True)
        raise typer.Exit(1)
    typer.echo(with_counts(answer, unproved_count) if as_json else answer, nl=as_json)


@log_commands.command("extract")
def log_extract(
    bank: Annotated[str, typer.Option(help="The bank's name.")],
    to: Annotated[Path, typer.Option("--to", help="The file to write.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
) -> None:
    """
    Write what a bank's marks depend on, with proofs, and nothing of others.

    `exchange marks recompute --log FILE` computes them again from it, anywhere. Exit 0 done.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    with reading_frames(settings) as frames:
        account_id, last_seq = _account_in(_records(frames, None), bank)
    heads = SignedHeads(data / SIGNED_HEADS_FILE, settings.name).heads
    heads = [head for head in heads if head.seq <= last_seq]
    counts: Counter[str] = Counter()
    with reading_frames(settings) as frames:
        lines = extract_lines(frames, heads, ExtractMaker(bank, account_id, last_seq))
        replace_in_parts(to, _counted(lines, counts))
    typer.echo(
        f"{to} has {counts[RECORD_FORMAT]} whole records of {bank} with their proofs and facts of "
        f"{counts[FACTS_FORMAT]} others, up to seq {last_seq}"
    )


_NOTHING = Command()
_MARKING = (b"publish_marks", b"mark_pledges", b"pledge_marked")
"""In the bytes of each record that made a mark, or would have."""


@contextlib.contextmanager
def _frames(
    source: Path,
    redis_url: str,
    redis_password_file: Path | None,
    archive_dirs: list[Path] | None,
) -> Iterator[Iterable[Frame]]:
    """The verified frames of a venue's directory, or of one place of an archive."""
    if (source / VENUE_FILE).exists():
        settings = log_settings(source, redis_url, redis_password_file, archive_dirs)
        with reading_frames(settings) as frames:
            yield frames
    else:
        yield archived_frames(source)


def _records(frames: Iterable[Frame], to_seq: int | None) -> Iterator[Record]:
    for frame in frames:
        for seq, encoded in enumerate(frame.records, start=frame.header.first_seq):
            if to_seq is not None and seq > to_seq:
                return
            yield Record(seq, 0, _NOTHING, events_of(encoded))


def of_log(frames: Iterable[Frame], as_of_seq: int, bank: str) -> tuple[int, MarksReplay]:
    """Whose marks are asked for (0 for all), and what they are answered from, decided again."""
    replay, engine = MarksReplay(), Engine()
    for encoded in (record for frame in frames for record in frame.records):
        is_marking = any(tag in encoded for tag in _MARKING)
        command, events = (engine.verify if is_marking else engine.apply)(encoded)
        replay.take(Record(engine.state.seq, 0, command, events))
        if replay.at_seq == as_of_seq:
            break
    if replay.at_seq < as_of_seq:
        raise typer.BadParameter(f"the log ends at {replay.at_seq}", param_hint="--as-of-seq")
    return _account_named(bank, replay) if bank else 0, replay


def _require_proved(proved: Proved, rests_on: list[set[int]], *, is_accepted: bool) -> int:
    """How many marks rest on what is not proved, which is said; none may, unless it is accepted."""
    count = unproved_count_of(proved, rests_on)
    typer.echo(
        f"{len(proved.seqs)} records are proved, and of {proved.stated_count} facts stated; "
        f"{count} of {len(rests_on)} marks rest on facts that no signature covers",
        err=True,
    )
    if count and not is_accepted:
        raise MarksUnproved(count, len(rests_on), proved.signed_seq)
    return count


def _replayed(records: Iterable[Record], to_seq: int) -> MarksReplay:
    """Up to a record; the others are read, for an extract is checked up to its end."""
    replay = MarksReplay()
    for record in records:
        if record.seq <= to_seq:
            replay.take(record)
    return replay


def _counted(lines: Iterable[bytes], counts: Counter[str]) -> Iterator[bytes]:
    """The lines, counted by their format."""
    for line in lines:
        counts[msgspec.json.decode(line, type=_Line).format] += 1
        yield line


class _Line(Struct, frozen=True):
    format: str


def _account_in(records: Iterable[Record], name: str) -> tuple[int, int]:
    """The account of that name, and the last record; all that is kept of the log."""
    account_id = last_seq = 0
    for record in records:
        last_seq = record.seq
        for event in record.events:
            if isinstance(event, ParticipantAdmitted) and event.name == name:
                account_id = event.account_id
    if not account_id:
        raise _nobody(name)
    return account_id, last_seq


def _account_named(name: str, replay: MarksReplay) -> int:
    for account_id, account in replay.participants.accounts.items():
        if account.name == name:
            return account_id
    raise _nobody(name)


def _nobody(name: str) -> typer.BadParameter:
    return typer.BadParameter(f"nobody is named {name!r}", param_hint="--bank")
