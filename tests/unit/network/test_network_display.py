import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from network_world import PaperSite, stand_in
from rich.console import Console

from exposer import log as logs
from exposer.errors import MismatchError
from exposer.network.document import embedded_document, load_document
from exposer.network.events import Event
from exposer.network.local.display import Lines, LiveTable, choose
from exposer.network.local.log_file import log_tail
from exposer.network.local.pods_table import pods_table
from exposer.network.local.processes import ProgramFailedError
from exposer.network.local.state import PodRecord, State
from exposer.network.local.summary import failure_text
from exposer.network.local.survey import FaucetStatus, NodeStatus, PodStatus, Survey, agree, genesis_first
from exposer.network.plan import Plan, build_plan

FAILED = Event("a", "init-genesis", "failed", "exit code 3 (bad input)")


@pytest.fixture
def plan() -> Plan:
    """The default network's plan."""
    return build_plan(embedded_document().network, PaperSite(), Path())


def pod(name: str, digest: str | None = "ab", height: int | None = 7) -> PodStatus:
    """A pod that is ready."""
    node = NodeStatus("http://127.0.0.1:26657", height) if height else None
    return PodStatus(name, "genesis", 0, "ready", "http://127.0.0.1:8081", digest, node)


def test_lines_say_what_changed_and_where(caplog: pytest.LogCaptureFixture) -> None:
    """Each event is one line: pod, program, state and detail; failures are errors, restarts warnings."""
    with caplog.at_level(logging.INFO), Lines() as shown:
        shown.tell(Event("a", "init-genesis", "running"))
        shown.tell(FAILED)
        shown.tell(Event("", "", "stopping", "SIGINT"))
        shown.show([pod("a")])

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "a init-genesis: running"),
        ("ERROR", "a init-genesis: failed: exit code 3 (bad input)"),
        ("INFO", "network: stopping: SIGINT"),
    ]


def test_json_lines_carry_the_event_as_fields(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that reads the log finds pod, program, state and detail by their names."""
    logs.configure("json")
    try:
        Lines().tell(FAILED)
    finally:
        logging.getLogger().handlers.clear()
    line = json.loads(capsys.readouterr().err)

    assert {name: line[name] for name in ("pod", "program", "state", "detail", "level")} == {
        "pod": "a",
        "program": "init-genesis",
        "state": "failed",
        "detail": "exit code 3 (bad input)",
        "level": "error",
    }


def test_the_live_table_has_a_row_for_each_pod(plan: Plan) -> None:
    """Steps are counted, heights appear, failures scroll by above."""
    screen = io.StringIO()
    name = plan.pods[0].name
    with LiveTable(plan, Console(file=screen, width=120, force_terminal=True, highlight=False)) as shown:
        shown.tell(Event(name, "exposer", "running"))
        shown.tell(Event(name, "init-config", "running"))
        shown.tell(Event(name, "init-config", "restarting", "exit code 75 (temporary); again in 1 s"))
        shown.show([pod(name)])
    text = screen.getvalue()
    rows = [line for line in text.splitlines() if name in line]

    assert "0/2" in rows[0]
    assert all(part in rows[-1] for part in ("2/2", "init-config restarting", "http://0.0.0.0:8081", "7"))
    assert f"{name} init-config restarting: exit code 75 (temporary); again in 1 s" in text


def test_a_pipe_and_json_get_lines(plan: Plan) -> None:
    """The live table is for terminals; the tests' stderr is none."""
    assert isinstance(choose(plan, "text"), Lines)
    assert isinstance(choose(plan, "json"), Lines)


def test_the_table_of_pods_is_aligned() -> None:
    """Columns start at the same place in every line; what is not there is a dash."""
    heading, first, second = pods_table([pod("a-genesis-0"), pod("b", None, None)]).splitlines()

    assert heading.index("EXPOSER") == first.index("http") == second.index("http")
    assert second.split() == ["b", "ready", "http://127.0.0.1:8081", "-", "-", "-", "-"]


def test_faucets_have_a_column_where_there_is_one() -> None:
    """The URL stands in the row of its pod, with a word where nothing can be had yet."""
    faucet = FaucetStatus("http://127.0.0.1:8000", ready=False)
    heading, first, second = pods_table([replace(pod("a"), faucet=faucet), pod("b")]).splitlines()

    assert heading.index("FAUCET") == first.index("http://127.0.0.1:8000 (not ready)")
    assert second[heading.index("FAUCET")] == "-"
    assert "FAUCET" not in pods_table([pod("b")])


def test_pods_that_disagree_are_a_mismatch_that_lists_all() -> None:
    """Different digests are told with every pod's; equal ones are fine."""
    agree([pod("a"), pod("b"), pod("c", None)])
    with pytest.raises(MismatchError, match=r"the pods of .* same genesis: ab in a; cd in b; .* restore the volume"):
        agree([pod("a"), pod("b", "cd")])


def test_genesis_pods_come_first_with_several_chains() -> None:
    """Every chain's genesis pod stands before any validator; within a role the plan's order stays."""
    plan = [
        PodStatus(name, name[2:], 0, "ready", "") for name in ("a-genesis", "a-validator", "b-genesis", "b-validator")
    ]

    assert [pod.name for pod in genesis_first(plan)] == ["a-genesis", "b-genesis", "a-validator", "b-validator"]


async def test_a_pod_that_does_not_answer_is_stopped() -> None:
    """Whatever keeps an exposer from answering, its pod is shown as stopped, not the survey broken."""
    record = PodRecord("a", "genesis", 0, "http://127.0.0.1:1", "http://127.0.0.1:2", {})
    async with Survey() as survey:
        (status,) = await survey.statuses([record])

    assert status.to_json() == {
        "name": "a",
        "role": "genesis",
        "ordinal": 0,
        "phase": "stopped",
        "exposer_url": "http://127.0.0.1:1",
        "genesis_sha256": None,
        "node": None,
        "faucet": None,
        "chain": "a",
        "reason": "",
        "denom": None,
        "prefix": None,
        "ports": {},
    }


def test_a_failure_shows_the_end_of_the_log_and_the_way_on(tmp_path: Path) -> None:
    """Pod, step, meaning of the code, last lines, where they are, and what to do about a conflict."""
    program = stand_in(tmp_path, "", name="init-genesis")
    program.log.write_text("".join(f"line {number}\n" for number in range(100)))
    text, fields = failure_text(ProgramFailedError(program, 5), State(tmp_path))

    assert text.startswith("pod: init-genesis ended with exit code 5 (conflict); the end of its log, ")
    assert "    line 99\n" in text
    assert "line 84\n" not in text
    assert "exposer up --force" in text
    assert fields["exit_code"] == 5
    assert log_tail(program.log)[0] == "line 85"


def test_a_failure_shows_where_the_file_says_so(tmp_path: Path) -> None:
    """A variable that a step's error names is a field, or an entry of ``env``, of the chain in the network file."""
    (tmp_path / "network.yaml").write_text(
        "name: a\nchains:\n- {id: b-1, name: cometbft, numValidators: 1}\n"
        "- id: a-1\n  name: simapp\n  numValidators: 1\n"
        "  prefix: cosmosx\n  commission: {rate: 0.15}\n  env:\n  - {name: A, value: b}\n  - {name: MY_OWN, value: b}\n"
    )
    program = replace(stand_in(tmp_path, "", name="init-genesis"), environment={"CHAIN_ID": "a-1"})
    program.log.write_text(
        "2026-01-01T00:00:00+0000 ERROR init-genesis: BECH32_PREFIX, COMMISSION_RATE, MY_OWN: no; DENOM\n"
    )
    text, _ = failure_text(ProgramFailedError(program, 3), State(tmp_path), load_document(tmp_path / "network.yaml"))

    assert [line.rpartition("/")[2] for line in text.splitlines() if "this is" in line] == [
        "network.yaml:7: chains[1].prefix: this is BECH32_PREFIX",
        "network.yaml:8: chains[1].commission.rate: this is COMMISSION_RATE",
        "network.yaml:11: chains[1].env[1]: this is MY_OWN",
    ]


@pytest.mark.parametrize(
    "cause",
    ["panic: no coin nonsense", "Error: unknown command", '8:18PM ERR failure when running app err="no validator"'],
)
def test_a_failed_node_shows_its_cause_and_not_what_is_below_it(tmp_path: Path, cause: str) -> None:
    """A Go program writes a stack, or its whole help, below the cause; of several starts the last one counts."""
    program = stand_in(tmp_path, "", name="node", documented=False)
    stack = "".join(f"frame {number}\n" for number in range(100))
    coloured = cause.replace("ERR", "\x1b[31mERR\x1b[0m")
    program.log.write_text(f"panic: before\n{stack}{coloured}\n{stack}")
    text, _ = failure_text(ProgramFailedError(program, 2), State(tmp_path))

    assert text.splitlines()[1].strip() == cause
    assert "before" not in text
