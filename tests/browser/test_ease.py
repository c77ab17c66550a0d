"""The page by keyboard, eye and ear: focus, clipboard, roles, contrast, widths and motion."""

import json
from pathlib import Path

import pytest
from browser_world import INSECURE, STEPS, Scheme, Watched, opened
from playwright.sync_api import Browser, expect
from sidecar_process import Sidecar, running
from sidecar_world import fill

from exposer.progress import Progress, write_progress

CONTRASTS = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
WIDE = "[...document.querySelectorAll('main *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5)"


def digest(sidecar: Sidecar, name: str) -> str:
    """The SHA-256 that `/status` tells."""
    artifacts = json.loads(sidecar.get("/status")[1])["artifacts"]
    found: str = next(one["sha256"] for one in artifacts if one["name"] == name)
    return found


def test_copy_by_keyboard(browser: Browser, ready: Sidecar) -> None:
    """The copy button works by keyboard, puts the whole digest into the clipboard, and says so."""
    with Watched(browser, permissions=["clipboard-read", "clipboard-write"]) as watched:
        page = opened(watched, ready.url)
        button = page.get_by_role("button", name="Copy the SHA-256 of genesis")
        button.focus()
        page.keyboard.press("Enter")
        expect(button).to_have_text("Copied")
        expect(page.locator("#copied")).to_have_text("Copied the SHA-256 of genesis.")
        assert page.evaluate("navigator.clipboard.readText()") == digest(ready, "genesis")
        expect(button).to_be_focused()
        assert watched.complaints == []


def test_copy_without_a_secure_context(browser: Browser, ready: Sidecar) -> None:
    """Over plain HTTP from another machine, where the clipboard's own interface is missing, copying works too."""
    with Watched(browser) as watched:
        page = opened(watched, f"http://{INSECURE}:{ready.address[1]}")
        assert page.evaluate("isSecureContext") is False
        button = page.get_by_role("button", name="Copy the SHA-256 of keys")
        button.focus()
        page.keyboard.press("Space")
        expect(button).to_have_text("Copied")
        watched.context.grant_permissions(["clipboard-read"], origin=ready.url)
        other = watched.context.new_page()
        other.goto(ready.url)
        other.bring_to_front()
        assert other.evaluate("navigator.clipboard.readText()") == digest(ready, "keys")


def test_order_of_the_keyboard(browser: Browser, ready: Sidecar) -> None:
    """Tab follows the reading order, what has the focus is outlined, and keeps it while the page changes."""
    with Watched(browser) as watched:
        page = opened(watched, ready.url)
        order = []
        for _ in range(9):
            page.keyboard.press("Tab")
            order.append(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        names = ("node_id", "genesis", "keys")
        links = [text for name in names for text in (name, f"Copy the SHA-256 of {name}")]
        assert order == [*links, "status", "metrics", "openapi"]
        page.locator("#artifacts code").nth(1).click(click_count=2)
        selected = page.evaluate("getSelection().toString()")
        page.get_by_role("link", name="genesis").focus()
        for _ in range(2):
            with page.expect_response("**/status"):
                pass
        assert selected == digest(ready, "genesis") == page.evaluate("getSelection().toString()")
        expect(page.get_by_role("link", name="genesis")).to_be_focused()


def test_what_a_screen_reader_gets(browser: Browser, ready: Sidecar) -> None:
    """Landmarks, one first heading, named regions, tables with heads, lists, and status messages."""
    ready.get("/genesis")
    with Watched(browser, viewport={"width": 390, "height": 800}) as watched:
        page = opened(watched, ready.url)
        expect(page.locator("#fetches tr")).to_have_count(1)
        for role in ("banner", "main", "contentinfo"):
            expect(page.get_by_role(role)).to_have_count(1)
        expect(page.get_by_role("heading", level=1)).to_have_text("Ready")
        titles = ["Steps", "Waiting requests", "Artifacts", "Downloads by peers"]
        expect(page.get_by_role("heading", level=2)).to_have_text(titles)
        for title in ("Ready", *titles):
            expect(page.get_by_role("region", name=title)).to_have_count(1)
        table = page.get_by_role("table", name="Artifacts")
        expect(table.get_by_role("columnheader")).to_have_text(["Name", "State", "Size", "SHA-256"])
        expect(table.get_by_role("rowheader")).to_have_text(["node_id", "genesis", "keys"])
        expect(table.get_by_role("row")).to_have_count(4)
        expect(page.get_by_role("region", name="Steps").get_by_role("listitem")).to_have_count(2)
        expect(page.get_by_role("status")).to_have_text(["The pod is ready.", ""])
        assert page.evaluate("document.documentElement.lang") == "en"
        ids = page.locator("[id]").evaluate_all("found => found.map((one) => one.id)")
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("phase", ["ready", "failed", "lost", "token"])
def test_contrast(browser: Browser, tmp_path: Path, scheme: Scheme, phase: str) -> None:
    """Every text has a contrast of 4.5 or more with what is behind it, in both schemes and in every phase."""
    more: list[str] = []
    if phase == "token":
        (tmp_path / "token").write_text("a-token-of-this-test")
        more = ["--token-file", str(tmp_path / "token")]
    if phase == "failed":
        write_progress(tmp_path, Progress("init-genesis", "failed", 1.0, 2.0, 3, "no keys"))
    else:
        fill(tmp_path)
    with running(tmp_path, *more, steps=STEPS) as sidecar, Watched(browser, color_scheme=scheme) as watched:
        page = watched.page
        page.goto(sidecar.url)
        if phase == "lost":
            expect(page.locator("#content")).to_be_visible()
            sidecar.process.kill()
        expect(page.locator({"lost": "#lost", "token": "#gate"}.get(phase, "#content"))).to_be_visible()
        found = page.evaluate(CONTRASTS)
    assert len(found) >= 5
    assert {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("width", [320, 390, 768, 1200, 2000])
@pytest.mark.parametrize("finished", [True, False])
def test_no_width_needs_scrolling(browser: Browser, tmp_path: Path, width: int, finished: bool) -> None:
    """From 320 pixels on nothing is wider than the window, also with long names and reasons."""
    long = "a-step-with-a-name-that-goes-on-and-on-for-as-long-as-a-name-may-be"
    if finished:
        fill(tmp_path)
    write_progress(tmp_path, Progress(long, "failed", 1.0, 200_000.0, 3, f"words and {'x' * 300}"))
    (tmp_path / "large").write_bytes(b"x" * 2_000_000)
    artifacts = f"{'n' * 64}={tmp_path / 'large'}"
    with (
        running(tmp_path, "--pod", long, steps=STEPS, artifacts=artifacts) as sidecar,
        Watched(browser, viewport={"width": width, "height": 800}) as watched,
    ):
        sidecar.get("/genesis")
        page = opened(watched, sidecar.url)
        expect(page.locator("#artifacts code:visible")).to_have_count(4 if finished else 1)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate(f"{WIDE}.map((e) => e.outerHTML)") == []


def test_reduced_motion(browser: Browser, tmp_path: Path) -> None:
    """Whoever wants no motion sees none."""
    write_progress(tmp_path, Progress("init-genesis", "running", 1.0))
    moves = "getComputedStyle(document.getElementById('mark')).animationName"
    with running(tmp_path, steps=STEPS) as sidecar:
        for wish, expected in (("reduce", "none"), ("no-preference", "turn")):
            with Watched(browser, reduced_motion=wish) as watched:
                assert opened(watched, sidecar.url).evaluate(moves) == expected
