"""Whether the books agree: the frameworks', the leading master's, the agents', and /proc.

Taken when nothing is under way any more. A task is compared by its state, by where it is, by how
often it has started, and by whether it ended in a way for which there is a reason.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.soak import machine
from tests.soak.framework import CPUS
from tests.soak.ledger import Entry, Ledger
from tests.soak.pace import ask_until
from tests.soak.world import Agent, World

from tepui.containers.posix import state_directory
from tepui.containers.supervisor.journal import read_journal
from tepui.containers.supervisor.main import JOURNAL_NAME
from tepui.linux.processes import boot_id
from tepui.messages import Task, TaskState
from tepui.messages.agent import Call as AgentCall
from tepui.messages.agent import Response as AgentResponse
from tepui.messages.master import Response
from tepui.resources import Resources
from tepui.sdk import OperatorClient, SdkError

QUIET_SECONDS_MAX = 60.0
CLOCK_SECONDS = 2.0
"""A kill and what comes of it are noted by different processes, some of them later."""

RUNNING = TaskState.TASK_RUNNING.value
KILLED_BY = {"exit 0": "status 0", "exit 3": "status 3", "signal 9": "SIGKILL"}


class Difference(NamedTuple):
    """Something that is not as it should be; ``task`` is empty if it is about no single task."""

    task: str
    what: str


class Books(NamedTuple):
    """What everybody says at one moment."""

    master: Response.GetState
    elected_at: float
    agents: dict[str, AgentResponse.GetTasks]

    @property
    def is_settled(self) -> bool:
        """Whether no task is on its way and no update is unacknowledged."""
        return not any(
            tasks.pending_tasks
            or tasks.queued_tasks
            or tasks.terminated_tasks
            or any(_is_open(task) for task in tasks.launched_tasks)
            for tasks in self.agents.values()
        ) and not any(_is_open(task) for task in self.tasks.tasks)

    @property
    def tasks(self) -> Response.GetTasks:
        """The master's tasks."""
        assert self.master.get_tasks is not None
        return self.master.get_tasks


def _is_open(task: Task) -> bool:
    return task.state.value != RUNNING or task.status_update_state != task.state


async def read_books(world: World) -> Books | None:
    """Ask everybody; nothing is said while somebody does not answer."""
    try:
        async with OperatorClient(world.zk) as operator:
            state = await operator.get_state()
            elected_at = (await operator.get_master()).elected_time or 0.0
            call = AgentCall(type=AgentCall.Type.GET_TASKS)
            answers = await asyncio.gather(
                *(operator.agent_call(agent.url, call) for agent in world.agents)
            )
    except SdkError as error:
        world.say(f"not all answer yet: {error}")
        return None
    return Books(
        state,
        elected_at,
        {
            agent.name: answer.get_tasks
            for agent, answer in zip(world.agents, answers, strict=True)
            if answer.get_tasks is not None
        },
    )


async def settled_books(world: World) -> Books | None:
    """Read the books once nothing is under way, or when that takes too long."""
    return await ask_until(
        lambda: read_books(world),
        lambda books: books is not None and books.is_settled,
        QUIET_SECONDS_MAX,
    )


class Judge:
    """Compares everything, once.

    Attributes:
        entries: All tasks of all ledgers.
    """

    def __init__(self, world: World, books: Books) -> None:
        self._world = world
        self._books = books
        self.entries: dict[str, Entry] = {}
        self._contradictions: list[tuple[str, str]] = []
        self._starts: Counter[str] = Counter()
        for framework in world.frameworks:
            ledger = Ledger(framework.ledger)
            self.entries.update((entry.id, entry) for entry in ledger.entries())
            self._contradictions += ledger.contradictions()
            ledger.close()
            if framework.starts.exists():
                self._starts.update(framework.starts.read_text(encoding="utf-8").split())
        self._agent_of = self._agents()

    def _agents(self) -> dict[str, Agent]:
        """Return the agents by their ids."""
        assert self._books.master.get_agents is not None
        by_port = {int(agent.url.rpartition(":")[2]): agent for agent in self._world.agents}
        found = {}
        for each in self._books.master.get_agents.agents:
            if each.agent_info.id is not None and each.agent_info.port in by_port:
                found[each.agent_info.id.value] = by_port[each.agent_info.port]
        return found

    @property
    def running(self) -> dict[str, Entry]:
        """The tasks that run, by the ledgers."""
        return {key: each for key, each in self.entries.items() if not each.is_terminal}

    def differences(self) -> list[Difference]:
        """Return all that does not agree."""
        return [
            *(Difference(task, what) for task, what in self._contradictions),
            *self._within_ledgers(),
            *self._with_master(),
            *self._with_agents(),
            *self._with_supervisors(),
            *self._with_processes(),
            *self._of_resources(),
        ]

    # -- a ledger by itself, and what tasks wrote --

    def _within_ledgers(self) -> Iterator[Difference]:
        for task_id, entry in self.entries.items():
            starts = self._starts[task_id]
            if starts > 1:
                yield Difference(task_id, f"it started {starts} times")
            if not entry.is_terminal:
                if entry.state != RUNNING:
                    yield Difference(task_id, f"it is {entry.state} for its framework")
                if starts != 1:
                    yield Difference(task_id, f"it runs for its framework, started {starts} times")
            elif (what := self._unexplained(entry, starts)) is not None:
                yield Difference(task_id, what)
        for task_id in self._starts.keys() - self.entries.keys():
            yield Difference(task_id, "it has started, and no framework knows it")

    def _unexplained(self, entry: Entry, starts: int) -> str | None:
        """Say why an end is one for which there was no reason, if it is."""
        end = f"{entry.state} ({entry.reason}, {entry.message!r})"
        match entry.state:
            case "TASK_KILLED":
                return None if entry.killed_at is not None else f"{end}, and nobody asked for that"
            case "TASK_LOST" | "TASK_DROPPED" | "TASK_GONE":
                return None if starts == 0 else f"{end}, and it has started"
            case "TASK_FINISHED" | "TASK_FAILED" if entry.plan != "long":
                is_planned = (entry.state == "TASK_FINISHED") == (entry.plan == "exit 0")
                if is_planned and KILLED_BY[entry.plan] in (entry.message or ""):
                    lasted = entry.changed_at - entry.launched_at
                    is_short = lasted < entry.seconds - CLOCK_SECONDS
                    return f"{end} after {lasted:.1f} s only" if is_short else None
        if entry.state == "TASK_FAILED" and self._was_hit(entry, has_started=starts > 0):
            return None
        return f"{end}, and planned was {entry.plan} after {entry.seconds:.1f} s"

    def _was_hit(self, entry: Entry, *, has_started: bool) -> bool:
        """Whether a task's supervisor was killed, or its agent before it could start."""
        agent = self._agent_of.get(entry.agent_id)
        if agent is None:
            return False
        times = list(agent.supervisor_kills)
        if not has_started:
            times += [kill.at for kill in agent.kills]
        first, last = entry.launched_at - CLOCK_SECONDS, entry.changed_at + CLOCK_SECONDS
        return any(first <= at <= last for at in times)

    # -- others' books --

    def _with_master(self) -> Iterator[Difference]:
        tasks = self._books.tasks
        yield from self._same("the leading master", tasks.tasks)
        for name in ("pending_tasks", "unreachable_tasks", "orphan_tasks"):
            for task in getattr(tasks, name):
                yield Difference(task.task_id.value, f"it is among the master's {name}")
        yield from self._past("the leading master", tasks.completed_tasks)
        yield from self._forgotten({task.task_id.value for task in tasks.completed_tasks})

    def _with_agents(self) -> Iterator[Difference]:
        launched: list[Task] = []
        for name, tasks in self._books.agents.items():
            launched += tasks.launched_tasks
            for task in tasks.launched_tasks:
                where = self._agent_of.get(task.agent_id.value)
                if where is None or where.name != name:
                    yield Difference(task.task_id.value, f"it runs on {name} instead")
            for kind in ("pending_tasks", "queued_tasks", "terminated_tasks"):
                for task in getattr(tasks, kind):
                    yield Difference(task.task_id.value, f"it is among the {kind} of {name}")
            yield from self._past(name, tasks.completed_tasks)
        yield from self._same("the agents", launched)

    def _same(self, who: str, tasks: Iterable[Task]) -> Iterator[Difference]:
        """Compare what runs."""
        running = self.running
        told = Counter(task.task_id.value for task in tasks)
        for task in tasks:
            task_id = task.task_id.value
            entry = running.get(task_id)
            if entry is None:
                known = self.entries.get(task_id)
                said = "unknown" if known is None else known.state
                yield Difference(task_id, f"{task.state.value} for {who}, {said} for its framework")
                continue
            for state in (task.state, task.status_update_state):
                if state is None or state.value != entry.state:
                    yield Difference(task_id, f"{state} for {who}, {entry.state} for its framework")
            if task.agent_id.value != entry.agent_id:
                yield Difference(task_id, f"for {who} it is on {task.agent_id.value}")
        for task_id in running:
            if told[task_id] != 1:
                yield Difference(task_id, f"it runs, and {who} has it {told[task_id]} times")

    def _past(self, who: str, tasks: Iterable[Task]) -> Iterator[Difference]:
        """Compare what has ended, as far back as it is remembered."""
        for task in tasks:
            entry = self.entries.get(task.task_id.value)
            if entry is None or entry.state != task.state.value:
                said = "unknown" if entry is None else entry.state
                yield Difference(
                    task.task_id.value, f"{task.state.value} for {who}, {said} for its framework"
                )

    def _forgotten(self, remembered: set[str]) -> Iterator[Difference]:
        """Look for what ended under the present leader, which forgets nothing here."""
        since = self._books.elected_at + CLOCK_SECONDS
        for task_id, entry in self.entries.items():
            is_of_now = entry.is_terminal and entry.changed_at > since
            # Of what never started, the master knows nothing.
            if is_of_now and self._starts[task_id] and task_id not in remembered:
                yield Difference(task_id, f"{entry.state}, and the leading master has forgotten it")

    def _with_supervisors(self) -> Iterator[Difference]:
        for agent in self._world.agents:
            journal = read_journal(str(state_directory(agent.work_dir) / JOURNAL_NAME), boot_id())
            alive = sum(not record.has_exited for record in journal.values())
            running = sum(
                self._agent_of.get(entry.agent_id) is agent for entry in self.running.values()
            )
            if alive != running:
                yield Difference("", f"{agent.name}'s supervisor has {alive} running of {running}")
            for record in journal.values():
                if record.has_exited:
                    yield Difference("", f"{agent.name}: nobody took the exit {record}")

    def _with_processes(self) -> Iterator[Difference]:
        """Each running task has one process and no other process has a task."""
        leaders: Counter[str] = Counter()
        for process in machine.processes(self._world.directory):
            if process.container is None:
                continue
            if process.pid != process.session or process.task not in self.running:
                words = " ".join(process.words)
                yield Difference(process.task or "", f"a process too many: {process.pid} {words}")
            else:
                leaders[process.task] += 1
        for task_id in self.running:
            if leaders[task_id] != 1:
                yield Difference(task_id, f"it runs, with {leaders[task_id]} processes")

    def _of_resources(self) -> Iterator[Difference]:
        """What the master has allocated on each agent is what its tasks take."""
        assert self._books.master.get_agents is not None
        if self._books.master.get_agents.recovered_agents:
            yield Difference("", "an agent has not come back")
        for each in self._books.master.get_agents.agents:
            assert each.agent_info.id is not None
            agent_id = each.agent_info.id.value
            count = sum(entry.agent_id == agent_id for entry in self.running.values())
            allocated = Resources.from_messages(each.allocated_resources).unallocated()
            cpus = sum(
                resource.scalar.value
                for resource in allocated.to_messages()
                if resource.name == "cpus" and resource.scalar is not None
            )
            if round(cpus, 3) != round(count * CPUS, 3):
                yield Difference("", f"{agent_id} has {cpus:g} CPUs allocated for {count} tasks")
