"""Updates of a task come in order, each at least once, and none is forgotten unheard.

What an agent has to tell of a task is a row of updates, each with its uuid. The next goes out
when the one before it was acknowledged, and an acknowledgement is only the framework's to make.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import AcknowledgeStatus, UpdateStatus
from tepui.messages.scheduler import Call
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CallSent, CoreStepped, UpdateHeard
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView


class Row:
    """The updates of one task as its agent tells them.

    Attributes:
        uuids: In the order of their first telling.
        heard: How many of them the framework has heard, the first ones.
        acknowledged: How many of them it has acknowledged.
    """

    __slots__ = ("acknowledged", "heard", "node", "uuids")

    def __init__(self, node: str) -> None:
        self.node = node
        self.uuids: list[bytes] = []
        self.heard = 0
        self.acknowledged = 0


class OrderedUpdates(Law):
    """Frameworks hear the updates of a task in the order of its agent, without a gap."""

    name = "update order"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._rows: dict[tuple[str, str], Row] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {UpdateHeard: self._on_heard, CallSent: self._on_call}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {UpdateStatus: self._on_update, AcknowledgeStatus: self._on_acknowledged}

    def _on_update(self, step: CoreStepped, message: UpdateStatus) -> None:
        uuid = message.status.uuid
        if step.core != "agent" or uuid is None:
            return
        key = (message.framework_id, message.status.task_id.value)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = Row(step.node)
        if row.node != step.node:
            raise self.broken(
                step.at, step.node, f"tells of task {key[1]}, which is {row.node}'s to tell of"
            )
        if uuid in row.uuids:
            return
        if row.acknowledged < len(row.uuids):
            raise self.broken(
                step.at,
                step.node,
                f"tells {_said(message)} of task {key[1]} before the update ahead of it"
                " was acknowledged",
            )
        row.uuids.append(uuid)

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
                f"heard {_name(status.state)} of task {key[1]} before what its agent told earlier",
            )
        row.heard = max(row.heard, at + 1)

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

    def _on_acknowledged(self, step: CoreStepped, message: AcknowledgeStatus) -> None:
        key = (message.framework_id, message.task_id)
        row = self._rows.get(key)
        known = row is not None and message.uuid in row.uuids[: row.acknowledged]
        if not known:
            what = f"an acknowledgement for task {message.task_id} that its framework never made"
            raise self.broken(step.at, step.node, what)


def _name(state: object) -> str:
    return str(getattr(state, "name", state))


def _said(message: UpdateStatus) -> str:
    return _name(message.status.state)


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
