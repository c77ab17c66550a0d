"""``python -m bench.measured MODULE``: run the step's ``main()``, then say how much memory it and its children took.

JSON on stdout, in bytes: the most that was resident in this process (ru_maxrss of getrusage(2)) and in any one that it
started; the kernel counts for a child also what its parent had when it was started.
"""

import json
import resource
import sys
from importlib import import_module

_KIB = 1024


def main() -> int:
    """The exit code of the step."""
    code: int = import_module(sys.argv[1]).main([])
    own, binary = (resource.getrusage(who).ru_maxrss * _KIB for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    sys.stdout.write(json.dumps({"own": own, "binary": binary}))
    return code


if __name__ == "__main__":
    sys.exit(main())
