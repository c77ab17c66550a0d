"""Values of cosmovisor's variables, and whether cosmovisor takes them: the code is held to the real program by it."""

_SWITCH, _TIME = "COSMOVISOR_DISABLE_RECASE", "DAEMON_POLL_INTERVAL"
_RETRIES, _FORMAT = "DAEMON_PREUPGRADE_MAX_RETRIES", "COSMOVISOR_TIMEFORMAT_LOGS"
TAKEN = [
    *((_SWITCH, value) for value in ("", "true", "TRUE", "fAlse")),
    *((_TIME, value) for value in ("", "300ms", "1m30.5s", ".5s", "5.s", "+1s", "1\u00b5s", "1\u03bcs", "2562047h")),
    *((_RETRIES, value) for value in ("", "0", "+1", "007", str(2**63 - 1))),
    *((_FORMAT, value) for value in ("", "layout", "ansic", "unixdate", "rubydate", "rfc822", "rfc822z", "rfc850")),
    *((_FORMAT, value) for value in ("rfc1123", "rfc1123z", "rfc3339", "rfc3339nano", "kitchen")),
]
FAILS_LATER = [(_RETRIES, "-1")]
"""With these cosmovisor starts, and fails at each upgrade (``doPreUpgrade`` in its ``process.go``)."""
REFUSED = [
    *((_SWITCH, value) for value in ("1", "t", "yes", " true", "fal\u017fe")),
    *(
        (_TIME, value)
        for value in ("1S", "1MS", "1", "0", "+0", "0s", "-1s", ".s", "s", "1 s", "1ss", "1d", "+", "1s+1s")
    ),
    *((_TIME, value) for value in ("0.1ns", "2562048h", "9" * 20 + "ns", "9" * 5000 + "s", "\u0661s", "1s\n")),
    *((_RETRIES, value) for value in ("1.0", "1_000", "0x1", "many", " 1", "\u0661", str(2**63), "9" * 5000)),
    *((_FORMAT, value) for value in ("RFC3339", "Kitchen", "rfc3339 ", "15:04")),
]
