"""A task runs once, ends once, and its framework hears of one end.

What ends may be heard of again, but not as something else; the exceptions are those of Mesos'
state machines: TASK_LOST is no last word, for the agent may come back; TASK_UNREACHABLE is none
at all; and an answer to a reconciliation may be older than what the framework has heard since.
"""

from __future__ import annotations

from collections.abc import Mapping

from tepui.link.messages import RunTask, RunTaskGroup
from tepui.messages import TaskState, TaskStatus
from tepui.sim.laws.forgetful import Forgetful
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import (
    ContainerEnded,
    ContainerStarted,
    CoreStepped,
    UpdateHeard,
)
from tepui.sim.scenario import Scenario

LAST_WORDS = (
    TaskState.TASK_FINISHED,
    TaskState.TASK_FAILED,
    TaskState.TASK_KILLED,
    TaskState.TASK_ERROR,
    TaskState.TASK_DROPPED,
    TaskState.TASK_GONE,
    TaskState.TASK_GONE_BY_OPERATOR,
)
"""After which nothing else may be said of a task."""

NEVER_RAN = (TaskState.TASK_ERROR, TaskState.TASK_DROPPED)
"""Words that say that the task did not start and will not."""


class OneEnd(Law):
    """A framework hears of one end of a task, and of nothing else after it.

    A machine that loses power may take with it the last of what its agent had written down. The
    agent may then tell once more how tasks ended, and differently, as it did not see it. Where
    single messages are doubled, an update that was heard before may come again, late: its uuid
    tells.
    """

    name = "one end"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._ends: dict[tuple[str, str], TaskState] = {}
        self._heard: dict[bytes, None] | None = None
        if scenario.network.mode == "datagrams":
            self._heard = {}
        self._forgetful = Forgetful()

    def watches(self) -> Mapping[type, Watch]:
        return {UpdateHeard: self._on_heard, **self._forgetful.watches()}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return self._forgetful.step_watches()

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        if self._heard is not None and status.uuid is not None:
            if status.uuid in self._heard:
                return
            self._heard[status.uuid] = None
        key = (heard.framework_id, status.task_id.value)
        # What the master knows nothing of, it has to say something about when asked.
        is_answer = status.reason is TaskStatus.Reason.REASON_RECONCILIATION and not status.uuid
        end = self._ends.get(key)
        if end is None:
            if status.state in LAST_WORDS and not is_answer:
                self._ends[key] = status.state
        elif status.state is not end and not is_answer and not self._is_excused(status, end):
            what = f"heard {status.state.name} of task {key[1]} after {end.name}"
            raise self.broken(heard.at, heard.node, what)

    def _is_excused(self, status: TaskStatus, end: TaskState) -> bool:
        # A call that comes twice may be refused for its tasks first, and for its offers then.
        never_ran = status.state in NEVER_RAN and end in NEVER_RAN
        return never_ran or self._forgetful.told(status)


class OneContainer(Law):
    """No task has two containers, at the same time or one after the other."""

    name = "one container"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._started: dict[tuple[str, str], str] = {}
        self._never: dict[tuple[str, str], TaskState] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {ContainerStarted: self._on_started, UpdateHeard: self._on_heard}

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        if status.state in NEVER_RAN:
            self._never[heard.framework_id, status.task_id.value] = status.state

    def _on_started(self, started: ContainerStarted) -> None:
        if started.task_id is None:
            return
        key = (started.framework_id, started.task_id)
        before = self._started.get(key)
        if before is not None:
            what = f"started task {key[1]}, which {before} had started"
            raise self.broken(started.at, started.node, what)
        said = self._never.get(key)
        if said is not None:
            what = f"started task {key[1]} after its framework heard {said.name}"
            raise self.broken(started.at, started.node, what)
        self._started[key] = started.node


class TrueEnd(Law):
    """A framework hears of the end that a task has really had.

    TASK_FINISHED is of a process that ended well, and TASK_FAILED of none that did: wherever the
    agent was at that time, the supervisor has seen it. Only tasks that were not checkpointed,
    and machines that lost power, may be said to have failed because nobody knows better.
    """

    name = "true end"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._forgetful = Forgetful()
        self._ends: dict[tuple[str, str], int | None] = {}
        self._unchecked: dict[str, None] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {
            UpdateHeard: self._on_heard,
            ContainerEnded: self._on_ended,
            **self._forgetful.watches(),
        }

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            RunTask: self._on_run_task,
            RunTaskGroup: self._on_run_task,
            **self._forgetful.step_watches(),
        }

    def _on_run_task(self, step: CoreStepped, message: RunTask | RunTaskGroup) -> None:
        info = message.framework
        if not info.checkpoint and info.id is not None:
            self._unchecked[info.id.value] = None

    def _on_ended(self, ended: ContainerEnded) -> None:
        if ended.task_id is not None:
            self._ends[ended.framework_id, ended.task_id] = ended.status

    def _on_heard(self, heard: UpdateHeard) -> None:
        status = heard.status
        key = (heard.framework_id, status.task_id.value)
        if status.state is TaskState.TASK_FINISHED:
            if key not in self._ends:
                what = f"heard that task {key[1]} finished, which runs or never ran"
                raise self.broken(heard.at, heard.node, what)
            if self._ends[key] != 0:
                what = f"heard that task {key[1]} finished, which ended with {self._ends[key]}"
                raise self.broken(heard.at, heard.node, what)
            return
        is_excused = heard.framework_id in self._unchecked or self._forgetful.told(status)
        if status.state is TaskState.TASK_FAILED and self._ends.get(key) == 0 and not is_excused:
            what = f"heard that task {key[1]} failed, which ended well"
            raise self.broken(heard.at, heard.node, what)
