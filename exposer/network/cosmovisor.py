"""What ``chains[].env`` may tell cosmovisor: nothing that it refuses when the node starts, or at an upgrade's height.

Source: cosmovisor's ``args.go`` (``GetConfigFromEnv``) and ``process.go``.
"""

import re
from collections.abc import Iterator

from exposer.network.file.chains import versions_of
from exposer.network.file.model import Chain
from exposer.network.file.source import Fault

_BOOLEAN = "(true|false|)", "true or false"
_DURATION = r"(?=.*[1-9])([0-9]+(\.[0-9]*)?(ns|us|ms|s|m|h))+|", "a duration above zero with its unit, like 300ms"
_FORMS = {
    **dict.fromkeys(
        (
            "COSMOVISOR_COLOR_LOGS",
            "COSMOVISOR_DISABLE_LOGS",
            "COSMOVISOR_DISABLE_RECASE",
            "DAEMON_ALLOW_DOWNLOAD_BINARIES",
            "DAEMON_DOWNLOAD_MUST_HAVE_CHECKSUM",
            "DAEMON_RESTART_AFTER_UPGRADE",
            "UNSAFE_SKIP_BACKUP",
        ),
        _BOOLEAN,
    ),
    **dict.fromkeys(("DAEMON_POLL_INTERVAL", "DAEMON_RESTART_DELAY", "DAEMON_SHUTDOWN_GRACE"), _DURATION),
    "DAEMON_PREUPGRADE_MAX_RETRIES": ("[0-9]{1,9}|", "a whole number"),
    "DAEMON_DATA_BACKUP_DIR": ("/.*|", "an absolute path"),
    "COSMOVISOR_CUSTOM_PREUPGRADE": (".*", ""),
}
"""Variable -> the pattern of what cosmovisor takes, in any case, and the words for it."""


def faults_of_cosmovisor(chain: Chain) -> Iterator[Fault]:
    """Faults of the variables of cosmovisor, where it runs the nodes of ``chain``."""
    versions = versions_of(chain)
    for place, entry in enumerate(chain.env if versions and versions.cosmovisor else ()):
        name = entry.name.upper()
        if name not in _FORMS:
            continue
        pattern, expected = _FORMS[name]
        if entry.name != name:
            yield ("env", place, "name"), f"is not a variable of cosmovisor, which knows {name}; write it in capitals"
        elif not re.fullmatch(pattern, entry.value, re.IGNORECASE):
            yield ("env", place, "value"), f"must be {expected}: cosmovisor takes nothing else for {name}"
        elif name == "COSMOVISOR_CUSTOM_PREUPGRADE" and entry.value and not _builds_by_script(chain):
            text = "names a file in the node's cosmovisor directory, where nothing puts one; remove it, or let a script"
            yield ("env", place, "value"), f"{text} of init-build-images put it there"


def _builds_by_script(chain: Chain) -> bool:
    return bool(chain.scripts.init_build_images or chain.scripts.build_chain)
