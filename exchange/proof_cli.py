"""
The shell's half for evidence: the heads that the venue signed, and proofs of single records.

Exit codes are those of `exchange.cli`; 87 where a record has no proof, or none yet.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from clients.shell import DEFAULT_DATA, AsJson, DataDir
from exchange.domain.units import NS_PER_SECOND
from exchange.log import SignedHeads, prove, read_stretch
from exchange.log.errors import ProofImpossible
from exchange.log.signed_heads import SIGNED_HEADS_FILE
from exchange.log.witness import replace_durably
from exchange.reading import reading_client
from exchange.settings import ArchiveDirs, PasswordFile, RedisUrl, log_settings

commands = typer.Typer()


@commands.command("proof")
def log_proof(
    seq: Annotated[int, typer.Argument(min=1, help="The record's sequence number.")],
    data: DataDir = DEFAULT_DATA,
    redis_url: RedisUrl = "",
    redis_password_file: PasswordFile = None,
    archive_dirs: ArchiveDirs = None,
    to: Annotated[
        Path | None, typer.Option("--to", help="A file; standard output without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write the proof that a record is in the log whose head was signed.

    `python clients/check_proof.py FILE --public-key HEX` checks it, anywhere, with nothing of ours.
    It discloses this record, with both sides of its trades, and no other; its size is 290 bytes for
    each frame up to the next signed head. Exit 0 done; 87 there is no such record, or no head at or
    after it is signed yet.
    """
    settings = log_settings(data, redis_url, redis_password_file, archive_dirs)
    signed = SignedHeads(data / SIGNED_HEADS_FILE, settings.name).first_over(seq)
    if signed is None:
        raise ProofImpossible(
            f"log_proof_impossible: no head at or after seq {seq} is signed yet; one is signed "
            "every so many records, at the market day's end and when the exchange stops in order"
        )
    with reading_client(settings) as client:
        frames = read_stretch(client, settings.name, seq, signed.position, settings.archive())
        proof = prove(frames, seq, signed)
    encoded = msgspec.json.encode(proof)
    if to is None:
        typer.echo(encoded, nl=False)
        return
    replace_durably(to, encoded)
    row = {
        "seq": seq,
        "file": str(to),
        "header_count": len(proof.headers),
        "signed_seq": signed.seq,
        "public_key": signed.public_key,
    }
    text = (
        f"{to} proves record {seq} by {len(proof.headers)} headers up to the head signed at seq "
        f"{signed.seq}; check it with --public-key {signed.public_key}"
    )
    typer.echo(msgspec.json.encode(row) if as_json else text)


@commands.command("heads")
def log_heads(
    data: DataDir = DEFAULT_DATA,
    from_seq: Annotated[int, typer.Option(min=1, help="The first that matters.")] = 1,
    count: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Print the heads that were signed, oldest first; exit 0 also where there are none."""
    name = log_settings(data, "", None, None).name
    for head in SignedHeads(data / SIGNED_HEADS_FILE, name).page(from_seq, count):
        at = datetime.fromtimestamp(head.at_ns // NS_PER_SECOND, UTC)
        text = f"epoch {head.epoch} seq {head.seq} signed at {at:%F %T} UTC: {head.header_hash}"
        typer.echo(msgspec.json.encode(head) if as_json else text)
