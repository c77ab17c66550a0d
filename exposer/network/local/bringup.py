"""The life of the pods on this machine: exposer first, steps in order, the node, and what makes the whole complete."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from exposer.network.events import Event, Tell
from exposer.network.local.child import Program, building_environment, inherited_environment
from exposer.network.local.processes import Supervisor
from exposer.network.local.state import PodRecord, Record, State
from exposer.network.local.survey import PodStatus, Survey, agree
from exposer.network.plan import BUILD, Container, Plan, Pod

_NODE, _LAST = 1, 2
"""Turns at the end: a faucet is first, for it has credits on their way into a block, and an exposer is last."""
_PYTHON = (sys.executable, "-P", "-m")  # -P: nothing in the directory it starts in can stand in for a module


@dataclass(frozen=True)
class Programs:
    """What the processes of pods on this machine run; ``binaries`` is chain id -> the program of its nodes, if any."""

    state: State
    binaries: Mapping[str, str]

    def exposer(self, pod: Pod) -> Program:
        """The pod's sidecar, on the port that is held for it."""
        return self._program(pod, pod.exposer, (*_PYTHON, *pod.exposer.command), port=True, ends=_LAST)

    def step(self, pod: Pod, step: Container) -> Program:
        """One of the pod's steps."""
        script, *arguments = step.command
        command = (*_PYTHON, f"init_scripts.{script.replace('-', '_')}", *arguments)
        return self._program(pod, step, command, inherited=building_environment() if step.name == BUILD else {})

    def node(self, pod: Pod) -> Program | None:
        """The pod's node, None where its binary is not on this machine."""
        found = self.binaries.get(pod.chain)
        if found is None:
            return None
        program, *arguments = pod.node.command
        command = (program if "/" in program else found, *arguments)
        return self._program(pod, pod.node, command, documented=False, ends=_NODE)

    def faucet(self, pod: Pod) -> Program | None:
        """The pod's faucet, if it has one, on the port that is held for it."""
        if not pod.faucet:
            return None
        return self._program(pod, pod.faucet, (*_PYTHON, *pod.faucet.command), port=True)

    def _program(
        self,
        pod: Pod,
        container: Container,
        command: tuple[str, ...],
        *,
        inherited: Mapping[str, str] = MappingProxyType({}),
        port: bool = False,
        documented: bool = True,
        ends: int = 0,
    ) -> Program:
        """``port``: the container's one port is given to it as a socket that is bound already."""
        name, held = container.name, container.ports.get(container.name) if port else None
        merged = inherited_environment(self.state.root) | {**inherited, **container.environment}
        return Program(pod.name, name, command, merged, self.state.log(pod.name, name), held, documented, ends)


@dataclass(frozen=True)
class BringUp:
    """One bring-up: the plan, where its pods are, and who runs, asks and shows."""

    plan: Plan
    record: Record
    programs: Programs
    supervisor: Supervisor
    survey: Survey
    tell: Tell

    async def run(self) -> list[PodStatus]:
        """Bring all pods up at once; what they say once every one is ready and all agree on their genesis.

        Raises:
            ProgramFailedError: a step cannot be completed.
            MismatchError: pods of a chain hold different genesis files.
        """
        pods = list(zip(self.plan.pods, self.record.pods, strict=True))
        tasks = [asyncio.create_task(self._pod(pod, at), name=pod.name) for pod, at in pods]
        try:
            told = await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for chain in dict.fromkeys(pod.chain for pod in self.plan.pods):
            agree(chain, [status for (pod, _), status in zip(pods, told, strict=True) if pod.chain == chain])
        now = await self.survey.statuses(self.record.pods)  # heights have grown; an exposer may be restarting
        return [new if new.genesis_sha256 else former for new, former in zip(now, told, strict=True)]

    async def _pod(self, pod: Pod, at: PodRecord) -> PodStatus:
        """The life of one pod up to the point where nothing is left to wait for, and what it says then."""
        self.supervisor.keep(self.programs.exposer(pod))
        await asyncio.sleep(0)  # a native sidecar: it starts before the first step
        for step in pod.steps:
            await self.supervisor.run(self.programs.step(pod, step))
        node = self.programs.node(pod)
        if node:
            self.supervisor.keep(node)
            if faucet := self.programs.faucet(pod):
                self.supervisor.keep(faucet)
            for step in pod.after_start:
                await self.supervisor.run(self.programs.step(pod, step))
        await self.survey.wait_ready(at)
        if at.faucet_url and node:
            await self.survey.wait_faucet(at.faucet_url)
        status = await self.survey.wait_status(at, node=node is not None)
        self.tell(Event(pod.name, "", "ready"))
        return status
