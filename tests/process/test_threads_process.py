"""Threads that do not keep a process from ending."""

import subprocess
import sys

_HANG = """
import asyncio, threading
from exposer.server.threads import Threads

async def main():
    hanging = asyncio.create_task(Threads(1).run(threading.Event().wait))
    await asyncio.sleep(0)
    hanging.cancel()

asyncio.run(main())
"""


def test_end() -> None:
    """A process ends although work of it hangs for good."""
    assert subprocess.run([sys.executable, "-c", _HANG], check=True, timeout=30).returncode == 0
