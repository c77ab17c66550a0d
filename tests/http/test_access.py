"""Who may ask: tokens and client certificates at every endpoint, while they are replaced, and when they are broken."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sidecar_world import ENDPOINTS, assert_no_secret, assert_problem, calling, fill, replaced_atomically, settings_for
from tls_world import OTHER_TOKEN, TOKEN

from exposer.errors import BadInputError
from exposer.server.access import OPEN_PATHS, Access
from exposer.server.problem import Code

BEARER = {"authorization": f"Bearer {TOKEN}"}
OTHER = {"authorization": f"Bearer {OTHER_TOKEN}"}
CLOSED = sorted({*ENDPOINTS, "/status", "/metrics", "/artifacts", "/artifacts/x", "/no-such-path"} - OPEN_PATHS)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    """A file with one token."""
    path = tmp_path / "tokens"
    write(path, TOKEN)
    return path


def write(path: Path, *tokens: str) -> None:
    """A file with these tokens, in the same inode where there is one."""
    path.write_text("".join(f"{token}\n" for token in tokens))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A finished home."""
    fill(tmp_path / "home")
    return tmp_path / "home"


def request(path: str = "/genesis", *authorizations: bytes, query: bytes = b"", **tls: object) -> dict[str, Any]:
    """The scope of a request with these ``Authorization`` fields, over TLS where ``client_cert_name`` is given."""
    headers = [(b"host", b"pod"), *((b"authorization", value) for value in authorizations)]
    return {
        "type": "http",
        "path": path,
        "query_string": query,
        "headers": headers,
        **({"extensions": {"tls": tls}} if tls else {}),
    }


def code(access: Access, scope: dict[str, Any]) -> Code | None:
    """The code of the refusal."""
    refusal = access.refusal(scope)
    return refusal.code if refusal else None


async def test_nobody_is_asked_where_nothing_is_configured(home: Path) -> None:
    """Without a token file and a client CA everybody may ask for everything."""
    assert Access(settings_for(home)).open
    async with calling(home) as (client, _):
        assert (await client.get("/genesis")).status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
@pytest.mark.parametrize("path", CLOSED)
async def test_nothing_is_answered_without_the_token(home: Path, token_file: Path, path: str, method: str) -> None:
    """Every path but the open ones is 401 with a challenge, whatever the method and whether it exists."""
    async with calling(home, token_file=token_file) as (client, _):
        for headers in ({}, OTHER):
            response = await client.request(method, path, headers=headers)
            assert response.headers["www-authenticate"] == 'Bearer realm="exposer"'
            assert TOKEN not in response.text
            assert_no_secret(response)
            assert response.status_code == 401
            if method != "HEAD":
                assert_problem(response, 401, "unauthorized")


async def test_the_token_opens(home: Path, token_file: Path) -> None:
    """With the token every endpoint answers as it does where nothing is configured."""
    async with calling(home, token_file=token_file) as (client, _), calling(home) as (free, _):
        for path in ("/node_id", "/genesis", "/keys", "/pub_key", "/no-such-path"):
            asked, expected = await client.get(path, headers=BEARER), await free.get(path)
            assert (asked.status_code, asked.content) == (expected.status_code, expected.content)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probes_are_open(home: Path, token_file: Path, path: str) -> None:
    """Probes need nothing; a query, by which a stranger could have a request held, needs the token."""
    async with calling(home, token_file=token_file) as (client, _):
        assert (await client.get(path)).status_code == 200
        assert_problem(await client.get(path + "?wait=60s"), 401, "unauthorized")
        assert (await client.get(path + "?wait=1s", headers=BEARER)).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        *(
            "",
            "Bearer",
            "Bearer ",
            TOKEN,
            f"Basic {TOKEN}",
            f"Bearer{TOKEN}",
            f"Bearer {TOKEN}x",
            f"Bearer {TOKEN[:-1]}",
        ),
        *(
            f"Bearer {TOKEN.upper()}",
            f"Bearer {TOKEN}, Bearer {TOKEN}",
            f"Bearer {TOKEN} {TOKEN}",
            f"Bearer  \t{TOKEN}",
        ),
    ],
)
def test_what_is_not_the_token(token_file: Path, home: Path, authorization: str) -> None:
    """Only the scheme, a space and the whole token will do."""
    access = Access(settings_for(home, token_file=token_file))
    assert code(access, request("/genesis", authorization.encode())) is Code.UNAUTHORIZED


def test_forms_of_the_token(token_file: Path, home: Path) -> None:
    """The scheme's name is without case (RFC 9110, section 11.1); two fields are ambiguous, even two right ones."""
    access = Access(settings_for(home, token_file=token_file))
    right = f"Bearer {TOKEN}".encode()
    assert code(access, request("/genesis", f"bEARER  {TOKEN}".encode())) is None
    assert code(access, request("/genesis", right, right)) is Code.UNAUTHORIZED


@given(st.binary(max_size=64))
def test_no_other_bytes_are_the_token(tmp_path_factory: pytest.TempPathFactory, value: bytes) -> None:
    """No field but the right one opens, whatever its bytes are."""
    path = tmp_path_factory.getbasetemp() / "property-tokens"
    path.write_text(TOKEN)
    access = Access(settings_for(path.parent, token_file=path))
    for given_value in (value, b"Bearer " + value):
        assert code(access, request("/genesis", given_value)) is Code.UNAUTHORIZED


async def test_tokens_overlap_while_they_change(home: Path, token_file: Path) -> None:
    """Every line is a token, and a new file counts from the next request on, without a restart."""
    async with calling(home, token_file=token_file) as (client, _):

        async def statuses() -> list[int]:
            """What the first and the second token are answered."""
            return [(await client.get("/genesis", headers=headers)).status_code for headers in (BEARER, OTHER)]

        assert await statuses() == [200, 401]
        with replaced_atomically(token_file) as successor:
            write(successor, TOKEN, OTHER_TOKEN)
        assert await statuses() == [200, 200]
        write(token_file, OTHER_TOKEN)
        assert await statuses() == [401, 200]


@pytest.fixture(params=["empty", "blank", "missing", "directory", "fifo", "short", "binary", "torn", "huge"])
def broken(request: pytest.FixtureRequest, token_file: Path) -> Iterator[Path]:
    """A token file without a token in it, or with a line that is none."""
    token_file.unlink()
    contents = {
        "empty": b"",
        "blank": b"\n\n",
        "short": TOKEN[:15].encode(),
        "binary": b"\x00\xff" * 16,
        "torn": f"{TOKEN}\n{OTHER_TOKEN[:4]}".encode(),
        "huge": f"{TOKEN}\n".encode() * 4000,
    }
    if request.param == "directory":
        token_file.mkdir()
    elif request.param == "fifo":
        os.mkfifo(token_file)
    elif request.param in contents:
        token_file.write_bytes(contents[request.param])
    yield token_file
    if token_file.is_dir():
        token_file.rmdir()


def test_a_broken_file_at_the_start(home: Path, broken: Path) -> None:
    """A token file that is broken at the start is bad input that names the setting, and no token."""
    with pytest.raises(BadInputError, match=r"EXPOSER_TOKEN_FILE \(--token-file\): ") as caught:
        Access(settings_for(home, token_file=broken))
    assert TOKEN[:15] not in str(caught.value)


def test_a_broken_file_lets_nobody_in(
    home: Path, tmp_path: Path, broken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """While it serves, a broken token file is 401 for everybody, told once; a good one opens again."""
    link, good = tmp_path / "link", tmp_path / "good"
    good.write_text(TOKEN)
    link.symlink_to(good)
    access = Access(settings_for(home, token_file=link))
    asked = request("/genesis", f"Bearer {TOKEN}".encode())
    caplog.set_level(logging.INFO, "exposer.server.access")

    assert code(access, asked) is None
    with replaced_atomically(link) as successor:
        successor.symlink_to(broken)
    assert [code(access, asked) for _ in range(3)] == [Code.UNAUTHORIZED] * 3
    with replaced_atomically(link) as successor:
        successor.symlink_to(good)
    assert code(access, asked) is None
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO"]
    assert TOKEN[:15] not in caplog.text


def test_a_client_certificate_is_needed(home: Path) -> None:
    """With a client CA nobody without a verified certificate is answered, whatever its subject; probes are open."""
    access = Access(settings_for(home, tls_client_ca_file="/ca.pem"))

    assert not access.open
    assert code(access, request()) is Code.FORBIDDEN
    assert code(access, request(client_cert_name=None)) is Code.FORBIDDEN
    assert code(access, request(client_cert_name="CN=pod-1")) is None
    assert code(access, request(client_cert_name="")) is None
    assert [code(access, request(path)) for path in sorted(OPEN_PATHS)] == [None] * 3
    assert code(access, request("/readyz", query=b"wait=60s")) is Code.FORBIDDEN


def test_both_are_needed(home: Path, token_file: Path) -> None:
    """With a token file and a client CA neither alone will do."""
    access = Access(settings_for(home, token_file=token_file, tls_client_ca_file="/ca.pem"))
    right = f"Bearer {TOKEN}".encode()

    assert code(access, request("/genesis", right)) is Code.FORBIDDEN
    assert code(access, request("/genesis", client_cert_name="CN=pod-1")) is Code.UNAUTHORIZED
    assert code(access, request("/genesis", right, client_cert_name="CN=pod-1")) is None


async def test_refusals_are_counted(home: Path, token_file: Path) -> None:
    """A refused request is in the traffic that `/metrics` tells."""
    async with calling(home, token_file=token_file) as (client, sidecar):
        await client.get("/genesis")
        assert sidecar.traffic.requests["/genesis", 401] == 1
