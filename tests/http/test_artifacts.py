"""`/artifacts`: files of any kind, in the index and by name, and the private ones that are never among them."""

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError
from sidecar_world import (
    GENESIS,
    KEYS,
    assert_no_secret,
    assert_problem,
    calling,
    commit,
    commit_all,
    fill,
    replaced_atomically,
    serving,
)
from tls_world import TOKEN
from waiting import until

from exposer.errors import BadInputError
from exposer.server.app import create_app
from exposer.server.settings import ServerSettings
from exposer.server.sidecar import PATHS
from exposer.settings import read_settings

DATA = b"\x00\xff any bytes \r\n" * 1000
DIGEST = hashlib.sha256(DATA).hexdigest()


def put(path: Path, data: bytes = DATA) -> Path:
    """Write a file with its directories."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


async def test_bytes(tmp_path: Path) -> None:
    """Outside our volumes a regular file with something in it is served as it is, with its digest and in ranges."""
    put(tmp_path / "base.tar")
    async with serving(tmp_path, artifacts="base=base.tar") as (client, _):
        whole = await client.get("/artifacts/base")
        part = await client.get("/artifacts/base", headers={"range": "bytes=2-5"})
        head = await client.head("/artifacts/base")
        same = await client.get("/artifacts/base", headers={"if-none-match": whole.headers["etag"]})
    assert (whole.status_code, whole.content) == (200, DATA)
    assert whole.headers["content-type"] == "application/octet-stream"
    assert whole.headers["etag"] == f'"{DIGEST}"'
    assert (part.status_code, part.content) == (206, DATA[2:6])
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(DATA)))
    assert same.status_code == 304


async def test_index(tmp_path: Path) -> None:
    """The index has every artifact in the order of the setting, with size, digest and state."""
    put(tmp_path / "z")
    put(tmp_path / "outside/y", b"")
    async with calling(tmp_path, artifacts=f"z=z, a=missing ,Y.1_-={tmp_path}/outside/y,") as (client, sidecar):
        response = await client.get("/artifacts")
        assert response.json() == {
            "artifacts": [
                {"name": "z", "size": len(DATA), "sha256": DIGEST, "state": "ready"},
                {"name": "a", "size": None, "sha256": None, "state": "not-ready"},
                {"name": "Y.1_-", "size": None, "sha256": None, "state": "incomplete"},
            ]
        }
        assert sidecar.view.names == ("node_id", "genesis", "keys", "artifact:z", "artifact:a", "artifact:Y.1_-")
        assert_problem(await client.get("/artifacts/a"), 503, "not-ready")
        assert_problem(await client.get("/artifacts/Y.1_-"), 503, "incomplete")
        head = await client.head("/artifacts")
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(response.content)))


@pytest.mark.parametrize("name", ["b", "A", "a%2F..%2Fb", "%00", "a" * 65, "a?wait=60s", "%FF"])
async def test_unknown_name(tmp_path: Path, name: str) -> None:
    """A name that is not in the settings is 404 at once and does not come back in the answer, nor does a path count."""
    put(tmp_path / "b")
    async with calling(tmp_path, artifacts="a=b" if "wait" not in name else "c=b") as (client, _):
        response = await client.get(f"/artifacts/{name}")
        assert response.json()["code"] in {"not-configured", "not-found"}
        assert_problem(response, 404, response.json()["code"])
        assert (await client.get("/artifacts/")).status_code == 404


async def test_without_any(tmp_path: Path) -> None:
    """Where none is configured the index is empty."""
    async with calling(tmp_path) as (client, _):
        assert (await client.get("/artifacts")).json() == {"artifacts": []}


async def test_committed(tmp_path: Path) -> None:
    """On a volume of ours the record of any complete step makes an artifact count; init-config is for chains."""
    async with calling(tmp_path, artifacts="base=config/base.tar, other=config/other") as (client, _):
        commit(tmp_path, "init-leader", {"base.tar": DATA})
        put(tmp_path / "config/other")
        assert (await client.get("/artifacts/base")).content == DATA
        body = assert_problem(await client.get("/artifacts/other"), 503, "not-ready")
        assert body["reason"] == "no complete step made it"
        (tmp_path / "config/base.tar").write_bytes(DATA[::-1])
        assert_problem(await client.get("/artifacts/base"), 503, "mismatch")
        states = [entry["state"] for entry in (await client.get("/artifacts")).json()["artifacts"]]
    assert states == ["mismatch", "not-ready"]


async def test_paths_with_detours(tmp_path: Path) -> None:
    """A path with detours is the file that a record names without them; one that leaves the home is outside of it."""
    commit(tmp_path / "home", "init-leader", {"base.tar": DATA})
    put(tmp_path / "outside", DATA[::-1])
    detours = "base=./config//../config/base.tar, outside=../outside"
    for home in (tmp_path / "home", tmp_path / "home/../home"):
        async with calling(home, artifacts=detours) as (client, _):
            assert (await client.get("/artifacts/base")).content == DATA
            assert (await client.get("/artifacts/outside")).content == DATA[::-1]


async def test_outside_of_our_volume(tmp_path: Path) -> None:
    """What the settings place outside a volume of ours is nobody's, and counts as it is."""
    commit_all(tmp_path / "home")
    path = put(tmp_path / "elsewhere/data")
    async with calling(tmp_path / "home", artifacts=f"data={path}") as (client, _):
        assert (await client.get("/artifacts/data")).content == DATA


async def test_waited_for(tmp_path: Path) -> None:
    """An artifact can be waited for; the waiter goes when a step has committed it, not when it is there."""
    async with calling(tmp_path, artifacts="base=config/base.tar") as (client, sidecar):
        (tmp_path / ".exposer/stage/init-leader").mkdir(parents=True)
        waiting = asyncio.create_task(client.get("/artifacts/base?wait=60s"))
        await until(lambda: sidecar.watch.waiting == {"artifact:base": 1})
        put(tmp_path / "config/base.tar")
        assert (await client.get("/artifacts/base?wait=100ms")).status_code == 503
        assert not waiting.done()
        commit(tmp_path, "init-leader", {"base.tar": DATA}, force=True)
        assert (await waiting).content == DATA


PRIVATE = {
    "by its path": ("key=config/node_key.json", "config/node_key.json"),
    "by another spelling": ("key=config/../config/./node_key.json", "config/node_key.json"),
    "the validator's": ("key=config/priv_validator_key.json", "config/priv_validator_key.json"),
    "by a link": ("key=public.json", "config/node_key.json"),
    "a record": ("key=.exposer/steps/init-config.json", ".exposer/steps/init-config.json"),
    "in a keyring": ("key=keyring-test/faucet.info", "keyring-test/faucet.info"),
}


@pytest.mark.parametrize("case", PRIVATE)
def test_private_path_refused(tmp_path: Path, case: str) -> None:
    """A setting that names a private file is refused before anything is served; the message names the setting."""
    artifacts, target = PRIVATE[case]
    fill(tmp_path)
    (tmp_path / "public.json").symlink_to(target)
    argv = ["--home", str(tmp_path), "--artifacts", artifacts]
    with pytest.raises(BadInputError, match=r"EXPOSER_ARTIFACTS .*key is a private file.*take it out") as caught:
        read_settings(ServerSettings, argv, prog="x", description="")
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("field", ["node_key_file", "priv_val_file", "tls_key_file", "token_file"])
def test_private_files_of_the_settings(tmp_path: Path, field: str) -> None:
    """Each setting that names a secret keeps its file from being an artifact."""
    path = put(tmp_path / "secret")
    argv = [f"--{field.replace('_', '-')}", str(path), "--artifacts", f"x={path}"]
    with pytest.raises(BadInputError, match="EXPOSER_ARTIFACTS"):
        read_settings(ServerSettings, argv, prog="x", description="")


def _link(path: Path, target: Path) -> None:
    path.symlink_to(target)


def _hard_link(path: Path, target: Path) -> None:
    path.hardlink_to(target)


def _copy(path: Path, target: Path) -> None:
    path.write_bytes(target.read_bytes())


KEY_FILES = ("config/node_key.json", "config/priv_validator_key.json", "tls.pem")
PLACES = ("keyring-test/faucet.info", ".exposer/progress/data", "../outside")


@pytest.mark.parametrize(
    ("target", "made"),
    [(key, made) for key in KEY_FILES for made in (_link, _hard_link, _copy)] + [(place, _link) for place in PLACES],
)
async def test_private_file_refused(tmp_path: Path, target: str, made: Callable[[Path, Path], None]) -> None:
    """What turns into a private file after the start is a mismatch: by a link, a hard link, or a copy of a key."""
    home = tmp_path / "home"
    fill(home)
    for place in PLACES:
        put(home / place)
    put(home / "tls.pem", b"x\n-----BEGIN EC PRIVATE KEY-----\nAAAA\n")
    async with calling(home, artifacts="data=data") as (client, _):
        made(home / "data", home / target)
        response = await client.get("/artifacts/data")
        assert_problem(response, 503, "mismatch")
        assert_no_secret(response)
        (index,) = (await client.get("/artifacts")).json()["artifacts"]
        assert index == {"name": "data", "size": None, "sha256": None, "state": "mismatch"}


KEY = b'{"address":"AA","priv_key":{"type":"tendermint/PrivKeyEd25519","value":"c2VjcmV0"}}'
ARMOUR = b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
READ = 1 << 20
FORMS = {
    "armour behind certificates": b"-----BEGIN CERTIFICATE-----\n" + b"A" * 3 * READ + ARMOUR,
    "armour between two reads": b"A" * (READ - 20) + ARMOUR,
    "padded": b" " * 3 * READ + KEY,
    "between two reads": b" " * (READ - KEY.index(b"_key")) + KEY,
    "lines of JSON": b'{"a":1}\n' + KEY + b"\n",
    "nested": b'[{"keys":[%s]}]' % KEY.replace(b'":', b'" :\n'),
    "a keys file": b'{"genesis":[{"name":"genesis","mnemonic":"abandon abandon"}]}',
    "age": b"# created\nAGE-SECRET-KEY-1QQQQ\n",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("ours", [False, True], ids=["elsewhere", "ours"])
async def test_a_private_key_of_any_form_is_refused(tmp_path: Path, form: str, ours: bool) -> None:
    """Wherever in a file it is, and also where a record vouches for the file."""
    fill(tmp_path)
    put(tmp_path / "config/data", FORMS[form])
    if ours:
        commit_all(tmp_path)
        commit(tmp_path, "init-data", {"data": FORMS[form]})
    async with calling(tmp_path, artifacts="data=config/data") as (client, _):
        assert_problem(await client.get("/artifacts/data"), 503, "mismatch")
        assert (await client.get("/genesis")).status_code == 200


@pytest.mark.parametrize("finish", [fill, commit_all], ids=["elsewhere", "ours"])
async def test_a_private_key_in_a_genesis_is_refused(tmp_path: Path, finish: Callable[[Path, bytes], object]) -> None:
    """The chain's own document is held to what artifacts are held to."""
    finish(tmp_path, GENESIS.rstrip()[:-1] + b', "x": [' + KEY + b"]}")
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/genesis"), 503, "mismatch")


async def test_a_committed_key_file_is_no_genesis(tmp_path: Path) -> None:
    """A file that matches its record is searched for private keys too."""
    commit_all(tmp_path, KEY)
    async with calling(tmp_path) as (client, _):
        assert_problem(await client.get("/genesis"), 503, "mismatch")


FILES_OF_SETTINGS = {
    "genesis_file": "config/genesis.json",
    "node_id_file": "config/node_id.json",
    "node_key_file": "config/node_key.json",
    "priv_val_file": "config/priv_validator_key.json",
    "tls_cert_file": "tls.crt",
    "tls_key_file": "tls.key",
    "tls_client_ca_file": "ca.pem",
    "token_file": "token",
}


@pytest.mark.parametrize("field", ["genesis_file", "node_id_file"])
@pytest.mark.parametrize("secret", ["node_key_file", "priv_val_file", "tls_key_file", "token_file"])
def test_a_private_file_is_no_document(tmp_path: Path, field: str, secret: str) -> None:
    """A file that one setting keeps secret is not served by another: refused at the start, by the setting's name."""
    (tmp_path / "link").symlink_to(put(tmp_path / "secret"))
    argv = [f"--{field.replace('_', '-')}", str(tmp_path / "link")]
    argv += [f"--{secret.replace('_', '-')}", str(tmp_path / "secret")]
    with pytest.raises(BadInputError, match=f"EXPOSER_{field.upper()} is a private file"):
        read_settings(ServerSettings, argv, prog="x", description="")


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(FILES_OF_SETTINGS, 2)))
@pytest.mark.parametrize("finish", [fill, commit_all], ids=["elsewhere", "ours"])
async def test_settings_that_are_exchanged_tell_no_secret(
    tmp_path: Path, one: str, other: str, finish: Callable[[Path], object]
) -> None:
    """Whatever two settings have each other's file, no answer has a byte of a secret; most are refused at the start."""
    finish(tmp_path)
    put(tmp_path / "tls.key", ARMOUR)
    put(tmp_path / "token", TOKEN.encode())
    named = {name: tmp_path / FILES_OF_SETTINGS[name] for name in (*list(FILES_OF_SETTINGS)[:4], one, other)}
    named[one], named[other] = named[other], named[one]
    with contextlib.suppress(ValidationError, BadInputError):
        async with calling(tmp_path, **named) as (client, _):
            for path in PATHS:
                answer = await client.get(path.replace("{name}", "data"), headers={"authorization": f"Bearer {TOKEN}"})
                assert_no_secret(answer)
                assert ARMOUR not in answer.content
                assert TOKEN not in answer.text


SETTINGS = {
    "no name": "=x",
    "no path": "a=",
    "no equals sign": "a",
    "twice": "a=x,a=y",
    "a slash": "a/b=x",
    "a dot first": ".a=x",
    "a space": "a b=x",
    "too long": "a" * 65 + "=x",
    "not ASCII": "ä=x",
}


@pytest.mark.parametrize("case", SETTINGS)
def test_wrong_setting(tmp_path: Path, case: str) -> None:
    """A setting that cannot be read names the variable, the flag and the cure."""
    argv = ["--home", str(tmp_path), "--artifacts", SETTINGS[case]]
    with pytest.raises(BadInputError, match=r"EXPOSER_ARTIFACTS \(--artifacts\): .*(write|give)"):
        read_settings(ServerSettings, argv, prog="x", description="")


def test_relative_without_home() -> None:
    """A relative path needs a home."""
    with pytest.raises(BadInputError, match="a is relative; set the home"):
        read_settings(ServerSettings, ["--artifacts", "a=x"], prog="x", description="")


async def test_without_home(tmp_path: Path) -> None:
    """Whole paths need none: a sidecar of a system that is no chain serves its artifacts alone."""
    path = put(tmp_path / "data")
    app = create_app(ServerSettings(artifacts=f"data={path}"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://pod") as client:
        assert (await client.get("/artifacts/data")).content == DATA
        assert_problem(await client.get("/genesis"), 404, "not-configured")


async def test_out_of_the_volume(tmp_path: Path) -> None:
    """A link from the volume to the outside is not followed, whatever kind of file it stands for; one inside is."""
    home = tmp_path / "home"
    config = fill(home)
    put(home / "inside")
    (home / "data").symlink_to("inside")
    async with calling(home, artifacts="data=data") as (client, _):
        assert (await client.get("/artifacts/data")).content == DATA
        for name in ("genesis.json", "node_id.json", "node_key.json", "priv_validator_key.json"):
            (config / name).rename(tmp_path / name)
            (config / name).symlink_to(tmp_path / name)
        (home / "data").unlink()
        (home / "data").symlink_to(put(tmp_path / "outside"))
        for path in ("/genesis", "/node_id", "/keys", "/pub_key", "/artifacts/data", "/readyz"):
            body = assert_problem(await client.get(path), 503, "mismatch")
            assert str(body["reason"]).endswith("a link that leads out of the volume")


async def test_a_directory_that_leads_out(tmp_path: Path) -> None:
    """Neither is a directory on the way that is a link to the outside; the home itself may be one."""
    fill(tmp_path / "outside")
    (tmp_path / "home").mkdir()
    (tmp_path / "home/config").symlink_to(tmp_path / "outside/config")
    (tmp_path / "link").symlink_to("outside")
    async with calling(tmp_path / "home") as (client, _):
        assert_problem(await client.get("/genesis"), 503, "mismatch")
    async with calling(tmp_path / "link") as (client, _):
        assert (await client.get("/genesis")).status_code == 200


async def test_kubernetes_links(tmp_path: Path) -> None:
    """A ConfigMap's links, which stay inside, are followed, also after its update."""
    for number, data in (("1", DATA), ("2", DATA[::-1])):
        put(tmp_path / f"files/..{number}/data", data)
    (tmp_path / "files/..data").symlink_to("..1")
    (tmp_path / "files/data").symlink_to("..data/data")
    async with calling(tmp_path, artifacts="data=files/data") as (client, _):
        assert (await client.get("/artifacts/data")).content == DATA
        with replaced_atomically(tmp_path / "files/..data") as successor:
            successor.symlink_to("..2")
        assert (await client.get("/artifacts/data")).content == DATA[::-1]


async def test_keys_are_still_read_through_links_inside(tmp_path: Path) -> None:
    """Keys may lie elsewhere on the volume; what the settings place outside it is no link and counts."""
    config = fill(tmp_path / "home")
    (config / "node_key.json").rename(tmp_path / "node_key.json")
    async with calling(tmp_path / "home", node_key_file=tmp_path / "node_key.json") as (client, _):
        assert (await client.get("/node_id")).json() == {"node_id": KEYS.node_id()}
