"""What a server's answers become: each says what was asked, and what an operator can do."""

import time

import pytest
from msgspec.structs import replace

from exchange.log import ChainVerifier, check_configuration, check_configuration_async, read_frames
from exchange.log import address as address_module
from exchange.log.errors import ServerRefused, ServerWentAway

from .conftest import NAME, as_operator
from .nodes import started


@pytest.mark.parametrize(
    "wrong",
    [{"username": "nobody"}, {"username": ""}, {"password": "stale"}],
    ids=["unknown user", "no user", "wrong password"],
)
async def test_who_may_not_log_in_is_told_what_to_check(server, wrong):
    with as_operator(server.address).client() as client:
        client.execute_command("ACL", "SETUSER", "engine", "resetpass", ">secret")
        # The server that stops asks as the engine.
        try:
            address = replace(server.address, **{"password": "secret", **wrong})
            with address.client() as refused, pytest.raises(ServerRefused) as caught:
                list(read_frames(refused, ChainVerifier(NAME)))
            assert "--redis-password-file" in str(caught.value)
            with address.client() as refused, pytest.raises(ServerRefused):
                check_configuration(refused)
            async with address.async_client() as refused:
                with pytest.raises(ServerRefused, match="the user in --redis-url"):
                    await check_configuration_async(refused)
        finally:
            client.execute_command("ACL", "SETUSER", "engine", "resetpass", "nopass")


async def test_the_right_password_is_let_in(server):
    with as_operator(server.address).client() as client:
        client.execute_command("ACL", "SETUSER", "engine", "resetpass", ">secret")
        try:
            with replace(server.address, password="secret").client() as engine:
                check_configuration(engine)
        finally:
            client.execute_command("ACL", "SETUSER", "engine", "resetpass", "nopass")


async def test_a_server_that_speaks_no_tls_is_given_up_soon(tmp_path, monkeypatch):
    """It waits for the rest of a command; what came was the beginning of a handshake."""
    monkeypatch.setattr(address_module, "CONNECT_SECONDS", 0.3)
    with started(tmp_path, "plain") as (node,):
        address = replace(node.address, is_tls=True)
        begun = time.monotonic()
        with address.client() as client, pytest.raises(ServerWentAway, match="configuration"):
            check_configuration(client)
        async with address.async_client() as client:
            with pytest.raises(ServerWentAway, match="configuration"):
                await check_configuration_async(client)
        assert time.monotonic() - begun < 10
