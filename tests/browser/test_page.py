"""The page in a real browser: safe with any text, closed without a token, alive when the sidecar is not."""

import json
import socket
from pathlib import Path

from browser_world import INSECURE, STEPS, Watched, opened
from playwright.sync_api import Browser, expect
from scripted_server import ScriptedServer, answer
from sidecar_process import Sidecar, running
from sidecar_world import LARGE, fill

from exposer.progress import Progress, write_progress

HOSTILE = """<img src=x onerror="alert('no')"><script>alert('no')</script>"""


def test_text_stays_text(browser: Browser, tmp_path: Path) -> None:
    """Markup in a step's name and in its reason is shown letter by letter, and nothing of it runs."""
    step = HOSTILE.partition("<script>")[0]  # a step has the name of its file, in which there is no slash
    write_progress(tmp_path, Progress(step, "failed", 1.0, 2.0, 3, HOSTILE))
    with running(tmp_path) as sidecar, Watched(browser) as watched:
        page = opened(watched, sidecar.url)
        expect(page.locator("#phase")).to_have_text(f"{step} failed")
        expect(page.locator("#steps .name")).to_have_text(step)
        expect(page.locator("#steps .note")).to_contain_text("<img src=x onerror=")
        assert page.locator("img").count() == 0
        assert watched.complaints == []


def test_nothing_can_be_put_in(browser: Browser, ready: Sidecar) -> None:
    """Where text did become markup or code, the policy would stop it: no script, no image, no request to others."""
    with Watched(browser) as watched:
        page = opened(watched, ready.url)
        for attempt in (
            "document.body.innerHTML = '<b>x</b>'",
            "document.body.setAttribute('onclick', 'window.broken = 1')",
            "document.head.append(Object.assign(document.createElement('script'), {text: 'window.broken = 1'}))",
        ):
            code = f"() => {{ try {{ {attempt}; return 'done' }} catch (error) {{ return error.name }} }}"
            assert page.evaluate(code) == "TypeError"
        stolen = "fetch('http://{}:1/').then(() => 'sent', () => 'stopped')"
        assert page.evaluate(stolen.format(INSECURE)) == "stopped"
        assert any("connect-src" in complaint for complaint in watched.complaints)
        assert page.evaluate("window.broken") is None


def test_downloads(browser: Browser, ready: Sidecar) -> None:
    """An artifact's link downloads it under a name of its own."""
    with Watched(browser) as watched:
        page = opened(watched, ready.url)
        with page.expect_download() as waiting:
            page.get_by_role("link", name="genesis").click()
        assert waiting.value.suggested_filename == "genesis.json"
        assert waiting.value.path().read_bytes() == ready.get("/genesis")[1]


def test_lost_and_found(browser: Browser, tmp_path: Path) -> None:
    """A sidecar that goes is told with the time, what was known stays, and the page finds its way back by itself."""
    fill(tmp_path)
    with Watched(browser) as watched:
        with running(tmp_path, steps=STEPS) as first:
            page = opened(watched, first.url)
            expect(page.locator("#link")).to_have_text("live")
        expect(page.locator("#lost")).to_contain_text("Connection lost since")
        expect(page.locator("#told")).to_have_text("Connection lost.")
        expect(page.locator("#phase")).to_have_text("Ready")
        (tmp_path / "config/node_id.json").unlink()
        with running(tmp_path, steps=STEPS, http_port=str(first.address[1])):
            expect(page.locator("#phase")).to_have_text("Waiting", timeout=30_000)
            expect(page.locator("#lost")).to_be_hidden()
            expect(page.locator("#link")).to_have_text("live")


def test_token(browser: Browser, tmp_path: Path) -> None:
    """Where a token is asked for there is a labelled field; the token opens the page and is kept nowhere else."""
    fill(tmp_path / "home")
    (tmp_path / "token").write_text("a-token-of-this-test")
    with running(tmp_path / "home", token_file=str(tmp_path / "token")) as sidecar, Watched(browser) as watched:
        page = watched.page
        page.goto(sidecar.url)
        field = page.get_by_label("Token")
        expect(field).to_be_focused()
        assert field.get_attribute("type") == "password"
        expect(page.locator("#content")).to_be_hidden()
        for wrong in ("not the one that is right", "not-the-one-that-is-right"):
            field.fill(wrong)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_have_text("This token was refused.")
            expect(field).to_have_value("")
        field.fill("a-token-of-this-test")
        page.get_by_role("button", name="Show the status").click()
        expect(page.locator("#phase")).to_have_text("Ready")
        expect(page.locator("#gate")).to_be_hidden()
        assert page.locator("a[href]:visible").count() == 0  # a browser would follow them without the token
        kept = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        assert "a-token" not in page.evaluate(kept) + page.content()
        assert not [url for url in watched.requests if "a-token" in url]
        page.reload()
        expect(field).to_be_visible()


def test_nobody_looks(browser: Browser, ready: Sidecar) -> None:
    """While the page is hidden it asks for nothing, and when it is looked at again it asks at once."""
    with Watched(browser) as watched:
        page = watched.page
        page.add_init_script("Object.defineProperty(document, 'hidden', { get: () => window.covered === true });")
        page.clock.install()
        opened(watched, ready.url)

        def count() -> int:
            return sum(url.endswith("/status") for url in watched.requests)

        page.evaluate("window.covered = true")
        page.clock.run_for(5_000)
        before = count()
        page.clock.run_for(3_600_000)
        assert count() == before
        page.evaluate("window.covered = false")
        with page.expect_request("**/status"):
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_peers(browser: Browser, tmp_path: Path) -> None:
    """A download under way shows how far it is, and one that was cut says so."""
    fill(tmp_path, LARGE)
    with running(tmp_path, steps=STEPS) as sidecar, Watched(browser) as watched:
        page = opened(watched, sidecar.url)
        expect(page.locator("#unfetched")).to_be_visible()
        with sidecar.connect(buffer=1 << 16) as connection:
            connection.sendall(b"GET /genesis HTTP/1.1\r\nHost: pod\r\n\r\n")
            row = page.locator("#fetches tr")
            expect(row.locator(".state")).to_have_text("running")
            expect(row).to_contain_text("of 16 MiB")
            expect(row.get_by_role("rowheader")).to_have_text("127.0.0.1")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        expect(row.locator(".state")).to_have_text("cut")
        expect(row).to_have_count(1)


def test_node(browser: Browser, tmp_path: Path) -> None:
    """The height of the node is told as soon as there is one, and that it is behind while it is."""
    fill(tmp_path)
    info = [{"latest_block_height": str(height), "catching_up": height < 12000} for height in (11999, 12000)]
    answers = [answer(200, json.dumps({"result": {"sync_info": one}}).encode()) for one in info]
    with (
        ScriptedServer(*answers) as node,
        running(tmp_path, status_url=node.url) as sidecar,
        Watched(browser) as watched,
    ):
        page = opened(watched, sidecar.url)
        expect(page.locator("#facts")).to_contain_text("Node height, catching up11,999")
        expect(page.locator("#facts")).to_contain_text("Node height12,000")


def test_without_scripts(browser: Browser, ready: Sidecar) -> None:
    """Without JavaScript the page says where the facts are."""
    with Watched(browser, java_script_enabled=False) as watched:
        watched.page.goto(ready.url)
        expect(watched.page.locator("main code", has_text="curl http://HOST:PORT/status")).to_be_visible()
