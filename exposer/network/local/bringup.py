"""The life of the pods on this machine: exposer first, steps in order, the node, and what makes the whole complete."""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from exposer.errors import ExposerError, TemporaryError
from exposer.network.events import Event, Tell
from exposer.network.local.child import Program, building_environment, inherited_environment
from exposer.network.local.losses import Losses
from exposer.network.local.processes import Supervisor, first_of
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
    """One bring-up: the plan, where its pods are, who runs, asks and shows, and which pods are lost."""

    plan: Plan
    record: Record
    programs: Programs
    supervisor: Supervisor
    survey: Survey
    losses: Losses
    tell: Tell

    async def run(self) -> list[PodStatus]:
        """Bring all pods up at once; what they say once every one that is not lost is ready, and all agree.

        Raises:
            ProgramFailedError: a program cannot be completed, and the other pods cannot go on without it.
            MismatchError: pods of a chain hold different genesis files.
        """
        pods = list(zip(self.plan.pods, self.record.pods, strict=True))
        tasks = {pod.name: asyncio.create_task(self._kept(pod, at), name=pod.name) for pod, at in pods}
        try:
            told = await self._all(tasks)
        finally:
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)
        agree(told.values())
        now = await self.survey.statuses(self.record.pods)  # heights have grown; an exposer may be restarting
        return [self._final(new, told.get(new.name)) for new in now]

    async def _all(self, tasks: "Mapping[str, asyncio.Task[PodStatus]]") -> dict[str, PodStatus]:
        """What each pod said in the end, without those that are lost."""
        told: dict[str, PodStatus] = {}
        left: dict[asyncio.Future[Any], Pod] = dict(zip(tasks.values(), self.plan.pods, strict=True))
        while left:
            up = (pod for pod in self.plan.pods if pod.name in told)
            running = left | {self.supervisor.broken(pod.name): pod for pod in up}
            done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for future in done:
                pod = running[future]
                left.pop(future, None)
                if future.cancelled():  # it waited for a pod that is lost
                    continue
                try:
                    told[pod.name] = future.result()
                except ExposerError as error:
                    told.pop(pod.name, None)
                    self._lose(pod, error, tasks)
        return told

    def _lose(self, pod: Pod, error: ExposerError, tasks: "Mapping[str, asyncio.Task[PodStatus]]") -> None:
        """Go on without ``pod`` and those that wait for it; raises ``error`` where that makes no sense."""
        for waiting in self.losses.add(pod, error):
            if tasks[waiting.name].cancel():
                self.losses.errors[waiting.name] = TemporaryError(f"{waiting.name} waits for {pod.name}, which failed")
        self.lost(pod, error)

    def lost(self, pod: Pod, error: ExposerError) -> None:
        """Say that ``pod`` is lost, and the others are not."""
        self.losses.errors.setdefault(pod.name, error)
        self.tell(Event(pod.name, "", "failed", f"{error}; the other pods go on"))

    def _final(self, now: PodStatus, former: PodStatus | None) -> PodStatus:
        if error := self.losses.errors.get(now.name):
            return replace(now, phase="failed", reason=str(error))
        return now if now.genesis_sha256 or not former else former

    async def _kept(self, pod: Pod, at: PodRecord) -> PodStatus:
        """`_pod`, as long as its services can be kept up."""
        life, broken = asyncio.create_task(self._pod(pod, at)), self.supervisor.broken(pod.name)
        try:
            await first_of(life, broken, within=None)
            if not life.done():
                broken.result()
            return life.result()
        finally:
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)

    async def _pod(self, pod: Pod, at: PodRecord) -> PodStatus:
        """The life of one pod up to the point where nothing is left to wait for, and what it says then."""
        self.supervisor.keep(self.programs.exposer(pod))
        await asyncio.sleep(0)  # a native sidecar: it starts before the first step
        for step in pod.steps:
            await self.supervisor.run(self.programs.step(pod, step))
        self.losses.refuse_another_genesis(pod)  # before its node makes a block of it
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
        status = await self.survey.wait_status(at, node=node is not None, alone=lambda: self.losses.has_lost(pod.chain))
        self.tell(Event(pod.name, "", "ready"))
        return status
