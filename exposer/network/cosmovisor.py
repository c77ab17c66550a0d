"""What ``chains[].env`` may tell cosmovisor: nothing that it refuses when the node starts, or at an upgrade's height.

Source: cosmovisor's ``args.go`` (``GetConfigFromEnv``) and ``process.go``.
"""

import re
from collections.abc import Callable, Iterator

from exposer.cosmovisor import DISABLE_RECASE, is_boolean, plan_directory
from exposer.duration import go_nanoseconds
from exposer.network.file.chains import versions_of
from exposer.network.file.model import Chain
from exposer.network.file.source import Fault

_TIME_FORMATS = (
    *("layout", "ansic", "unixdate", "rubydate", "rfc822", "rfc822z", "rfc850", "rfc1123", "rfc1123z"),
    *("rfc3339", "rfc3339nano", "kitchen"),
)


def _is_time(value: str) -> bool:
    try:
        return go_nanoseconds(value) > 0
    except ValueError:
        return False


def _is_count(value: str) -> bool:
    """With a negative number cosmovisor starts, and then fails at each upgrade."""
    return re.fullmatch(r"\+?[0-9]{1,99}", value) is not None and int(value) < 2**63


_FORMS: dict[str, tuple[Callable[[str], bool], str]] = {
    **dict.fromkeys(
        (
            "COSMOVISOR_COLOR_LOGS",
            "COSMOVISOR_DISABLE_LOGS",
            DISABLE_RECASE,
            "DAEMON_ALLOW_DOWNLOAD_BINARIES",
            "DAEMON_DOWNLOAD_MUST_HAVE_CHECKSUM",
            "DAEMON_RESTART_AFTER_UPGRADE",
            "UNSAFE_SKIP_BACKUP",
        ),
        (is_boolean, "true or false"),
    ),
    **dict.fromkeys(
        ("DAEMON_POLL_INTERVAL", "DAEMON_RESTART_DELAY", "DAEMON_SHUTDOWN_GRACE"),
        (_is_time, "a duration above zero with its unit, like 300ms"),
    ),
    "COSMOVISOR_TIMEFORMAT_LOGS": (_TIME_FORMATS.__contains__, f"one of {', '.join(_TIME_FORMATS)}"),
    "DAEMON_PREUPGRADE_MAX_RETRIES": (_is_count, "a whole number from 0"),
    "DAEMON_DATA_BACKUP_DIR": (lambda value: value.startswith("/"), "an absolute path"),
    "COSMOVISOR_CUSTOM_PREUPGRADE": (lambda _: True, ""),
}
"""Variable -> whether cosmovisor works with a value, and the words for such values. It takes an empty one for each."""


def faults_of_cosmovisor(chain: Chain) -> Iterator[Fault]:
    """Faults of the variables of cosmovisor, where it runs the nodes of ``chain``."""
    versions = versions_of(chain)
    for place, entry in enumerate(chain.env if versions and versions.cosmovisor else ()):
        name = entry.name.upper()
        if name not in _FORMS:
            continue
        takes, expected = _FORMS[name]
        if entry.name != name:
            yield ("env", place, "name"), f"is not a variable of cosmovisor, which knows {name}; write it in capitals"
        elif entry.value and not takes(entry.value):
            yield ("env", place, "value"), f"must be {expected}: cosmovisor takes nothing else for {name}"
        elif name == "COSMOVISOR_CUSTOM_PREUPGRADE" and entry.value and not _builds_by_script(chain):
            text = "names a file in the node's cosmovisor directory, where nothing puts one; remove it, or let a script"
            yield ("env", place, "value"), f"{text} of init-build-images put it there"


def faults_of_plans(chain: Chain) -> Iterator[Fault]:
    """Upgrade plans whose binaries cosmovisor would look for in one directory."""
    versions = versions_of(chain)
    switch = next((entry.value for entry in chain.env if entry.name == DISABLE_RECASE), "")
    seen: set[str] = set()
    for place, upgrade in enumerate(versions.upgrades if versions else ()):
        directory = plan_directory(upgrade.name, switch)
        if directory in seen:
            text = f"is there twice: cosmovisor looks for both plans in {directory}; keep one"
            yield ("upgrade", "upgrades", place, "name"), text
        seen.add(directory)


def _builds_by_script(chain: Chain) -> bool:
    return bool(chain.scripts.init_build_images or chain.scripts.build_chain)
