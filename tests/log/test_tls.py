"""A log server behind TLS: trusted by a private authority's certificate, and by nothing less."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from exchange.log import (
    ChainVerifier,
    EmbeddedServer,
    ServerAddress,
    check_configuration_async,
    read_frames,
    take_over,
)
from exchange.log.errors import AppendRefused, ServerWentAway

from .conftest import NAME, barrier, records

DAY = datetime.timedelta(days=1)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "log server")])
    today = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - DAY)
        .not_valid_after(today + DAY)
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        + signed.public_bytes(Encoding.PEM)
    )
    return path


@asynccontextmanager
async def behind_tls(server: EmbeddedServer, certificate: Path) -> AsyncIterator[ServerAddress]:
    """Ends TLS in front of a server's socket, and gives the address for the engine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_unix_connection(server.address.unix_path)
        await asyncio.gather(pump(reader, ours), pump(theirs, writer))

    proxy = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
    async with proxy:
        port = proxy.sockets[0].getsockname()[1]
        yield ServerAddress.from_url(f"rediss://{server.address.username}@127.0.0.1:{port}")


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Everything from one side to the other, to its end."""
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # One side has hung up, so the other is closed.
    finally:
        writer.close()


async def test_a_log_behind_tls_is_appended_to_and_read(server, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with behind_tls(server, certificate) as address:
        async with address.async_client() as client:
            await check_configuration_async(client)
        writer = await take_over(address, NAME, NAME.genesis, barrier())
        for number in range(3):
            await writer.append(records(200, number))
        await writer.close()

        def read() -> list[bytes]:
            with address.client() as client:
                frames = read_frames(client, ChainVerifier(NAME))
                return [record for frame in frames for record in frame.records]

        assert await asyncio.to_thread(read) == [
            each for number in range(3) for each in records(200, number)
        ]


async def test_a_certificate_that_nobody_vouches_for_is_refused(server, certificate):
    """Nothing reaches the server: neither the login nor a frame."""
    async with behind_tls(server, certificate) as address:
        with pytest.raises(AppendRefused, match="certificate") as refused:
            await take_over(address, NAME, NAME.genesis, barrier())
        assert refused.value.exit_code == 43
        async with address.async_client() as client:
            with pytest.raises(ServerWentAway, match="certificate"):
                await check_configuration_async(client)
    with server.address.client() as client:
        assert client.xlen(NAME.key) == 0


async def test_a_certificate_of_another_host_is_refused(server, certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with behind_tls(server, certificate) as address:
        elsewhere = ServerAddress.from_url(f"rediss://engine@localhost:{address.port}")
        with pytest.raises(AppendRefused, match="certificate"):
            await take_over(elsewhere, NAME, NAME.genesis, barrier())
