"""``create-validator``: the pod's account bonds, once its node is at the tip; where it is a validator, all is done."""

import sys
from collections.abc import Sequence

from exposer.client import Client
from exposer.rpc import Node
from init_scripts.registration import STEP, CreateValidatorSettings, Registration, log
from init_scripts.scratch import scratch
from init_scripts.stay import stay
from init_scripts.step import Reporter, run_program

_NODE = 10.0  # seconds for an answer of the node


def main(argv: Sequence[str] | None = None) -> int:
    """Run the step; returns its exit code."""
    return run_program(
        STEP, CreateValidatorSettings, _run, argv, "Make this pod's account a validator of the running chain."
    )


def _run(settings: CreateValidatorSettings, report: Reporter) -> None:
    if settings.stay:
        settings.stay_file.unlink(missing_ok=True)  # the container may have been restarted
    if settings.chain_driver == "cometbft" or settings.validator_set == "genesis":
        log.info("the genesis names every validator of this network; nothing to create")
    else:
        report("running")
        with (
            scratch(settings.root, STEP) as directory,
            Client(settings.node_url, timeout=min(_NODE, settings.timeout)) as client,
        ):
            Registration(settings, Node(client), directory).run()
        report("done", 0)
    if settings.stay:
        log.info("staying until SIGTERM")
        stay(settings.stay_file)


if __name__ == "__main__":
    sys.exit(main())
