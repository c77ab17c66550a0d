"""What a pod on an empty volume makes of the others' answers: a network is found or not, and a key signs nothing twice.

The exposers are servers of this process; their clock takes no time.
"""

import hashlib
import json
import logging
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpcore
import pytest
from networks import write_keys
from scripted_server import Exchange, ScriptedServer, answer
from virtual_clock import VirtualClock

from exposer.accounts.keyfile import load_keys
from exposer.errors import BadInputError, MismatchError, TemporaryError
from init_scripts import members
from init_scripts.founder import find_network
from init_scripts.init_genesis import GenesisSettings
from init_scripts.join import GENESIS, resume_signing
from init_scripts.members import Exposer, Member
from init_scripts.signing_state import PATH as SIGNING_STATE
from init_scripts.signing_state import Position

CONTENT = b'{"chain_id": "a-1", "genesis_time": "2026-01-01T00:00:00Z", "validators": []}'
OWN = hashlib.sha256(CONTENT).hexdigest()
PEER = f"{'a' * 40}@v-0:26656"
NEW = (503, {"code": "not-ready"})
Said = tuple[int, dict[str, Any]]


def member(
    signed: int | None = 0,
    node: int | None = None,
    at: tuple[int, int] | None = None,
    vote: tuple[int, int] | None = None,
    **more: Any,
) -> Said:
    """An exposer's answer: ``node`` is its node's newest block, ``at`` the height and the round that it works on.

    ``vote``: round and step of the latest message that it has of the validator. Without ``at`` the node catches up.
    """
    latest = {"round": vote[0], "step": vote[1]} if vote else None
    said = {
        "chain_id": "a-1",
        "genesis_sha256": OWN,
        "signed_height": signed,
        "node": None if node is None else {"height": node, "catching_up": at is None},
        "consensus": {"height": at[0], "round": at[1], "signed": latest} if at else None,
    }
    return 200, said | more


def waiting(signed: int, node: int, latest: tuple[int, int] | None = None, **more: Any) -> Said:
    """The answer of one whose node waits for a peer, with what its log has of the validator above its newest block."""
    vote = {"round": latest[0], "step": latest[1]} if latest else None
    return member(signed, node, consensus={"height": node + 1, "round": 0, "signed": vote, "recorded": True}, **more)


@contextmanager
def exposers(answers: Sequence[Said]) -> Iterator[list[str]]:
    """A server for each of the answers."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(ScriptedServer(answer(status, json.dumps(body).encode()))).url
            for status, body in answers
        ]


def settings(directory: Path, targets: Sequence[str], **more: object) -> GenesisSettings:
    """Those of a genesis pod whose key is derived, and who has just got the genesis."""
    (directory / "config").mkdir(exist_ok=True)
    (directory / "data").mkdir(exist_ok=True)
    (directory / GENESIS).write_bytes(CONTENT)
    told = {
        "chain_driver": "cometbft",
        "chain_id": "a-1",
        "chain_dir": directory,
        "keys_config": write_keys(directory / "keys.json", validators=4),
        "num_validators": 4,
        "identities": "derived",
        "peer_exposers": ",".join(targets),
        "download_timeout": 42,
    }
    return GenesisSettings.model_validate(told | more)


def resumed(directory: Path, answers: Sequence[Said], **more: object) -> tuple[int, int, int] | None:
    """Where the signing state starts; None where it is not touched."""
    with exposers(answers) as targets:
        found = settings(directory, targets, **more)
        resume_signing(found, directory, load_keys(found.keys_config).at("genesis", 0), targets, clock=VirtualClock())
    if not (directory / SIGNING_STATE).exists():
        return None
    state = json.loads((directory / SIGNING_STATE).read_bytes())
    return int(state["height"]), state["round"], state["step"]


KNOWN = {
    "nobody-has-begun": ([member(), NEW], None),
    "a-node-that-waits-for-its-first-peer": ([member(0, 0), NEW], None),
    "one-that-runs": ([member(9, 9, (10, 1))], (10, 1, 0)),
    "the-highest-of-all": ([member(9, 9, (10, 1)), member(8, 8, (9, 4), (4, 3))], (10, 1, 0)),
    "a-vote-that-it-has": ([member(9, 9, (10, 1), (0, 3)), member(9, 9, (10, 0), (1, 2))], (10, 1, 2)),
    "nobody-else-signs": ([member(0, 9, (10, 0))], (10, 0, 0)),
    "a-new-pod-catches-up": ([member(9, 9, (10, 0)), member(0, 3)], (10, 0, 0)),
    "a-new-pod-has-no-node": ([member(9, 9, (10, 0)), member()], (10, 0, 0)),
    "all-wait-for-this-pod": ([waiting(10, 9, (2, 3)), waiting(9, 9), waiting(9, 8, (4, 3))], (10, 2, 3)),
    "all-wait-and-have-nothing-of-it": ([waiting(9, 9), waiting(9, 9), waiting(0, 7)], (10, 0, 0)),
    "one-waits-and-is-behind": ([member(20, 20, (21, 1)), waiting(9, 9, (4, 3))], (21, 1, 0)),
    "one-that-is-down-for-long": ([member(999, 999, (1000, 0)), member(9)], (1000, 0, 0)),
}


@pytest.mark.parametrize(("answers", "expected"), KNOWN.values(), ids=KNOWN)
def test_a_key_signs_only_what_comes_next(
    tmp_path: Path, answers: list[Said], expected: tuple[int, int, int] | None
) -> None:
    """The signing state starts behind the latest that any node knows; where there is no block yet, there is nothing."""
    assert resumed(tmp_path, answers) == expected


UNKNOWN: dict[str, list[Said]] = {
    "its-node-is-down": [member(9, 9, (10, 0)), member(9)],
    "its-node-catches-up": [member(9, 9, (10, 0)), member(9, 8)],
    "it-catches-up-and-an-earlier-exposer-says-where-it-was": [
        member(9, 9, consensus={"height": 10, "round": 0, "signed": None})
    ],
    "it-waits-and-is-behind-its-own-signing-state": [waiting(20, 9), waiting(9, 9), waiting(9, 9)],
    "some-wait-and-one-is-not-there": [waiting(9, 9), waiting(9, 9), NEW],
    "some-wait-and-one-is-silent": [waiting(9, 9), waiting(9, 9), waiting(9, 9), (502, {})],
    "one-waits-that-has-not-signed": [waiting(0, 7)],
    "some-wait-and-one-has-no-node": [waiting(9, 9), waiting(9, 9), member()],
    "two-of-them-are-one-pod": [waiting(9, 9), *[waiting(9, 9, peer=PEER)] * 2],
    "one-waits-for-its-first-block-and-one-is-silent": [waiting(0, 0), (502, {})],
    "it-has-just-joined-again": [member(9, 0, (1, 0))],
    "its-signing-state-is-damaged": [member(9, 9, (10, 0)), member(None, 9, (10, 0))],
    "a-chain-that-nobody-follows-to-its-end": [member(0, 7)],
    "only-new-pods": [NEW, NEW],
    "a-new-pod-and-one-that-is-silent": [member(), (502, {})],
    "nobody-answers": [(502, {})],
}


@pytest.mark.parametrize("answers", UNKNOWN.values(), ids=UNKNOWN)
def test_what_a_key_has_signed_is_not_known(tmp_path: Path, answers: list[Said]) -> None:
    """Where a node that took part does not say where it is, the key gets no signing state: not yet, with the cure."""
    with pytest.raises(TemporaryError, match="could sign twice") as refused:
        resumed(tmp_path, answers)

    assert "--force" not in str(refused.value)  # with which a genesis pod begins another network


def test_who_falls_silent_still_belongs_to_its_network(tmp_path: Path) -> None:
    """A pod that said that it runs, and then says nothing, took part: the others do not know what it knows."""
    first = iter([True])

    def say(exchange: Exchange) -> bool:
        """An answer once; then another server's."""
        status, body = member(9, 9, (10, 3), (2, 3)) if next(first, False) else (502, {})
        return answer(status, json.dumps(body).encode())(exchange)

    with ScriptedServer(say) as server, exposers([NEW, member(9, 9, (10, 0)), member(9)]) as targets:
        told = settings(tmp_path, [server.url, *targets])
        key = load_keys(told.keys_config).at("genesis", 0)
        with pytest.raises(TemporaryError, match=server.url.removeprefix("http://")):
            resume_signing(told, tmp_path, key, told.exposers, clock=VirtualClock())
        first = iter([True])
        forced = settings(tmp_path, [server.url, *targets], EXPOSER_FORCE=True)
        resume_signing(forced, tmp_path, key, told.exposers, clock=VirtualClock())

    state = json.loads((tmp_path / SIGNING_STATE).read_bytes())
    assert (state["height"], state["round"], state["step"]) == ("10", 3, 0)


def test_exposers_behind_one_address(tmp_path: Path) -> None:
    """Two pods behind one gateway are two pods, whatever their order."""

    def say(exchange: Exchange) -> bool:
        """What the exposer at this path says."""
        status, body = member(9) if exchange.asked.path.startswith("/b/") else NEW
        return answer(status, json.dumps(body).encode())(exchange)

    with ScriptedServer(say) as server:
        for paths in (["/a", "/b"], ["/b", "/a"]):
            told = settings(tmp_path, [f"{server.url}{path}" for path in paths])
            key = load_keys(told.keys_config).at("genesis", 0)
            assert len(find_network(told, key, OWN, clock=VirtualClock())) == 1


def test_what_was_said_before_counts(tmp_path: Path) -> None:
    """A pod that the genesis pod found, and that no longer answers, is one that took part."""
    with exposers([member(9, 9, (10, 0)), (502, {})]) as (other, target):
        told = settings(tmp_path, [other, target])
        key = load_keys(told.keys_config).at("genesis", 0)
        known = [Member(Exposer(target, "127.0.0.1"), target, "a-1", OWN, 9, 9, Position(10, 3, 0))]
        with pytest.raises(TemporaryError, match="could sign twice"):
            resume_signing(told, tmp_path, key, told.exposers, known=known, clock=VirtualClock())


def test_a_fault_of_ours_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails in a thread fails the step: nobody is taken for a new pod because a question could not be asked."""

    def fail(*_: object) -> list[str]:
        """Whatever it is."""
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(members, "look_up", fail)
    with pytest.raises(RuntimeError, match="thread"):
        found(tmp_path, [NEW])


def test_a_pod_with_an_address_of_each_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exposer listens on one of them; nobody is missed where the other refuses."""
    monkeypatch.setattr(members, "look_up", lambda *_: ["::1", "127.0.0.1"])
    assert found(tmp_path, [NEW]) == 0
    assert found(tmp_path, [member()]) == 1


def test_force_starts_behind_what_is_known(tmp_path: Path) -> None:
    """`--force` goes on without the missing answers, and never before those that came."""
    assert resumed(tmp_path, UNKNOWN["its-node-is-down"], EXPOSER_FORCE=True) == (10, 0, 0)


@pytest.mark.parametrize("other", [{"genesis_sha256": "0" * 64}, {"chain_id": "b-1"}], ids=["genesis", "chain"])
def test_another_network_tells_nothing(tmp_path: Path, other: dict[str, Any]) -> None:
    """A pod of another network is a mistake: its height would silence the validator for as many blocks."""
    answers = [member(9, 9, (10, 0)), member(10**6, 10**6, (10**6 + 1, 0), **other)]
    with pytest.raises(MismatchError, match="another network"):
        resumed(tmp_path, answers)

    assert resumed(tmp_path, answers, EXPOSER_FORCE=True) == (10, 0, 0)


def found(directory: Path, answers: Sequence[Said], **more: object) -> int:
    """How many pods of a network a genesis pod finds."""
    with exposers(answers) as targets:
        told = settings(directory, targets, **more)
        key = load_keys(told.keys_config).at("genesis", 0)
        return len(find_network(told, key, "0" * 64, clock=VirtualClock()))


FOUND = {
    "only-new-pods": ([NEW, NEW], 0),
    "one-pod-of-a-network": ([NEW, member()], 1),
    "one-of-them-is-silent": ([member(9), (503, {"code": "incomplete"})], 1),
}


@pytest.mark.parametrize(("answers", "expected"), FOUND.values(), ids=FOUND)
def test_a_network_is_found(tmp_path: Path, answers: list[Said], expected: int) -> None:
    """One pod that belongs to a network is enough; only pods that say so are new."""
    assert found(tmp_path, answers) == expected


SILENT = {
    "mismatch": (503, {"code": "mismatch"}),
    "incomplete": (503, {"code": "incomplete"}),
    "an-earlier-version": (404, {"code": "not-found"}),
    "a-proxy": (502, {}),
    "something-else": (200, {"chain_id": "a-1"}),
    "no-number": member(signed="x"),  # type: ignore[arg-type]
    "no-number-that-ends": member(signed=float("inf")),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("said", SILENT.values(), ids=SILENT)
def test_no_answer_is_not_none(tmp_path: Path, said: Said) -> None:
    """Who is there, and does not say whether its pod belongs to a network, holds a second network up."""
    with pytest.raises(TemporaryError, match=r"PEER_EXPOSERS.*127\.0\.0\.1"):
        found(tmp_path, [NEW, said])

    assert found(tmp_path, [NEW, said], EXPOSER_FORCE=True) == 0


def test_force_finds_the_network_of_the_same_genesis(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There a derived key must not begin at height 0; another network is passed over, and named."""
    same = member(9, 9, (10, 0), genesis_sha256="0" * 64)
    with caplog.at_level(logging.WARNING):
        assert found(tmp_path, [same, member(), NEW], EXPOSER_FORCE=True) == 1
    assert "beside that of 127.0.0.1" in caplog.text


@pytest.mark.parametrize("status", [401, 403])
def test_who_refuses_is_not_asked_again(tmp_path: Path, status: int) -> None:
    """Credentials that are not the exposers' are bad input, in either question."""
    with pytest.raises(BadInputError, match="token"):
        found(tmp_path, [(status, {})])
    with pytest.raises(BadInputError, match="token"):
        resumed(tmp_path, [(status, {})])


def look_up_fails(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    """Look-ups that end with these errors of ``getaddrinfo``, the last again and again, and 0 with an address."""
    left = list(codes)

    def look_up(*_: object) -> list[str]:
        code = left.pop(0) if len(left) > 1 else left[0]
        if code:
            raise httpcore.ConnectError(socket.gaierror(code, "said by the resolver"))
        return ["127.0.0.1"]

    monkeypatch.setattr(members, "look_up", look_up)


def test_a_name_without_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its pod was never started: a network is founded, and the log says who was not there."""
    look_up_fails(monkeypatch, socket.EAI_NONAME)
    with caplog.at_level(logging.WARNING):
        assert found(tmp_path, [NEW]) == 0
    assert "do not run: 127.0.0.1" in caplog.text


def test_a_name_that_gets_its_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod that starts a little later is waited for: it may hold the network."""
    look_up_fails(monkeypatch, socket.EAI_NONAME, socket.EAI_NONAME, 0)
    assert found(tmp_path, [member()]) == 1


def test_a_name_that_cannot_be_looked_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can say whether a pod has an address, it may have one."""
    look_up_fails(monkeypatch, socket.EAI_AGAIN)
    with pytest.raises(TemporaryError, match="cannot be looked up"):
        found(tmp_path, [NEW])


def test_all_addresses_of_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name stands for all of its addresses, and a pod that gets one while others are asked is asked too."""
    with exposers([member()]) as (target,):
        port = target.rpartition(":")[2]
        told = settings(tmp_path, [f"all-exposers:{port}"])
        addresses = iter([["127.0.0.9"], ["127.0.0.9"], ["127.0.0.9", "127.0.0.1"]])
        last = ["127.0.0.9", "127.0.0.1"]
        monkeypatch.setattr(members, "look_up", lambda *_: next(addresses, last))
        found_now = find_network(told, load_keys(told.keys_config).at("genesis", 0), "0" * 64, clock=VirtualClock())

    assert [one.place for one in found_now] == [f"all-exposers:{port} (127.0.0.1)"]
