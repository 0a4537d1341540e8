"""
The shell's half for who keeps the log: archive, trim, restore, export.

    exchange log archive --to A --to B     copy what is confirmed, beside a running exchange or not
    exchange log trim --before-seq N …     remove from the stream what both places hold
    exchange log restore --from A …        append again what a stream has lost
    exchange log export --to DIR           files for analysts

Exit codes are those of `exchange.cli`.
"""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import msgspec
import structlog
import typer

from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange.export import ExportFormat, export
from exchange.log import (
    KEEP_COUNT,
    SEGMENT_BYTES,
    Archive,
    ChainVerifier,
    LogSettings,
    LogWentBack,
    SnapshotFiles,
    confirmed,
    keepers_client,
    open_log,
    read_frames,
    rewrite_file,
    tell_on_stderr,
    trim,
)
from exchange.reading import reading_client, reading_frames, witness_of
from exchange.settings import ArchiveDirs, PasswordFile, RedisUrl, log_settings
from exchange.snapshots import SNAPSHOT_DIR

commands = typer.Typer()
log = structlog.get_logger()

MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES = 1 << 10, 1 << 30
"""A segment is read into memory whole, and ends with the frame that fills it."""


@commands.command()
def archive(
    to: Annotated[list[Path], typer.Option("--to", help="One place; name two or more.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    segment_bytes: Annotated[
        int, typer.Option(min=MIN_SEGMENT_BYTES, max=MAX_SEGMENT_BYTES, help="Size of a file.")
    ] = SEGMENT_BYTES,
    check: Annotated[
        bool, typer.Option("--check", help="Read every copy of every segment again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Copy what is confirmed and not yet archived to every place, and read it back."""
    settings = log_settings(data, redis_url, redis_password_file, to)
    # An absent copy is made here, and a damaged one ends this: neither is only told.
    places = Archive(settings.name, settings.archive_dirs, tell_on_stderr)
    with places.writing():
        with reading_client(settings) as client:
            verifier = ChainVerifier(settings.name, places.head)
            frames = read_frames(client, verifier, places)
            archived = places.extend(confirmed(frames), segment_bytes)
        if check:
            places.verify()
    head = archived.head
    row = {
        "segment_count": archived.segment_count,
        "frame_count": archived.frame_count,
        "record_count": archived.record_count,
        "frames_length": archived.frames_length,
        "archived_seq": head.seq,
        "epoch": head.epoch,
        "header_hash": head.header_hash.hex(),
        "is_checked": check,
        "places": [str(place) for place in to],
    }
    text = (
        f"archived {archived.record_count} records in {archived.segment_count} segments; "
        f"{len(to)} places hold the log up to seq {head.seq}"
    )
    _print(row, as_json, text)


@commands.command("trim")
def trim_stream(
    before_seq: Annotated[int, typer.Option(min=1, help="The first seq that stays.")],
    archive_dirs: ArchiveDirs = None,
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    keep: Annotated[int, typer.Option(min=1, help="Records that stay in the stream.")] = KEEP_COUNT,
    rewrite: Annotated[
        bool | None,
        typer.Option(
            help="Whether the server then writes its file anew, which frees the disk; else it does "
            "where something was removed."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove from the stream what every place of the archive holds, read again now."""
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    places = _archive_of(settings)
    snapshot_seq = SnapshotFiles(data / SNAPSHOT_DIR, settings.name).newest_seq()
    with keepers_client(settings.data_dir, settings.external) as client:
        trimmed = trim(client, places, witness_of(settings), before_seq, keep, snapshot_seq)
        is_rewritten = trimmed.removed_frame_count > 0 if rewrite is None else rewrite
        row = msgspec.to_builtins(trimmed) | {"is_rewritten": is_rewritten}
        log.info("log_trimmed", data=str(data), **row)
        if is_rewritten:
            rewrite_file(client)
    text = (
        f"removed {trimmed.removed_frame_count} frames before seq {before_seq}: archived up to "
        f"{trimmed.archived_seq} in {len(trimmed.places)} places, witnessed up to "
        f"{trimmed.witness_seq}; the stream begins with {trimmed.first_entry_id}"
    )
    _print(row, as_json, text)


@commands.command()
def restore(
    source: Annotated[list[Path], typer.Option("--from", help="A place of the archive.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Let the log go on without what the witness saw and the archive lacks.",
        ),
    ] = False,
    accept_other_history: Annotated[
        bool,
        typer.Option(
            "--accept-other-history",
            help="Also where other records have taken the numbers of what was lost.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Append again what the stream has lost and the archive has; the exchange is stopped."""
    settings = log_settings(data, redis_url, redis_password_file, source)

    async def run() -> Any:
        async with open_log(settings) as event_log:
            return await event_log.restore(
                is_loss_accepted=accept_loss,
                is_other_history_accepted=accept_loss and accept_other_history,
            )

    restored = asyncio.run(run())
    row = msgspec.to_builtins(restored)
    log.info("log_restored", data=str(data), is_loss_accepted=accept_loss, **row)
    text = (
        f"appended {restored.frame_count} frames again, seqs {restored.after_seq + 1} to "
        f"{restored.to_seq}"
    )
    _print(row, as_json, text)
    if restored.missing and not accept_loss:
        advice = "find what is missing, or go on without it with --accept-loss"
        typer.echo(f"error: {restored.missing}; {advice}", err=True)
        raise typer.Exit(LogWentBack.exit_code)


@commands.command("export")
def export_files(
    to: Annotated[Path, typer.Option("--to", help="A new directory, or an earlier export's.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    file_format: Annotated[ExportFormat, typer.Option("--format")] = ExportFormat.PARQUET,
    from_seq: Annotated[int, typer.Option(min=1)] = 1,
    to_seq: Annotated[int | None, typer.Option(min=1, help="The end without it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the log as tables for analysts: a folder an event kind, a file a market day."""
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    with reading_frames(settings) as frames:
        exported = export(frames, to, file_format, from_seq, to_seq)
    text = (
        f"exported {exported.record_count} records up to seq {exported.to_seq} to {to}: "
        f"{sum(exported.row_counts.values())} rows in {exported.file_count} files"
    )
    _print(msgspec.to_builtins(exported), as_json, text)


def _archive_of(settings: LogSettings) -> Archive:
    places = settings.archive()
    if places is None:
        raise typer.BadParameter("name the archive's directories", param_hint="--archive")
    return places


def _print(row: dict[str, Any], as_json: bool, text: str) -> None:
    typer.echo(msgspec.json.encode(row) if as_json else text)
