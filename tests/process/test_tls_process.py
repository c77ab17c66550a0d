"""`exposer serve` over TLS: who is let in, rotation without a restart, and a whole validator pod that uses it."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
import trustme
from networks import write_keys
from project import ROOT
from sidecar_process import SOON, Sidecar, failing, running
from sidecar_world import ENDPOINTS, GENESIS, KEYS, commit_all, fill
from tls_world import OTHER_TOKEN, TOKEN, Authorities
from waiting import eventually

from exposer.client import Client
from exposer.credentials import Credentials
from exposer.errors import TemporaryError

NODE_ID = b'{"node_id":"%s"}' % KEYS.node_id().encode()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A finished home."""
    fill(tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def authorities(tmp_path: Path) -> Authorities:
    """The CAs of servers and of clients."""
    directory = tmp_path / "tls"
    directory.mkdir()
    return Authorities.new(directory)


def ask(sidecar: Sidecar, credentials: Credentials, path: str = "/node_id") -> tuple[int, bytes]:
    """Status and body over a connection of its own."""
    with Client(sidecar.url, credentials=credentials) as client:
        answer = client.get(path)
        return answer.status, answer.body


def shake(sidecar: Sidecar, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> "Shaken":
    """One request over a handshake, which may resume a former session."""
    with sidecar.connect() as plain, context.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as secure:
        secure.sendall(b"GET /node_id HTTP/1.1\r\nhost: pod\r\nconnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: secure.recv(1 << 16), b""))
        if not answer:  # in TLS 1.3 a client's side of the handshake is over before it is refused
            raise ConnectionResetError("cut without an answer")
        return Shaken(answer, secure.session, secure.session_reused, secure.getpeercert(binary_form=True))


class Shaken:
    """What came of a handshake."""

    def __init__(
        self, answer: bytes, session: ssl.SSLSession | None, reused: bool | None, certificate: bytes | None
    ) -> None:
        self.status = int(answer.split()[1])
        self.session = session
        self.reused = reused
        self.certificate = certificate


def log_of(sidecar: Sidecar) -> str:
    """Its log, after it has been ended."""
    sidecar.process.terminate()
    return sidecar.end()[1]


def test_it_ends_beside_a_client_that_does_not(home: Path, authorities: Authorities) -> None:
    """A client that does not answer the end of its connection is left when the sidecar ends: its log has no fault."""
    with running(home, *authorities.serving(), drain="1s") as sidecar:
        sidecar.secure = authorities.credentials().context()
        with closing(sidecar.connect()) as client:
            client.sendall(b"GET /livez HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")
            while client.recv(1 << 16):
                pass
            sidecar.process.terminate()
            sidecar.refuses()
        _, log = sidecar.end()
    assert "Traceback" not in log


def test_strangers_get_nothing(home: Path, authorities: Authorities) -> None:
    """With a client CA and a token every lack of one is refused, and only who has both is served."""
    with running(home, *authorities.serving(mutual=True, token=TOKEN)) as sidecar:
        pod = authorities.credentials(name="pod-1", token=TOKEN)
        assert ask(sidecar, pod) == (200, NODE_ID)
        assert ask(sidecar, pod, "/genesis") == (200, GENESIS)
        lacks = {
            403: [authorities.credentials(), authorities.credentials(token=TOKEN)],
            401: [authorities.credentials(name="pod-1"), authorities.credentials(name="pod-1", token=OTHER_TOKEN)],
        }
        for status, credentials in lacks.items():
            for lack in credentials:
                for path in {*ENDPOINTS} - {"/", "/livez", "/readyz"}:
                    given, body = ask(sidecar, lack, path)
                    assert (given, KEYS.node_id().encode() in body, b"chain_id" in body) == (status, False, False)
        assert ask(sidecar, authorities.credentials(), "/livez")[0] == 200
        assert ask(sidecar, authorities.credentials(), "/readyz")[0] == 200
        log = log_of(sidecar)
    assert "Traceback" not in log
    assert TOKEN not in log


@pytest.mark.parametrize("kind", ["expired", "another CA", "the server's CA", "self-signed"])
def test_wrong_client_certificates(home: Path, authorities: Authorities, kind: str) -> None:
    """A certificate that the client CA did not issue, or that is over, ends the handshake: no probe is served."""
    others = {"another CA": trustme.CA(), "the server's CA": authorities.server, "expired": authorities.client}
    certificate, key = authorities.issue("wrong", others.get(kind, trustme.CA()), expired=kind == "expired")
    if kind == "self-signed":
        make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        made = [*make, "-subj", "/CN=pod-1", "-days", "1", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(made, check=True, capture_output=True)
    with running(home, *authorities.serving(mutual=True)) as sidecar:
        wrong = replace(authorities.credentials(), cert_file=certificate, key_file=key)
        for path in ("/node_id", "/livez"):
            with pytest.raises(TemporaryError, match="may not trust this client's certificate"):
                ask(sidecar, wrong, path)
        assert ask(sidecar, authorities.credentials(name="pod-1"))[0] == 200
        log = log_of(sidecar)
    assert len(log.splitlines()) == 2  # that it listens, and that node_id is ready


def test_wrong_servers(home: Path, authorities: Authorities) -> None:
    """A client gives neither request nor token to a server of another CA, another name, or without TLS."""
    credentials = authorities.credentials(token=TOKEN)
    with running(home, *authorities.serving()) as sidecar:
        other = replace(credentials, ca_file=authorities.directory / "client-ca.pem")
        for lack, url, words in (
            (other, sidecar.url, r"is not trusted \(unable to get local issuer certificate\)"),
            (replace(credentials, ca_file=None), sidecar.url, "is not trusted"),
            (credentials, sidecar.url.replace("127.0.0.1", "127.0.0.1.nip.invalid"), "cannot resolve"),
        ):
            with Client(url, credentials=lack) as client, pytest.raises(TemporaryError, match=words):
                client.get("/node_id")
        authorities.issue("server", authorities.server, hosts=("genesis.example",))
        with pytest.raises(TemporaryError, match=r"is not trusted .*not valid for '127\.0\.0\.1'"):
            ask(sidecar, credentials)
    with (
        running(home) as sidecar,
        Client(sidecar.url.replace("http", "https"), credentials=credentials) as client,
        pytest.raises(TemporaryError, match="does not speak TLS"),
    ):
        client.get("/node_id")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"tls_key_file": ""},
            "EXPOSER_TLS_CERT_FILE (--tls-cert-file) and EXPOSER_TLS_KEY_FILE (--tls-key-file) come",
        ),
        ({"tls_cert_file": ""}, "come together; set both"),
        ({"tls_cert_file": "", "tls_key_file": ""}, "EXPOSER_TLS_CLIENT_CA_FILE (--tls-client-ca-file) needs"),
        ({"tls_cert_file": "/nowhere"}, "EXPOSER_TLS_CERT_FILE (--tls-cert-file): /nowhere: No such file"),
        ({"tls_key_file": "/nowhere"}, "EXPOSER_TLS_KEY_FILE (--tls-key-file): /nowhere: No such file"),
        ({"tls_client_ca_file": "/nowhere"}, "EXPOSER_TLS_CLIENT_CA_FILE (--tls-client-ca-file): /nowhere: No such"),
        ({"tls_key_file": "other.key"}, "do not belong together"),
        ({"tls_key_file": "server.pem"}, "are not a certificate and its unencrypted key in PEM"),
        ({"tls_client_ca_file": "server.key"}, "holds no CA certificate in PEM"),
        ({"token_file": "/nowhere"}, "EXPOSER_TOKEN_FILE (--token-file): /nowhere: missing"),
    ],
)
def test_wrong_at_the_start(authorities: Authorities, changes: dict[str, str], words: str) -> None:
    """A setting that cannot be used is exit 3 with one line, which holds the setting's name and no key."""
    settings = authorities.settings(mutual=True, token=TOKEN)
    authorities.issue("other", authorities.server)
    for name, value in changes.items():
        settings[name] = str(authorities.directory / value) if value.count(".") else value
    code, lines = failing(**{"host": "127.0.0.1", "http_port": "0", **settings})
    assert (code, len(lines)) == (3, 1)
    assert words in lines[0]


@contextmanager
def asking(ask: Callable[[], object], threads: int = 3) -> Iterator[list[object]]:
    """Requests without a pause while the block runs; what they return, or the error that they raise, in order."""
    over, seen = threading.Event(), list[object]()

    def work() -> None:
        while not over.is_set():
            try:
                seen.append(ask())
            except TemporaryError as error:  # the test says what may come
                seen.append(error)

    with ThreadPoolExecutor(threads) as pool:
        workers = [pool.submit(work) for _ in range(threads)]
        try:
            yield seen
            more(seen)
        finally:
            over.set()
    for worker in workers:
        worker.result()


def more(seen: list[object], count: int = 20) -> None:
    """Return once ``count`` requests more have ended."""
    target = len(seen) + count
    eventually(f"{count} requests more", lambda: len(seen) >= target, limit=SOON)


def test_the_certificate_rolls(home: Path, authorities: Authorities) -> None:
    """A new certificate of a new CA is shown without a restart, and a client that trusts both CAs never fails."""
    successor = trustme.CA()
    with running(home, *authorities.serving(mutual=True)) as sidecar:
        both = authorities.server.cert_pem.bytes() + successor.cert_pem.bytes()
        pod = replace(authorities.credentials(name="pod-1"), ca_file=authorities.write("both.pem", both))
        before = shake(sidecar, pod.context()).certificate
        with asking(lambda: ask(sidecar, pod)) as seen:
            more(seen)
            authorities.issue("server", successor)
            more(seen)
        assert set(seen) == {(200, NODE_ID)}
        assert shake(sidecar, pod.context()).certificate != before
        with pytest.raises(TemporaryError, match="is not trusted"):
            ask(sidecar, authorities.credentials(name="pod-1"))
        log = log_of(sidecar)
    assert log.count("WARNING") <= 1  # between the two renames a connection may have come


def test_half_a_pair_is_not_taken(home: Path, authorities: Authorities) -> None:
    """A certificate whose key has not come yet leaves the former pair, with one warning, until it comes."""
    with running(home, *authorities.serving()) as sidecar:
        context = authorities.credentials().context()
        before = shake(sidecar, context).certificate
        certificate, key = authorities.issue("next", authorities.server)
        certificate.rename(authorities.directory / "server.pem")
        assert [shake(sidecar, context).certificate for _ in range(3)] == [before] * 3
        key.rename(authorities.directory / "server.key")
        assert shake(sidecar, context).certificate != before
        (authorities.directory / "server.pem").unlink()
        assert shake(sidecar, context).status == 200
        log = log_of(sidecar)
    told = [line for line in log.splitlines() if "WARNING" in line]
    assert [line.partition("(--tls-key-file) ")[2] for line in told[:1]] == [
        "do not belong together; issue both again; what was read before stays in use"
    ]
    assert len(told) == 2
    assert "No such file" in told[1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_the_client_ca_rolls(home: Path, authorities: Authorities, version: ssl.TLSVersion) -> None:
    """A removed client CA is trusted no more, by a new handshake or by a resumed one; the new CA is."""
    with running(home, *authorities.serving(mutual=True)) as sidecar:
        former = authorities.credentials(name="former").context()
        former.maximum_version = version
        first = shake(sidecar, former)
        resumed = shake(sidecar, former, first.session)
        assert (first.status, resumed.status, resumed.reused) == (200, 200, True)
        successor = trustme.CA()
        authorities.write("client-ca.pem", successor.cert_pem.bytes())
        for session in (None, first.session, resumed.session):
            with pytest.raises((ssl.SSLError, ConnectionResetError)):
                shake(sidecar, former, session)
        certificate, key = authorities.issue("new", successor)
        assert ask(sidecar, replace(authorities.credentials(), cert_file=certificate, key_file=key))[0] == 200
        assert ask(sidecar, authorities.credentials())[0] == 403


@pytest.mark.parametrize("whole", [True, False], ids=["whole pair", "broken pair"])
@pytest.mark.parametrize("successor", [b"", b"no CA", trustme.CA().cert_pem.bytes()], ids=["gone", "broken", "another"])
def test_a_former_client_ca_counts_no_more(
    home: Path, authorities: Authorities, successor: bytes, *, whole: bool
) -> None:
    """Without its CA a client is let in no more, whatever is there instead, and whatever is wrong with the pair."""
    with running(home, *authorities.serving(mutual=True)) as sidecar:
        pod = authorities.credentials(name="pod-1")
        assert ask(sidecar, pod)[0] == 200
        if not whole:
            (authorities.directory / "server.key").unlink()
            assert ask(sidecar, pod)[0] == 200
        former = authorities.write("client-ca.pem", successor)
        if not successor:
            former.unlink()
        for _ in range(3):
            with pytest.raises(TemporaryError, match="may not trust this client's certificate"):
                ask(sidecar, pod)
            assert ask(sidecar, authorities.credentials())[0] == 403
        authorities.write("client-ca.pem", authorities.client.cert_pem.bytes())
        assert ask(sidecar, pod)[0] == 200
        log = log_of(sidecar)
    assert log.count("ERROR") == (successor in {b"", b"no CA"})
    assert log.count("WARNING") == (not whole)


def test_the_token_rolls(home: Path, authorities: Authorities) -> None:
    """Tokens change without a restart of either side, and a client whose file follows the server's never fails."""
    with running(home, *authorities.serving(token=TOKEN)) as sidecar:
        pod = authorities.credentials(token=TOKEN)
        with Client(sidecar.url, credentials=pod) as client:
            with asking(lambda: client.get("/node_id").status, threads=1) as seen:
                for content in (f"{TOKEN}\n{OTHER_TOKEN}", OTHER_TOKEN):
                    authorities.write("tokens", content)
                    more(seen)
                    authorities.write("token", OTHER_TOKEN)
                    more(seen)
            assert set(seen) == {200}
            authorities.write("token", TOKEN)
            assert client.get("/node_id").status == 401
            authorities.write("token", "")
            with pytest.raises(TemporaryError, match="is empty"):
                client.get("/node_id")
        log = log_of(sidecar)
    assert TOKEN not in log
    assert OTHER_TOKEN not in log


def test_a_client_follows_its_own_certificate(home: Path, authorities: Authorities) -> None:
    """A client that waits takes its new certificate, as the gate must when it has waited for days."""
    with running(home, *authorities.serving(mutual=True)) as sidecar:
        wrong = trustme.CA()
        pod = authorities.credentials(name="pod-1")
        authorities.issue("pod-1", wrong)
        with Client(sidecar.url, credentials=pod) as client:
            with pytest.raises(TemporaryError):
                client.get("/node_id")
            authorities.issue("pod-1", authorities.client)
            assert client.get("/node_id").status == 200


def test_a_large_file(home: Path, authorities: Authorities) -> None:
    """64 MiB come whole over TLS, where the kernel cannot send the file by itself."""
    large = GENESIS.replace(b"1.0e3", b'"' + os.urandom(1 << 20).hex().encode() * 32 + b'"')
    commit_all(home.with_name("committed"), large)
    with running(home.with_name("committed"), *authorities.serving()) as sidecar:
        received = sha256()
        with Client(sidecar.url, credentials=authorities.credentials()) as client, client.stream("/genesis") as stream:
            for chunk in stream.chunks():
                received.update(chunk)
    assert received.digest() == sha256(large).digest()


def test_clients_that_do_not_finish_a_handshake(home: Path, authorities: Authorities) -> None:
    """Silence and half a handshake are cut after the request's time limit, plain HTTP at once; none is logged."""
    with running(home, *authorities.serving(), request_timeout="500ms") as sidecar:
        hello = bytes.fromhex("16030100c8010000c40303") + bytes(32)
        for data in (b"", hello, b"GET /node_id HTTP/1.1\r\nHost: pod\r\n\r\n", bytes(range(256)) * 4):
            with sidecar.connect() as connection:
                connection.sendall(data)
                assert NODE_ID not in received(connection)
        assert ask(sidecar, authorities.credentials()) == (200, NODE_ID)
        log = log_of(sidecar)
    assert len(log.splitlines()) == 2


def test_many_half_handshakes(home: Path, authorities: Authorities) -> None:
    """1,000 clients that end in their hello hold neither many descriptors nor much memory, nor anybody up."""
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(32)
    with running(home, *authorities.serving(), max_connections="4") as sidecar, ExitStack() as stack:
        assert ask(sidecar, authorities.credentials()) == (200, NODE_ID)
        before = memory(sidecar)
        for number in range(1000):
            stack.enter_context(closing(sidecar.connect())).sendall(hello)
            if number % 100 == 0:
                assert ask(sidecar, authorities.credentials()) == (200, NODE_ID)
        assert ask(sidecar, authorities.credentials()) == (200, NODE_ID)
        assert descriptors(sidecar) < 100
        assert memory(sidecar) - before < 96 << 20  # each took 312 KiB where all were held
        stack.close()
        log = log_of(sidecar)
    assert len(log.splitlines()) == 2


def test_silent_clients_and_few_descriptors(home: Path, authorities: Authorities) -> None:
    """Where descriptors are few, clients that say nothing do not take the last ones."""
    few = ("prlimit", "--nofile=256:256")
    with running(home, *authorities.serving(), prefix=few) as sidecar, ExitStack() as stack:
        for _ in range(400):
            stack.enter_context(closing(sidecar.connect()))
        assert ask(sidecar, authorities.credentials()) == (200, NODE_ID)
        stack.close()
        log = log_of(sidecar)
    assert "Traceback" not in log
    assert len(log.splitlines()) <= 3


def test_kept_connections_are_cheap(home: Path, authorities: Authorities) -> None:
    """A TLS connection that is kept takes at most 128 KiB."""
    context = authorities.credentials().context()
    with running(home, *authorities.serving()) as sidecar, ExitStack() as stack:
        before = 0
        for count in range(250):
            plain = stack.enter_context(closing(sidecar.connect()))
            secure = stack.enter_context(closing(context.wrap_socket(plain, server_hostname="127.0.0.1")))
            secure.sendall(b"GET /livez HTTP/1.1\r\nhost: pod\r\n\r\n")
            assert secure.recv(1 << 16)
            if count == 49:
                before = memory(sidecar)
        assert memory(sidecar) - before < 200 * (128 << 10)


def memory(sidecar: Sidecar) -> int:
    """Bytes of resident memory."""
    return int(Path(f"/proc/{sidecar.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def descriptors(sidecar: Sidecar) -> int:
    """How many it has open."""
    return len(list(Path(f"/proc/{sidecar.process.pid}/fd").iterdir()))


def received(connection: socket.socket) -> bytes:
    """Everything until the end, whichever way it ends."""
    data = b""
    try:
        while chunk := connection.recv(1 << 16):
            data += chunk
    except ConnectionResetError:
        pass
    return data


def step(name: str, environment: dict[str, str]) -> "subprocess.Popen[str]":
    """A step, begun."""
    command = [sys.executable, "-W", "error", "-m", f"init_scripts.{name}"]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, cwd=ROOT)


def run(name: str, environment: dict[str, str]) -> tuple[int, str]:
    """Exit code and log of a step."""
    process = step(name, environment)
    _, log = process.communicate(timeout=SOON)
    return process.returncode, log


def test_a_validator_pod_comes_through(tmp_path: Path, authorities: Authorities) -> None:
    """Gate, init-validator and init-config reach an exposer that wants both; the token is in no log or command line."""
    keys = str(write_keys(tmp_path / "keys.json", validators=2))
    chain = {"CHAIN_DRIVER": "cometbft", "CHAIN_ID": "tls-1", "NUM_VALIDATORS": "2", "KEYS_CONFIG": keys}
    genesis = {**chain, "CHAIN_DIR": str(tmp_path / "genesis"), "HOSTNAME": "tls-genesis-0"}
    pod = authorities.credentials(name="pod-1", token=TOKEN)
    own = {
        f"EXPOSER_{name.upper()}": str(getattr(pod, name))
        for name in ("ca_file", "cert_file", "key_file", "token_file")
    }
    with running(Path(genesis["CHAIN_DIR"]), *authorities.serving(mutual=True, token=TOKEN)) as sidecar:
        leader = {"GENESIS_HOST": "127.0.0.1", "GENESIS_PORT": str(sidecar.address[1])}
        validator = {**chain, **leader, **own, "CHAIN_DIR": str(tmp_path / "pod"), "HOSTNAME": "tls-validator-0"}
        gate = step("wait_for_chains", validator)
        assert gate.stderr
        assert "waiting for 127.0.0.1" in gate.stderr.readline()
        command = Path(f"/proc/{gate.pid}/cmdline").read_bytes()
        logs = [run("init_genesis", genesis), run("init_config", genesis)]
        logs.append((gate.wait(SOON), gate.communicate()[1]))
        stranger = {name: value for name, value in validator.items() if name != "EXPOSER_TOKEN_FILE"}
        code, refused = run("init_validator", stranger)
        assert (code, "answers 401: give this pod the token" in refused) == (3, True)
        logs += [run("init_validator", validator), run("init_config", validator)]
        served = log_of(sidecar)
    assert [code for code, _ in logs] == [0] * 5, logs
    files = [Path(pod["CHAIN_DIR"]) / "config/genesis.json" for pod in (genesis, validator)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert TOKEN not in "".join([served, refused, command.decode(), *(log for _, log in logs)])


@pytest.mark.parametrize("lack", ["token_file", "cert_file", "ca_file"])
def test_a_gate_that_lacks_something_never_opens(home: Path, authorities: Authorities, lack: str) -> None:
    """A gate without the token, the certificate or the CA ends by its time limit, and tells the cause."""
    causes = {"token_file": "answers 401", "cert_file": "answers 403", "ca_file": "is not trusted"}
    pod = authorities.credentials(name="pod-1", token=TOKEN)
    given = [f"--{name.replace('_', '-')}={getattr(pod, name)}" for name in ("ca_file", "token_file") if name != lack]
    if lack != "cert_file":
        given += [f"--cert-file={pod.cert_file}", f"--key-file={pod.key_file}"]
    with running(home, *authorities.serving(mutual=True, token=TOKEN)) as sidecar:
        command = [sys.executable, "-m", "init_scripts.wait_for_chains", sidecar.url, "-t", "500ms", *given]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SOON, check=False)
    assert done.returncode == 124
    assert causes[lack] in done.stderr
