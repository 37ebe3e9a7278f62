"""Updates of a task come in order, each at least once, and none is forgotten unheard.

What an agent has to tell of a task is a row of updates, each with its uuid. The next goes out
when the one before it was acknowledged, and an acknowledgement is only the framework's to make.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import AcknowledgeStatus, Registered, RunTask, UpdateStatus
from tepui.messages import TaskState
from tepui.messages.scheduler import Call
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import (
    CallSent,
    CheckpointLost,
    CoreStepped,
    ProcessEnded,
    UpdateHeard,
)
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

Key = tuple[str, str]
"""A framework's and a task's id."""


class Row:
    """The updates of one task as its agent tells them.

    Attributes:
        agent_id: Whose task it is.
        uuids: In the order in which a master first received them.
        states: What each of them says.
        heard: How many of them the framework has heard, the first ones.
        acknowledged: How many of them it has acknowledged.
    """

    __slots__ = ("acknowledged", "agent_id", "heard", "states", "uuids")

    def __init__(self, agent_id: str) -> None:
        self.agent_id = agent_id
        self.uuids: list[bytes] = []
        self.states: list[TaskState] = []
        self.heard = 0
        self.acknowledged = 0

    def begin_anew(self) -> None:
        """Take what was told so far as dealt with: its agent does not know of it any more."""
        self.heard = self.acknowledged = len(self.uuids)


class OrderedUpdates(Law):
    """Frameworks hear the updates of a task in the order of its agent, without a gap.

    An agent whose disk has lost what was last written to it may not know what it has told; nor
    does one that was started again know of tasks that were not checkpointed.
    """

    name = "update order"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._rows: dict[Key, Row] = {}
        self._agents: dict[str, str] = {}
        self._unchecked: dict[str, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {
            UpdateHeard: self._on_heard,
            CallSent: self._on_call,
            CheckpointLost: self._on_lost,
            ProcessEnded: self._on_ended,
        }

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            UpdateStatus: self._on_update,
            AcknowledgeStatus: self._on_acknowledged,
            Registered: self._on_registered,
            RunTask: self._on_run_task,
        }

    def _on_run_task(self, step: CoreStepped, message: RunTask) -> None:
        info = message.framework
        if not info.checkpoint and info.id is not None:
            self._unchecked[info.id.value] = None

    def _on_registered(self, step: CoreStepped, message: Registered) -> None:
        if step.core == "agent":
            self._agents[message.agent_id] = step.node

    def _on_lost(self, lost: CheckpointLost) -> None:
        if lost.transactions:
            self._begin_anew(lost.node, only_unchecked=False)

    def _on_ended(self, ended: ProcessEnded) -> None:
        self._begin_anew(ended.node, only_unchecked=True)

    def _begin_anew(self, node: str, *, only_unchecked: bool) -> None:
        for (framework_id, _), row in self._rows.items():
            is_meant = not only_unchecked or framework_id in self._unchecked
            if is_meant and self._agents.get(row.agent_id) == node:
                row.begin_anew()

    def _on_call(self, sent: CallSent) -> None:
        call = sent.call
        if call.type is not Call.Type.ACKNOWLEDGE or call.acknowledge is None:
            return
        assert call.framework_id is not None
        key = (call.framework_id.value, call.acknowledge.task_id.value)
        row = self._rows.get(key)
        if row is None or call.acknowledge.uuid not in row.uuids:
            raise self.broken(sent.at, sent.node, f"acknowledges for {key[1]} what nobody told")
        row.acknowledged = max(row.acknowledged, row.uuids.index(call.acknowledge.uuid) + 1)

    def _on_update(self, step: CoreStepped, message: UpdateStatus) -> None:
        status = message.status
        # What an agent wants to tell may not come to it: what counts is what arrives.
        if step.core != "master" or status.uuid is None or status.agent_id is None:
            return
        key = (message.framework_id, status.task_id.value)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(status.agent_id.value)
        if row.agent_id != status.agent_id.value:
            what = f"tells of task {key[1]}, which is another agent's to tell of"
            raise self.broken(step.at, status.agent_id.value, what)
        if status.uuid in row.uuids:
            return
        if row.acknowledged < len(row.uuids):
            raise self.broken(
                step.at,
                status.agent_id.value,
                f"tells {status.state.name} of task {key[1]} before the update ahead of it"
                " was acknowledged",
            )
        row.uuids.append(status.uuid)
        row.states.append(status.state)

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        key = (heard.framework_id, status.task_id.value)
        row = self._rows.get(key)
        if status.uuid is None:
            return
        if row is None or status.uuid not in row.uuids:
            raise self.broken(heard.at, heard.node, f"heard of task {key[1]} what no agent told")
        at = row.uuids.index(status.uuid)
        if at > row.heard:
            raise self.broken(
                heard.at,
                heard.node,
                f"heard {status.state.name} of task {key[1]} before what its agent told earlier",
            )
        if status.state is not row.states[at]:
            what = f"heard {status.state.name} of task {key[1]}, and its agent told"
            raise self.broken(heard.at, heard.node, f"{what} {row.states[at].name}")
        row.heard = max(row.heard, at + 1)

    def _on_acknowledged(self, step: CoreStepped, message: AcknowledgeStatus) -> None:
        key = (message.framework_id, message.task_id)
        row = self._rows.get(key)
        known = row is not None and message.uuid in row.uuids[: row.acknowledged]
        if not known:
            what = f"an acknowledgement for task {message.task_id} that its framework never made"
            raise self.broken(step.at, step.node, what)


class HeardUpdates(Law):
    """When all is quiet, agents have nothing left to tell a framework that listens."""

    name = "at least once"

    def conclude(self, world: WorldView) -> None:
        listening = [each.framework_id for each in world.frameworks if not each.is_over]
        for agent in world.agents:
            if agent.core is None:
                continue
            for framework_id, framework in agent.core.model.frameworks.items():
                for task_id, task in framework.tasks.items():
                    if task.stream.pending and framework_id in listening:
                        what = f"still has {len(task.stream.pending)} updates of task {task_id}"
                        raise self.broken(world.at, agent.node, what)
