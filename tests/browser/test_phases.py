"""The page in a real browser, while a pod's real steps run: it moves without being loaded again."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from browser_world import PICTURES, STEPS, Watched, genesis_pod, held, run
from networks import write_keys
from playwright.sync_api import Browser, expect
from project import ROOT
from sidecar_process import Sidecar, running


@contextlib.contextmanager
def waiting(sidecar: Sidecar, *paths: str) -> Iterator[None]:
    """Peers that wait for these paths; what they get in the end is read, and thrown away."""
    with contextlib.ExitStack() as stack:
        answers = [stack.enter_context(sidecar.ask(f"{path}?wait=60s")) for path in paths]
        yield
        for answer in answers:
            answer.begin()
            answer.read()


def fetch(sidecar: Sidecar, peer: str, *, whole: bool = True) -> None:
    """A peer with an address of its own fetches the genesis, or leaves when it has seen the head."""
    with socket.create_connection(sidecar.address, source_address=(peer, 0)) as connection:
        connection.sendall(b"GET /genesis HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")
        while connection.recv(1 << 16) and whole:
            pass


def test_phases_move(browser: Browser, tmp_path: Path) -> None:
    """Waiting, failed, running, done and ready show as they happen, on a page that is loaded once.

    Nothing but the sidecar is asked, and the browser has nothing to complain about.
    """
    pod = genesis_pod(tmp_path)
    home = Path(pod["CHAIN_DIR"])
    with running(home, "--pod", "genesis-0", steps=STEPS) as sidecar, Watched(browser) as watched:
        page = watched.page
        phase, told = page.get_by_role("heading", level=1), page.locator("#told")
        first, second = page.locator("#steps > li").nth(0), page.locator("#steps > li").nth(1)
        page.goto(sidecar.url)
        page.evaluate("window.loaded = 'once'")
        expect(phase).to_have_text("Waiting")
        expect(told).to_have_text("The pod is waiting.")
        expect(page.locator("#facts")).to_contain_text("0 of 2")
        watched.picture("1-waiting")

        few = str(write_keys(tmp_path / "few.json", validators=3))
        assert run("init-genesis", {**pod, "KEYS_CONFIG": few}) == 3
        expect(phase).to_have_text("init-genesis failed")
        expect(told).to_have_text("init-genesis failed.")
        expect(first).to_contain_text("failed, exit code 3: KEYS_CONFIG: role 'validators' has")
        watched.picture("2-failed")

        with waiting(sidecar, "/genesis", "/genesis", "/node_id", "/readyz"):
            with held("init-genesis", pod):
                expect(phase).to_have_text("init-genesis is running")
                expect(told).to_have_text("init-genesis is running, step 1 of 2.")
                expect(page.locator("#waiting li")).to_have_text(
                    ["for genesis2", "for node_id1", "until the pod is ready1"]
                )
                watched.picture("3-init-genesis")
            expect(first).to_have_class("done")
            expect(phase).to_have_text("Waiting")
            with held("init-config", pod):
                expect(phase).to_have_text("init-config is running")
                expect(page.locator("#facts")).to_contain_text("1 of 2")
                expect(second).to_have_class("running")
                before = second.locator(".took").text_content()
                expect(second.locator(".took")).not_to_have_text(before or "")
                watched.picture("4-init-config")
            expect(phase).to_have_text("Ready")
            expect(told).to_have_text("The pod is ready.")
        expect(page.get_by_text("Bootstrap took")).to_be_visible()
        for number in (2, 3, 4):
            fetch(sidecar, f"127.0.0.{number}")
        expect(page.locator("#fetches tr").first).to_contain_text("127.0.0.4")
        expect(page.locator("#fetches .complete")).to_have_count(5)
        watched.picture("5-ready")

        status = json.loads(sidecar.get("/status")[1])
        expect(page.locator("#artifacts code").nth(1)).to_have_text(status["artifacts"][1]["sha256"])
        assert page.title() == "Ready · genesis-0"
        assert page.evaluate("window.loaded") == "once"
        assert watched.complaints == []
        assert {url.removeprefix(sidecar.url) for url in watched.requests} == {"/", "/status"}


def test_picture_of_the_readme(browser: Browser, tmp_path: Path) -> None:
    """The picture in the docs is one of this page; ``UPDATE_DOCS=1`` makes it anew."""
    pod = genesis_pod(tmp_path)
    home, kept = Path(pod["CHAIN_DIR"]), ROOT / "docs/status-page.png"
    shown = kept.with_suffix(".sha256")  # of the page in the picture
    page = hashlib.sha256((ROOT / "exposer/server/page.html").read_bytes()).hexdigest()
    with (
        running(home, "--pod", "genesis-0", steps=STEPS) as sidecar,
        Watched(browser, viewport={"width": 1200, "height": 600}) as watched,
    ):
        with waiting(sidecar, "/readyz"):
            assert [run(step, pod) for step in ("init-genesis", "init-config")] == [0, 0]
        for number in (2, 3, 4):
            fetch(sidecar, f"127.0.0.{number}")
        watched.page.goto(sidecar.url)
        expect(watched.page.locator("#fetches tr")).to_have_count(3)
        PICTURES.mkdir(parents=True, exist_ok=True)
        watched.page.screenshot(path=PICTURES / "readme.png", full_page=True)
    if os.environ.get("UPDATE_DOCS"):
        shutil.copy(PICTURES / "readme.png", kept)
        shown.write_text(f"{page}\n")
    assert shown.read_text() == f"{page}\n", "the page has changed; run this test with UPDATE_DOCS=1"
    assert kept.stat().st_size < 200_000
