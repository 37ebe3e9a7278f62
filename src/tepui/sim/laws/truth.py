"""What is told is so: that tasks are over, where they are, and what agents have."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import RunTask, RunTaskGroup, ShutdownFramework, UpdateStatus
from tepui.master.core.effects import SendToScheduler
from tepui.messages import TaskState, TaskStatus
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.laws.tasks import NEVER_RAN
from tepui.sim.observations import (
    CheckpointLost,
    ContainerEnded,
    ContainerStarted,
    CoreStepped,
    LeadershipBegan,
    UpdateHeard,
)
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

Key = tuple[str, str]
"""A framework's and a task's id."""

OWN_ENDS = (TaskState.TASK_FINISHED, TaskState.TASK_FAILED, TaskState.TASK_KILLED)
"""Ends that only the agent of a task can know of."""

NOWHERE = (
    TaskState.TASK_UNKNOWN,
    TaskState.TASK_GONE,
    TaskState.TASK_DROPPED,
    TaskState.TASK_LOST,
)
"""Answers by which a framework gives a task up."""


class NoEarlyEnd(Law):
    """Who hears from an agent how a task ended can rely on its being over."""

    name = "no early end"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._running: dict[Key, str] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {
            ContainerStarted: self._on_started,
            ContainerEnded: self._on_ended,
            UpdateHeard: self._on_heard,
        }

    def _on_started(self, started: ContainerStarted) -> None:
        if started.task_id is not None:
            self._running[started.framework_id, started.task_id] = started.node

    def _on_ended(self, ended: ContainerEnded) -> None:
        if ended.task_id is not None:
            self._running.pop((ended.framework_id, ended.task_id), None)

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        if status.state in OWN_ENDS:
            task_id = status.task_id.value
            node = self._running.get((heard.framework_id, task_id))
            if node is not None:
                what = f"heard {status.state.name} of task {task_id}, which runs on {node}"
                raise self.broken(heard.at, heard.node, what)


class TrueAnswers(Law):
    """Who asks is not told that a task is nowhere while it runs, nor that it runs after its end.

    Unless nobody can say better: its agent is unreachable, or has lost all memory of it, as it
    has of tasks that are not checkpointed.
    """

    name = "true answers"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._running: dict[Key, str] = {}
        self._excused: dict[str, None] = {}
        self._over: dict[Key, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {
            LeadershipBegan: self._on_began,
            ContainerStarted: self._on_started,
            ContainerEnded: self._on_ended,
        }

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            RunTask: self._on_run,
            RunTaskGroup: self._on_run,
            ShutdownFramework: self._on_shutdown,
            SendToScheduler: self._on_sent,
            UpdateStatus: self._on_update,
        }

    def _on_began(self, began: LeadershipBegan) -> None:
        self._over.clear()

    def _on_update(self, step: CoreStepped, message: UpdateStatus) -> None:
        if step.core == "master" and message.status.state in OWN_ENDS:
            self._over[message.framework_id, message.status.task_id.value] = None

    def _on_started(self, started: ContainerStarted) -> None:
        if started.task_id is not None:
            self._running[started.framework_id, started.task_id] = started.node

    def _on_ended(self, ended: ContainerEnded) -> None:
        if ended.task_id is not None:
            self._running.pop((ended.framework_id, ended.task_id), None)

    def _on_run(self, step: CoreStepped, message: RunTask | RunTaskGroup) -> None:
        if not message.framework.checkpoint and message.framework.id is not None:
            self._excused[message.framework.id.value] = None

    def _on_shutdown(self, step: CoreStepped, message: ShutdownFramework) -> None:
        self._excused[message.framework_id] = None

    def _on_sent(self, step: CoreStepped, effect: SendToScheduler) -> None:
        update = effect.event.update
        if update is None:
            return
        status = update.status
        if (
            status.reason is not TaskStatus.Reason.REASON_RECONCILIATION
            or status.source is not TaskStatus.Source.SOURCE_MASTER
        ):
            return
        leader = self.world.leader
        framework = None if leader is None else leader.state.connections.get(effect.connection)
        if leader is None or framework is None or framework.framework_id in self._excused:
            return
        key = (framework.framework_id, status.task_id.value)
        problem = None
        if status.state in NOWHERE:
            agent_id = "" if status.agent_id is None else status.agent_id.value
            if key in self._running and agent_id not in leader.state.unreachable_agents:
                problem = f"runs on {self._running[key]}"
        elif status.state is TaskState.TASK_RUNNING and key in self._over:
            problem = "is over, as its agent has told"
        if problem is not None:
            what = f"answers {status.state.name} for task {key[1]}, which {problem}"
            raise self.broken(step.at, step.node, what)


class NeverRan(Law):
    """Of what has run, nobody says that it never did.

    But a machine that lost power with the last of what its agent had written, and an agent that
    was started again and had nothing to write of tasks that are not checkpointed.
    """

    name = "never ran"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._started: dict[Key, str] = {}
        self._excused: dict[str, None] = {}
        self._forgetful: dict[str, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {
            ContainerStarted: self._on_started,
            CheckpointLost: self._on_lost,
            UpdateHeard: self._on_heard,
        }

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {RunTask: self._on_run, RunTaskGroup: self._on_run}

    def _on_run(self, step: CoreStepped, message: RunTask | RunTaskGroup) -> None:
        if not message.framework.checkpoint and message.framework.id is not None:
            self._excused[message.framework.id.value] = None

    def _on_started(self, started: ContainerStarted) -> None:
        if started.task_id is not None:
            self._started[started.framework_id, started.task_id] = started.node

    def _on_lost(self, lost: CheckpointLost) -> None:
        if lost.transactions:
            self._forgetful[lost.node] = None

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        if status.state not in NEVER_RAN or heard.framework_id in self._excused:
            return
        task_id = status.task_id.value
        node = self._started.get((heard.framework_id, task_id))
        if node is not None and node not in self._forgetful:
            what = f"heard {status.state.name} of task {task_id}, which has run on {node}"
            raise self.broken(heard.at, heard.node, what)


class TrueTotals(Law):
    """What is made of an agent's resources, restarts or not, they stay as many as there are."""

    name = "true totals"
    look_seconds = 5.0

    def look(self, world: WorldView) -> None:
        for number, agent in enumerate(world.agents):
            if agent.core is None:
                continue
            has = agent.core.model.total.quantities()
            if has != self.scenario.agent_total(number).quantities():
                raise self.broken(world.at, agent.node, f"takes its resources for {has}")

    def conclude(self, world: WorldView) -> None:
        self.look(world)
