"""A real browser and a pod whose steps run one at a time, each held where the test wants to look at the page."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, Self

import pytest
from networks import write_keys
from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request, Response, expect, sync_playwright
from project import ROOT
from witness import WITNESS

PICTURES = Path(os.environ.get("ARTIFACTS_DIR") or ROOT / ".cache/screenshots")
INSECURE = "pod.test"
"""A host name of this machine that a browser does not take for safe, as it takes 127.0.0.1."""
_FLAGS = (
    "--no-sandbox",  # tests run as root in containers
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {INSECURE} 127.0.0.1",
)
STEPS = "init-genesis,init-config"
Scheme = Literal["light", "dark"]
_LOOKS: dict[str, tuple[Scheme, int]] = {"light": ("light", 1200), "dark": ("dark", 1200), "phone": ("light", 390)}


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """The system's Chromium without a window; the test is skipped where there is none."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed; see scripts/")
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=_FLAGS) as browser:
        yield browser


class Watched:
    """A page in a window of its own, with everything that it asked for and complained about."""

    def __init__(self, browser: Browser, **context: object) -> None:
        defaults = {"locale": "en-GB", "timezone_id": "UTC", "viewport": {"width": 1200, "height": 800}}
        self.context = browser.new_context(**{**defaults, **context})  # type: ignore[arg-type] # a context has 30 options
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._responses: list[Response] = []
        self.page.on("request", self._asked)
        self.page.on("response", lambda response: self._responses.append(response))  # noqa: PLW0108 - playwright takes no builtin
        self.page.on("console", self._told)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        for response in self._responses:  # they come through no socket of this process
            WITNESS.answers += 1
            with contextlib.suppress(Error):  # the browser keeps no body of what it saved, or has left
                WITNESS.hear(response, json.dumps(response.headers).encode() + response.body())
        self.context.close()

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def _told(self, message: ConsoleMessage) -> None:
        self.complaints.append(message.text)

    def picture(self, name: str) -> None:
        """Keep the page as it looks: light, dark and on a phone."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        before = self.page.viewport_size
        for look, (scheme, width) in _LOOKS.items():
            self.page.emulate_media(color_scheme=scheme)
            self.page.set_viewport_size({"width": width, "height": 800})
            self.page.screenshot(path=PICTURES / f"{name}-{look}.png", full_page=True)
        self.page.emulate_media(color_scheme="light")
        if before:
            self.page.set_viewport_size(before)


def opened(watched: Watched, url: str) -> Page:
    """The page, once it shows a status."""
    watched.page.goto(url)
    expect(watched.page.locator("#content")).to_be_visible()
    return watched.page


def genesis_pod(directory: Path) -> dict[str, str]:
    """The environment of a genesis pod's steps, with the driver that needs no binary; the home is not there yet."""
    return {
        "PATH": os.environ["PATH"],
        "CHAIN_DRIVER": "cometbft",
        "CHAIN_ID": "page-1",
        "CHAIN_DIR": str(directory / "home"),
        "KEYS_CONFIG": str(write_keys(directory / "keys.json", validators=4)),
        "NUM_VALIDATORS": "4",
        "HOSTNAME": "genesis-0",
    }


def run(step: str, environment: Mapping[str, str]) -> int:
    """A step's exit code, once it has ended."""
    return subprocess.run(_command(step), env=environment, capture_output=True, timeout=60, check=False).returncode


@contextlib.contextmanager
def held(step: str, environment: Mapping[str, str]) -> Iterator[None]:
    """A step that runs, and stands still at its commit while the context lasts; then it must succeed."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed; see scripts/")
    # Its first rename tells that it runs, the second one begins the commit.
    stop = ("-e", "trace=rename", "-e", "inject=rename:signal=SIGSTOP:when=2")
    reader, writer = os.pipe()
    tracer = subprocess.Popen(
        ["strace", "-qq", "-o", f"/proc/self/fd/{writer}", *stop, *_command(step)],
        env=environment,
        stderr=subprocess.DEVNULL,
        pass_fds=[writer],
    )
    os.close(writer)
    with tracer, os.fdopen(reader, encoding="utf-8") as trace:
        try:
            assert any("stopped by SIGSTOP" in line for line in trace)
            yield
            _signal(tracer, signal.SIGCONT)
            trace.read()
            assert tracer.wait(60) == 0
        finally:
            _signal(tracer, signal.SIGKILL)


def _signal(tracer: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    """Send a signal to what is traced, while the tracer lives: it ends with its tracee, and not the other way."""
    if tracer.poll() is None:
        for child in Path(f"/proc/{tracer.pid}/task/{tracer.pid}/children").read_text().split():
            os.kill(int(child), number)


def _command(step: str) -> list[str]:
    return [sys.executable, "-m", f"init_scripts.{step.replace('-', '_')}"]
