"""`exposer serve` as a process: how it starts, what it says, and how it ends."""

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from sidecar_process import failing, running
from sidecar_world import GENESIS, KEYS, LARGE, fill


def test_environment_alone(tmp_path: Path) -> None:
    """It serves a finished home from its environment alone, and logs one line per change."""
    fill(tmp_path)
    with running(tmp_path) as sidecar:
        assert sidecar.get("/node_id") == (200, b'{"node_id":"%s"}' % KEYS.node_id().encode())
        assert sidecar.get("/genesis") == sidecar.get("/genesis") == (200, GENESIS)
        sidecar.process.terminate()
        code, log = sidecar.end()
    assert code == -signal.SIGTERM
    assert [line.split(" ", 2)[2] for line in log.splitlines()] == [
        f"exposer.server.serve: listening on http://127.0.0.1:{sidecar.address[1]}",
        "exposer.server.view: node_id is ready",
        "exposer.server.view: genesis is ready",
    ]


def test_starts_before_the_volume_is_filled(tmp_path: Path) -> None:
    """As a native sidecar it starts first, waits for a home that does not exist, and sees it filled."""
    home = tmp_path / "later"
    with running(home, steps="init-genesis,init-config") as sidecar:
        status, body = sidecar.get("/readyz")
        assert (status, json.loads(body)["phase"]) == (503, "waiting")
        waiting = sidecar.ask("/readyz?wait=60s")
        fill(home)
        waiting.begin()
        assert (waiting.status, waiting.read()) == (200, b'{"status":"ready"}')


def test_inherited_socket(tmp_path: Path) -> None:
    """A bound socket from the parent needs no port at all; what comes before the start waits in its queue."""
    fill(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))
        with early, running(tmp_path, "--fd", str(listener.fileno()), fds=(listener.fileno(),)) as sidecar:
            assert sidecar.address == ("127.0.0.1", port)
            early.sendall(b"GET /livez HTTP/1.0\r\n\r\n")
            assert early.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_json_log_and_one_warning(tmp_path: Path) -> None:
    """JSON logs are one object a line; foreign EXPOSER_ names make one warning, service links none."""
    with running(
        tmp_path, log_format="json", grpc_port="9099", typo="1", service_host="10.0.0.1", port="tcp://10.0.0.1:8081"
    ) as sidecar:
        sidecar.process.terminate()
        _, log = sidecar.end()
    lines = [json.loads(line) for line in log.splitlines()]
    warnings = [line["message"] for line in lines if line["level"] == "warning"]
    assert warnings == ["these variables set nothing here: EXPOSER_GRPC_PORT, EXPOSER_TYPO"]


def test_port_taken() -> None:
    """A port that is taken is exit 1 at once, with the address and the reason in one line."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        code, lines = failing(host="127.0.0.1", http_port=port)
    assert code == 1
    assert len(lines) == 1
    assert lines[0].endswith(f"cannot listen on 127.0.0.1:{port}: Address already in use")


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "x" * 300])
def test_address_of_somebody_else(host: str) -> None:
    """An address that is not this machine's, or a name that is none, is exit 1 with one line."""
    code, lines = failing(host=host, http_port="0")
    assert (code, len(lines)) == (1, 1)
    assert f"cannot listen on {host}:0: " in lines[0]


@pytest.mark.parametrize("host", ["2001:db8::1", "[2001:db8::1]"])
def test_an_ipv6_address_with_or_without_brackets(host: str) -> None:
    """Both are that address; in a message it has its brackets before the port."""
    code, lines = failing(host=host, http_port="0")
    assert (code, len(lines)) == (1, 1)
    assert "cannot listen on [2001:db8::1]:0: " in lines[0]
    assert "ot assign" in lines[0] or "family not supported" in lines[0]  # not: such a name is not known


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        ((), {"http_port": "tcp://10.0.0.1:8081"}, "EXPOSER_HTTP_PORT (--http-port)"),
        ((), {"drain": "soon"}, "EXPOSER_DRAIN (--drain)"),
        (("--fd", "99"), {}, "--fd 99 is not an open socket: Bad file descriptor"),
        (("--fd", "2"), {}, "--fd 2 is not an open socket"),
    ],
)
def test_wrong_setting(arguments: tuple[str, ...], environment: dict[str, str], told: str) -> None:
    """A wrong setting is exit 3 with one line that names it."""
    code, lines = failing(*arguments, **environment)
    assert (code, len(lines)) == (3, 1)
    assert told in lines[0]


def test_unknown_flag() -> None:
    """An unknown flag is exit 2 with the usage."""
    code, lines = failing("--no-such-flag")
    assert code == 2
    assert lines[0].startswith("usage: exposer serve")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_ends_by_its_signal(tmp_path: Path, number: signal.Signals) -> None:
    """It ends by the signal that it got, so that its parent sees the true cause."""
    with running(tmp_path) as sidecar:
        sidecar.process.send_signal(number)
        code, log = sidecar.end()
    assert code == -number
    assert "Traceback" not in log


def test_waiters_go_first(tmp_path: Path) -> None:
    """SIGTERM gives each waiter its 503 at once, closes its connection, and does not wait for the drain."""
    with running(tmp_path, drain="60s") as sidecar:
        waiting = [sidecar.ask(f"{path}?wait=60s") for path in ("/readyz", "/node_id", "/genesis")]
        while json.loads(sidecar.get("/status")[1])["waiters"] < 3:
            pass
        sidecar.process.terminate()
        for response in waiting:
            response.begin()
            assert (response.status, response.getheader("connection")) == (503, "close")
            assert json.loads(response.read())["code"] == "not-ready"
        assert sidecar.end()[0] == -signal.SIGTERM


def test_downloads_finish(tmp_path: Path) -> None:
    """SIGTERM during a download: nobody new is accepted, the download gets every byte, then it ends."""
    fill(tmp_path, LARGE)
    with running(tmp_path, drain="60s") as sidecar:
        response = sidecar.ask("/genesis", buffer=1 << 16)
        response.begin()
        first = response.read(1000)
        sidecar.process.terminate()
        sidecar.refuses()
        assert sidecar.process.poll() is None
        assert first + response.read() == LARGE
        code, log = sidecar.end()
    assert code == -signal.SIGTERM
    assert "1 downloads have 60 s to finish" in log


def test_drain_ends(tmp_path: Path) -> None:
    """A download that outlives the drain is cut, and the process ends without a stack in its log."""
    fill(tmp_path, LARGE)
    with running(tmp_path, drain="1s") as sidecar:
        response = sidecar.ask("/genesis", buffer=1 << 16)
        response.begin()
        response.read(1000)
        sidecar.process.terminate()
        code, log = sidecar.end()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            response.read()
    assert code == -signal.SIGTERM
    assert "Traceback" not in log


def test_second_signal(tmp_path: Path) -> None:
    """A second signal ends it there and then, whatever is under way."""
    fill(tmp_path, LARGE)
    with running(tmp_path, drain="60s") as sidecar:
        response = sidecar.ask("/genesis", buffer=1 << 16)
        response.begin()
        sidecar.process.terminate()
        sidecar.refuses()
        sidecar.process.terminate()
        assert sidecar.end()[0] == -signal.SIGTERM
        response.close()


@pytest.mark.parametrize("second", [False, True], ids=["drained", "forced"])
def test_as_pid_1(tmp_path: Path, *, second: bool) -> None:
    """As PID 1, which no signal can end, it exits with 143."""
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if not shutil.which("unshare") or subprocess.run([*unshare, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this user may not make a PID namespace")
    fill(tmp_path, LARGE)
    with running(tmp_path, prefix=unshare, drain="60s") as sidecar:
        child = Path(f"/proc/{sidecar.process.pid}/task/{sidecar.process.pid}/children").read_text(encoding="ascii")
        response = sidecar.ask("/genesis", buffer=1 << 16)
        response.begin()
        os.kill(int(child), signal.SIGTERM)
        sidecar.refuses()
        if second:
            os.kill(int(child), signal.SIGTERM)
        else:
            assert response.read() == LARGE
        assert sidecar.end()[0] == 143
        response.close()


def test_no_permission(tmp_path: Path) -> None:
    """Files that the sidecar's user may not read are `not-ready` with that reason, each at its endpoints alone."""
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:  # root may read everything, unless these two capabilities are taken away
        prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
        if not shutil.which("setpriv"):
            pytest.skip("root can read everything, and there is no setpriv to change that")
    config = fill(tmp_path)
    (config / "genesis.json").chmod(0)
    (config / "priv_validator_key.json").chmod(0)
    with running(tmp_path, prefix=prefix) as sidecar:
        assert sidecar.get("/node_id")[0] == 200
        for path in ("/genesis", "/keys", "/pub_key", "/readyz"):
            status, body = sidecar.get(path)
            problem = json.loads(body)
            assert (status, problem["code"]) == (503, "not-ready")
            assert problem["reason"].endswith("no permission to read it")
            assert str(tmp_path) not in body.decode()
        config.chmod(0)
        assert json.loads(sidecar.get("/node_id")[1])["code"] == "not-ready"
        config.chmod(0o755)
        assert sidecar.get("/node_id")[0] == 200
