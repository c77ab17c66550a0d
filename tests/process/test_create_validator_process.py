"""``create-validator`` against faults that a real chain does not make on demand; e2e has the real chain."""

import base64
import json
import re
import signal
import time
from pathlib import Path

import pytest
from registration_world import ABSENT, node, respond, run, staking, validator_pod, validator_with
from scripted_server import Exchange, ScriptedServer, answer


@pytest.fixture
def pod(tmp_path: Path) -> dict[str, str]:
    """A validator pod's environment."""
    return validator_pod(tmp_path)


@pytest.mark.parametrize("before", [0, 1])
def test_a_validator_with_another_key_is_not_this_node(pod: dict[str, str], before: int) -> None:
    """The operator alone proves nothing: a new volume has another key, and its node would never sign a block."""
    answers = iter([ABSENT] * before)  # the other one may come first while this one's transaction is on its way
    with ScriptedServer(node(dict, lambda: next(answers, validator_with(b"\1" * 32)))) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 4
    for key in (b"\1" * 32, bytes(32)):
        assert base64.b64encode(key).decode() in done.stderr
    assert "bring back the volume" in done.stderr
    assert Path(pod["COUNT"]).exists() == bool(before)


def test_a_validator_with_this_nodes_key_is_done(pod: dict[str, str]) -> None:
    """A pod that has bonded sends nothing."""
    with ScriptedServer(node(dict, lambda: validator_with(bytes(32)))) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 0
    assert "is a validator (bonded)" in done.stderr
    assert not Path(pod["COUNT"]).exists()


@pytest.mark.parametrize(
    ("status", "code"), [(400, 3), (404, 3), (422, 3), (405, 75), (408, 75), (429, 75), (500, 75), (503, 75)]
)
def test_a_faucets_refusal_is_final_and_in_its_own_words(pod: dict[str, str], status: int, code: int) -> None:
    """What the faucet will never give ends the step at once; what time mends is asked again. Its words are clipped."""
    asked: list[str] = []

    def script(exchange: Exchange) -> bool:
        path = exchange.asked.path
        if path == "/credit":
            asked.append(path)
            return answer(status, b"no stake\n here " + b"x" * 5000)(exchange)
        if "Query/Balance" in path:
            return respond(exchange, {"result": {"response": {"code": 0, "value": None}}})
        return node(dict)(exchange)

    with ScriptedServer(script) as server:
        done = run({**pod, "NODE_URL": server.url, "FAUCET_URL": server.url}, limit="3s")

    assert done.returncode == code, done.stderr
    assert f"the faucet answers {status} when it is asked for stake: no stake here xxx" in done.stderr
    assert "x" * 500 not in done.stderr
    assert (len(asked) == 1) is (code == 3)


def test_a_jailed_validator_is_no_success(pod: dict[str, str]) -> None:
    """It is there and signs nothing: the step tries until somebody unjails it, and tells the whole command for that."""
    with ScriptedServer(node(dict, lambda: validator_with(bytes(32), jailed=True))) as server:
        done = run({**pod, "NODE_URL": server.url, "GAS_PRICES": "1stake"}, limit="1s")

    assert done.returncode == 75
    assert "cosmos1address is jailed and signs no blocks" in done.stderr
    assert f"{pod['CHAIN_BIN']} tx slashing unjail --from validator-0 " in done.stderr
    assert f"--gas-prices 1stake --home {pod['CHAIN_DIR']}" in done.stderr
    assert not Path(pod["COUNT"]).exists()


@pytest.mark.parametrize(
    ("given", "least", "told"),
    [
        ({}, "150000000000000000", "COMMISSION_RATE: the commission's .* 0.15; set COMMISSION_RATE to 0.15 or more"),
        ({}, "250000000000000000", "set COMMISSION_RATE and COMMISSION_MAX_RATE to 0.25 or more"),
        ({"COMMISSION_RATE": "0.15"}, "150000000000000000", "50000stake is no voting power: one unit is 1000000stake"),
        ({"VALIDATOR_STAKE": "999999stake"}, "", "999999stake is no voting power"),
        ({"VALIDATOR_STAKE": "1000000stake,1foo"}, "", "VALIDATOR_STAKE: .* is 2 coins, and a validator bonds one"),
    ],
)
def test_what_the_chain_would_refuse_or_ignore_is_not_paid_for(
    pod: dict[str, str], given: dict[str, str], least: str, told: str
) -> None:
    """The chain is asked for its least commission and its unit of power before anything is sent."""
    with ScriptedServer(node(dict, others=staking(least=least))) as server:
        done = run({**pod, **given, "NODE_URL": server.url})

    assert done.returncode == 3, done.stderr
    assert re.search(told, done.stderr), done.stderr
    assert not Path(pod["COUNT"]).exists()


@pytest.mark.parametrize(
    ("tokens", "code", "told"),
    [
        (
            999_999,
            3,
            "999999stake is no voting power: one unit is 1000000stake, and cosmos1address would sign no blocks",
        ),
        (10**6, 75, "its 1000000stake are not among the 7 largest stakes"),
    ],
)
def test_a_validator_that_is_not_bonded_is_no_success(pod: dict[str, str], tokens: int, code: int, told: str) -> None:
    """It is there and signs nothing: too little to be counted is final, another place in the order may change."""
    unbonded = validator_with(bytes(32), status=1, tokens=tokens)
    with ScriptedServer(node(dict, lambda: unbonded, staking(most=7))) as server:
        done = run({**pod, "NODE_URL": server.url}, limit="1s")

    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert not Path(pod["COUNT"]).exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"COMMISSION_RATE": "0.3"}, "the commission's rate, 0.3, is not from 0 to its max rate, 0.2"),
        ({"COMMISSION_MAX_RATE": "1.1"}, "COMMISSION_MAX_RATE"),
        ({"COMMISSION_MAX_CHANGE_RATE": "0.21"}, "max change rate, 0.21, is not from 0 to its max rate, 0.2"),
    ],
)
def test_a_commission_that_no_chain_takes_is_refused(pod: dict[str, str], given: dict[str, str], told: str) -> None:
    """The rates are held to each other before the node is asked anything."""
    done = run({**pod, **given})

    assert done.returncode == 3
    assert told in done.stderr


def test_the_commission_is_what_is_asked_for(pod: dict[str, str]) -> None:
    """The file that describes the validator has the three rates of the settings."""
    rates = {"COMMISSION_RATE": "0.25", "COMMISSION_MAX_RATE": "0.5", "COMMISSION_MAX_CHANGE_RATE": "0.05"}
    with ScriptedServer(node(lambda: {"error": "none"}, others=staking(least="250000000000000000"))) as server:
        given = {**pod, **rates, "NODE_URL": server.url, "VALIDATOR_STAKE": "1000000stake"}
        run(given, then='for word; do case "$word" in *.json) cp "$word" "$COUNT.json";; esac; done;', limit="2s")
    described = json.loads(Path(f"{pod['COUNT']}.json").read_text())

    assert [described[f"commission-{name}"] for name in ("rate", "max-rate", "max-change-rate")] == [*rates.values()]


def test_nothing_that_is_killed_piles_up(pod: dict[str, str]) -> None:
    """What a run leaves that was killed at its worst moment is gone with the next; the home has nothing but its own."""
    refused = {"result": {"height": "6", "tx_result": {"code": 13, "log": "insufficient fee"}}}
    home = Path(pod["CHAIN_DIR"])
    left = []
    with ScriptedServer(node(lambda: refused)) as server:
        for _ in range(2):
            done = run({**pod, "NODE_URL": server.url}, then="kill -9 $PPID;")
            assert done.returncode == -signal.SIGKILL
            left.append(len(list((home / ".exposer/scratch/create-validator").iterdir())))

    assert left == [2, 2]  # a description of the validator, and a home for the binary
    assert {path.name for path in home.iterdir()} == {"config", ".exposer"}


def test_a_volume_without_keys_is_told_what_comes_first(pod: dict[str, str]) -> None:
    """A pod that was never initialised asks nobody anything."""
    (Path(pod["CHAIN_DIR"]) / "config/priv_validator_key.json").unlink()
    done = run(pod)

    assert done.returncode == 3
    assert "run init-validator on this volume first" in done.stderr


def test_the_same_refusal_twice_ends_the_step(pod: dict[str, str]) -> None:
    """A block that refuses the transaction for the same cause again is not asked a third time: each costs fees."""
    refused = {"result": {"height": "6", "tx_result": {"code": 13, "log": "insufficient fee"}}}
    with ScriptedServer(node(lambda: refused)) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 3
    assert "code 13" in done.stderr
    assert "insufficient fee" in done.stderr
    assert Path(pod["COUNT"]).read_text().split() == ["sent", "sent"]


def test_different_refusals_are_tried_again(pod: dict[str, str]) -> None:
    """Refusals for other causes may be accidents; the step goes on until one comes twice in a row."""
    codes = iter([11, 13, 11, 11])
    with ScriptedServer(
        node(lambda: {"result": {"height": "6", "tx_result": {"code": next(codes), "log": "no"}}})
    ) as server:
        done = run({**pod, "NODE_URL": server.url})

    assert done.returncode == 3
    assert len(Path(pod["COUNT"]).read_text().split()) == 4


def test_a_binary_that_hangs_keeps_the_time_limit(pod: dict[str, str]) -> None:
    """The step's limit is a limit for what it starts, too."""
    began = time.monotonic()
    with ScriptedServer(node(lambda: {"error": "none"})) as server:
        done = run({**pod, "NODE_URL": server.url}, then="exec sleep 50;", limit="2s")

    assert done.returncode == 75
    assert time.monotonic() - began < 20


def test_a_node_that_never_answers_is_temporary(pod: dict[str, str]) -> None:
    """Without a node there is an end, with the last cause."""
    with ScriptedServer(node(dict), listening=False) as server:
        done = run({**pod, "NODE_URL": server.url}, limit="1s")

    assert done.returncode == 75
    assert "refused the connection" in done.stderr


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, []),
        ({"GAS_PRICES": "0.025stake"}, ["--gas-prices", "0.025stake"]),
        ({"GAS_PRICES": "0.025stake", "FEES": "7stake"}, ["--fees", "7stake"]),
    ],
)
def test_a_transaction_pays_fees_or_gas_prices(pod: dict[str, str], given: dict[str, str], flags: list[str]) -> None:
    """The SDK refuses a transaction that states both; the sum that is to be paid wins over the price."""
    refused = {"result": {"height": "6", "tx_result": {"code": 13, "log": "insufficient fee"}}}
    with ScriptedServer(node(lambda: refused)) as server:
        run({**pod, **given, "NODE_URL": server.url})
    words = Path(f"{pod['COUNT']}.arguments").read_text().split()

    assert [word for word in words if word in {"--gas-prices", "--fees", "0.025stake", "7stake"}] == flags


@pytest.mark.parametrize(
    ("given", "code", "told"), [({}, 3, "set GAS_PRICES"), ({"GAS_PRICES": "1stake"}, 75, "too low")]
)
def test_a_chain_that_wants_fees_is_told_from_one_that_wants_more(
    pod: dict[str, str], given: dict[str, str], code: int, told: str
) -> None:
    """Paying nothing where something is wanted cannot heal; a price that is too low now may be enough a block later."""
    with ScriptedServer(node(dict)) as server:
        refusal = {"code": 13, "codespace": "sdk", "raw_log": "gas prices too low: insufficient fee"}
        then = f"echo '{json.dumps(refusal)}'; exit;"
        done = run({**pod, **given, "NODE_URL": server.url}, then=then, limit="2s")

    assert done.returncode == code
    assert told in done.stderr
