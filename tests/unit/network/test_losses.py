from pathlib import Path

import pytest
from network_world import MINIMAL, PaperSite, stand_in

from exposer.errors import BadInputError, ExposerError, MismatchError, TemporaryError
from exposer.network.document import load_document
from exposer.network.local.losses import Losses
from exposer.network.local.processes import ProgramFailedError
from exposer.network.local.state import State
from exposer.network.plan import Pod, build_plan
from exposer.records import Artifact, Record, record_path


class World:
    """Three pods of one chain, and their volumes."""

    def __init__(self, directory: Path) -> None:
        path = directory / "network.yaml"
        path.write_text(MINIMAL, encoding="utf-8")
        self.directory = directory
        self.plan = build_plan(load_document(path).network, PaperSite(), directory)
        self.leader, self.first, self.second = self.plan.pods
        self.state = State(directory / "net")

    def complete(self, pod: Pod, digest: str) -> None:
        """Let the pod's volume have the record of its last step, with this genesis."""
        path = record_path(self.state.home(pod.name), "init-config")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(Record("init-config", 1, "", {}, (Artifact("config/genesis.json", 1, digest),)).to_bytes())

    def losses(self) -> Losses:
        """Nothing is lost yet."""
        return Losses(self.plan, self.state)

    def failure(self, code: int, *, documented: bool = True) -> ProgramFailedError:
        """A program that ended with ``code``."""
        return ProgramFailedError(stand_in(self.directory, "", documented=documented), code)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Volumes that are empty."""
    return World(tmp_path)


def test_a_first_bring_up_ends_with_its_first_failure(world: World) -> None:
    """No pod was complete before, so nothing runs that could go on."""
    with pytest.raises(ProgramFailedError):
        list(world.losses().add(world.first, world.failure(4)))


@pytest.mark.parametrize(("code", "documented", "end"), [(4, True, 4), (3, True, 3), (75, True, 75), (2, False, 1)])
def test_pods_that_were_complete_go_on(world: World, code: int, end: int, *, documented: bool) -> None:
    """The exit code in the end is the failure's; a chain binary's own is a fault."""
    world.complete(world.leader, "ab")
    losses = world.losses()

    assert list(losses.add(world.first, world.failure(code, documented=documented))) == []
    assert list(losses.errors) == [world.first.name]
    assert losses.exit_code == end


@pytest.mark.parametrize("code", [2, 5])
def test_what_was_said_wrong_stops_all(world: World, code: int) -> None:
    """Other inputs, and a command line that is wrong, are not one volume's."""
    world.complete(world.leader, "ab")
    with pytest.raises(ProgramFailedError):
        list(world.losses().add(world.first, world.failure(code)))


def test_pods_that_wait_for_a_lost_leader_are_lost_with_it(world: World) -> None:
    """A pod without a complete volume needs the genesis pod; one that is complete does not."""
    world.complete(world.first, "ab")

    assert list(world.losses().add(world.leader, world.failure(4))) == [world.second]


def test_the_last_complete_pod_ends_all(world: World) -> None:
    """When nobody is left, the failure is that of the whole."""
    for pod in (world.leader, world.first):
        world.complete(pod, "ab")
    losses = world.losses()
    list(losses.add(world.first, world.failure(4)))

    with pytest.raises(ExposerError, match="disk"):
        list(losses.add(world.leader, TemporaryError("disk")))


def test_volumes_that_disagree_are_refused_before_anything_starts(world: World) -> None:
    """Complete pods of one chain that hold different genesis files are two networks."""
    for pod, digest in ((world.leader, "ab"), (world.first, "cd"), (world.second, "cd")):
        world.complete(pod, digest)

    told = f"cd in {world.first.name}, {world.second.name}; ab in {world.leader.name}; .* volume of {world.leader.name}"
    with pytest.raises(MismatchError, match=told):
        world.losses()


def test_a_pod_that_founds_another_network_is_refused(world: World) -> None:
    """Its steps ended with another genesis than complete pods hold; a lost one of these is not asked."""
    world.complete(world.first, "ab")
    losses = world.losses()
    world.complete(world.leader, "ab")
    losses.refuse_another_genesis(world.leader)
    world.complete(world.leader, "cd")

    with pytest.raises(MismatchError, match=f"ab in {world.first.name}|cd in {world.leader.name}"):
        losses.refuse_another_genesis(world.leader)
    losses.errors[world.first.name] = BadInputError("lost")
    losses.refuse_another_genesis(world.leader)


def test_a_damaged_record_says_nothing_about_a_genesis(world: World) -> None:
    """The step itself refuses it, with its name; here it is no disagreement, and the pod counts as complete."""
    world.complete(world.leader, "ab")
    world.complete(world.first, "cd")
    record_path(world.state.home(world.first.name), "init-config").write_bytes(b"{")

    assert world.losses().errors == {}
