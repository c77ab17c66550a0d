"""The life of the pods on this machine: exposer first, steps in order, the node, and what makes the whole complete."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from exposer.network.child import Program, building_environment, inherited_environment
from exposer.network.events import Event, Tell
from exposer.network.plan import BUILD, Plan, Pod, Step
from exposer.network.processes import Supervisor
from exposer.network.state import PodRecord, Record, State
from exposer.network.survey import PodStatus, Survey, agree

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
        port = int(pod.exposer["EXPOSER_HTTP_PORT"])
        command = (*_PYTHON, "exposer", "serve")
        return self._program(pod, "exposer", command, pod.exposer, port=port, ends=_LAST)

    def step(self, pod: Pod, step: Step) -> Program:
        """One of the pod's steps."""
        command = (*_PYTHON, f"init_scripts.{step.name.replace('-', '_')}", *step.arguments)
        inherited = building_environment() if step.name == BUILD else {}
        return self._program(pod, step.name, command, inherited | dict(pod.environment))

    def node(self, pod: Pod) -> Program | None:
        """The pod's node, None where its binary is not on this machine.

        Its ``HOME`` is the pod's directory: binaries of SDK 0.50 write to their default home even when another is
        named, and read what a user of the machine has there.
        """
        found = self.binaries.get(pod.chain)
        if found is None:
            return None
        command = (pod.node[0] if "/" in pod.node[0] else found, *pod.node[1:])
        environment = {**pod.node_environment, "HOME": str(self.state.home(pod.name).parent)}
        return self._program(pod, "node", command, environment, documented=False, ends=_NODE)

    def faucet(self, pod: Pod) -> Program | None:
        """The pod's faucet, if it has one, on the port that is held for it."""
        if not pod.faucet:
            return None
        return self._program(
            pod, "faucet", (*_PYTHON, "exposer", "faucet"), pod.faucet, port=int(pod.faucet["FAUCET_PORT"])
        )

    def _program(
        self,
        pod: Pod,
        name: str,
        command: tuple[str, ...],
        environment: Mapping[str, str],
        *,
        port: int | None = None,
        documented: bool = True,
        ends: int = 0,
    ) -> Program:
        merged = inherited_environment(self.state.root) | dict(environment)
        return Program(pod.name, name, command, merged, self.state.log(pod.name, name), port, documented, ends)


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
