"""An agent that is started again knows what the one before it knew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tepui.agent.core.events import Recovered
from tepui.agent.core.model import FrameworkState, Model
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CheckpointLost, CoreStepped, Ending, ProcessEnded
from tepui.sim.scenario import Scenario


class DurableAgents(Law):
    """Who was killed at any moment has what it has, its operations, tasks and what is untold.

    Not so if the machine took the last of what was written with it, if the agent ended by itself,
    or of frameworks that do not checkpoint.
    """

    name = "durable agents"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        # The one of the newest life; it stays as it was when that life ended.
        self._models: dict[str, Model] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {ProcessEnded: self._on_ended, CheckpointLost: self._on_lost}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {Recovered: self._on_recovered}

    def _on_ended(self, ended: ProcessEnded) -> None:
        if ended.ending in (Ending.EXITED, Ending.BROKEN):
            self._models.pop(ended.node, None)

    def _on_lost(self, lost: CheckpointLost) -> None:
        if lost.transactions:
            self._models.pop(lost.node, None)

    def _on_recovered(self, step: CoreStepped, event: Recovered) -> None:
        [core] = [each.core for each in self.world.agents if each.node == step.node]
        if core is None:
            return
        before = self._models.get(step.node)
        self._models[step.node] = core.model
        problem = None if before is None else next(forgotten(before, core.model), None)
        if problem is not None:
            raise self.broken(step.at, step.node, f"was started again and {problem}")


def forgotten(before: Model, now: Model) -> Iterator[str]:
    """Find what was known and is not."""
    if before.agent_id is None:
        return
    if now.agent_id != before.agent_id:
        yield f"takes itself for {now.agent_id}, not {before.agent_id}"
    if now.total != before.total:
        yield f"has {now.total}, not {before.total}"
    for uuid in before.operations:
        if uuid not in now.operations:
            yield f"has forgotten operation {uuid.hex()}"
    for framework_id, framework in before.frameworks.items():
        if not framework.info.checkpoint or framework.state is not FrameworkState.RUNNING:
            continue
        known = now.frameworks.get(framework_id)
        for task_id, task in framework.tasks.items():
            found = None if known is None else known.tasks.get(task_id)
            if found is None:
                yield f"has forgotten task {task_id}"
                continue
            untold = [each.uuid for each in found.stream.pending]
            if any(each.uuid not in untold for each in task.stream.pending):
                yield f"has forgotten what is untold of task {task_id}"
            if task.kill is not None and found.kill is None:
                yield f"has forgotten that task {task_id} is to die"
