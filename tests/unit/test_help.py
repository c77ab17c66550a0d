"""``--help`` of every program tells its exit codes, and an unknown flag is told where it was meant."""

import importlib

import pytest

from exposer.cli import main
from exposer.errors import exit_codes
from exposer.settings import Settings, parser
from init_scripts import wait_for_chains

SETTINGS = [
    "init_scripts.init_genesis.GenesisSettings",
    "init_scripts.node_config.ConfigSettings",
    "init_scripts.init_validator.ValidatorSettings",
    "init_scripts.registration.CreateValidatorSettings",
    "init_scripts.init_build_images.BuildSettings",
    "init_scripts.init_faucet.FaucetStepSettings",
    "exposer.server.settings.ServerSettings",
    "exposer.faucet.settings.FaucetSettings",
]


@pytest.mark.parametrize("name", SETTINGS)
def test_a_program_tells_its_exit_codes(name: str) -> None:
    """The list is the one of `exposer.errors`, unbroken."""
    module, _, cls = name.rpartition(".")
    settings: type[Settings] = getattr(importlib.import_module(module), cls)

    assert exit_codes() in parser(settings, "program", "What it does.").format_help()


def test_the_gate_tells_its_exit_codes() -> None:
    """The gate has the same list, and says whose code it is once a command has taken its place."""
    told = wait_for_chains.parser().format_help()

    assert exit_codes() in told
    assert "the exit code is that of the command" in told


@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_an_unknown_flag_is_told_by_its_subcommand(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The usage that is shown is that of the subcommand, which has the flags."""
    with pytest.raises(SystemExit) as caught:
        main([command, "--bogus"])

    told = capsys.readouterr().err
    assert caught.value.code == 2
    assert told.startswith(f"usage: exposer {command} ")
    assert told.endswith("unrecognized arguments: --bogus\n")
