"""Whoever goes away in the middle of a request, or sends what is none, leaves no traceback."""

import asyncio
from urllib.parse import urlsplit

from .processes import VenueProcess, in_time
from .venue import fetch

LENGTH, CHUNKED = b"Content-Length: 100", b"Transfer-Encoding: chunked"
PACKED = b"Content-Encoding: gzip\r\nContent-Length: 5"


async def send(venue: VenueProcess, *parts: bytes, is_reset: bool = False) -> None:
    """One connection that sends these bytes and is closed, or reset, without waiting long."""
    url = urlsplit(venue.url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(b"\r\n".join(parts))
    await writer.drain()
    try:
        async with asyncio.timeout(0.2):
            await reader.read()
    except TimeoutError:
        pass
    if is_reset:
        writer.transport.abort()
    else:
        writer.close()


@in_time
async def test_half_a_request_and_what_is_none_leave_no_traceback(venue: VenueProcess) -> None:
    await asyncio.to_thread(venue.start)
    known = b"Authorization: Bearer " + venue.token("trader").encode()
    head = (b"POST /v1/pledges HTTP/1.1", b"Host: 127.0.0.1", b"Idempotency-Key: one")
    for who in (known, b"X-Nobody: 1"):
        for is_reset in (False, True):
            await send(venue, *head, who, LENGTH, b"", b'{"product"', is_reset=is_reset)
            await send(venue, *head, who, CHUNKED, b"", b"5", b'{"p', is_reset=is_reset)
        await send(venue, *head, who, PACKED, b"", b"aaaaa")
    await send(venue, *head, b"no header", b"", b"")
    assert (await fetch(venue, "/v1/pledges", "trader")).value == [], "it answers others"
    assert await asyncio.to_thread(venue.stop) == 0
    said = venue.stderr()
    assert "Traceback" not in said
    assert "Error handling request" not in said
    unreadable = [line for line in said.splitlines() if "request_unreadable" in line]
    assert len(unreadable) == 3, (
        "each one line: two that cannot be unpacked, and a head that is none"
    )
