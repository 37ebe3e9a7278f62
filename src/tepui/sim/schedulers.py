"""What simulated frameworks do: launch, acknowledge, kill, reconcile, and keep a ledger.

The ledger outlives the process: whatever is to be launched is in it before the call goes out, and
whatever was heard before it is acknowledged. A good framework believes nothing else: when it comes
back, it asks for the state of every task that is not over.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec

from tepui.base.rng import Rng
from tepui.messages import (
    AgentID,
    CommandInfo,
    ExecutorID,
    ExecutorInfo,
    Filters,
    FrameworkID,
    FrameworkInfo,
    Offer,
    TaskGroupInfo,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    scheduler,
)
from tepui.resources import Resources, parse_resources
from tepui.sdk.core.fitting import take
from tepui.sdk.core.subscription import SchedulerEvent
from tepui.sim.calling import Answer, Caller
from tepui.sim.clock import Clock
from tepui.sim.observations import LedgerChanged, TaskPlanned, UpdateHeard
from tepui.sim.processes import Observe
from tepui.sim.reserving import Reserving
from tepui.sim.scenario import Workload
from tepui.sim.supervisor import command

Call = scheduler.Call
Event = scheduler.Event

PLANNED = "PLANNED"
GIVEN_UP = "GIVEN_UP"

TERMINAL: dict[TaskState, None] = dict.fromkeys(
    (
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_ERROR,
        TaskState.TASK_LOST,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
        TaskState.TASK_UNKNOWN,
    )
)
"""What ends a task as far as its framework is concerned.

A task that nobody knows, on an agent that nobody knows, is given up, too; should it come back after
all, it is killed.
"""

DOUBT_SECONDS = 60.0
"""A launch of which nothing was heard for so long is asked about."""

KILL_AGAIN_SECONDS = 15.0

ENTRIES_KEPT_MAX = 2_000
"""So many tasks that are over stay in the ledger."""

ASKED_MAX = 1_000
"""So many tasks are asked about in one call."""

QUIET_REFUSAL_SECONDS = 600.0

_OVERHEAD = parse_resources("cpus:0.1;mem:32;disk:32")
"""What the executor of a group takes."""


class Entry:
    """One task in a ledger.

    Attributes:
        state: The name of a task state, ``PLANNED`` or ``GIVEN_UP``.
        planned_at: When its launch went out, in the world's seconds.
        is_to_die: Whether it is to be killed.
    """

    __slots__ = ("agent_id", "is_terminal", "is_to_die", "planned_at", "state", "task_id")

    def __init__(self, task_id: str, agent_id: str, planned_at: float) -> None:
        self.task_id = task_id
        self.agent_id = agent_id
        self.planned_at = planned_at
        self.state = PLANNED
        self.is_terminal = False
        self.is_to_die = False


class Scheduler:
    """One framework's scheduler.

    Attributes:
        framework_id: Kept over all lives, once it is known.
        ledger: By task id.
        info: What it subscribes with, but for its id.
        launched: How many tasks it has planned in all.
        reserving: What it does besides tasks, if anything.
    """

    def __init__(
        self,
        name: str,
        workload: Workload,
        clock: Clock,
        rng: Rng,
        observe: Observe,
        quiet_after: float,
    ) -> None:
        self.name = name
        self.framework_id: FrameworkID | None = None
        self.ledger: dict[str, Entry] = {}
        self.launched = 0
        self._workload = workload
        self._clock = clock
        self._rng = rng
        self._observe = observe
        self._quiet_after = quiet_after
        self._active = 0
        self._over: dict[str, None] = {}
        self._held: dict[str, None] = {}
        self._is_suppressed = False
        self._process: Caller
        self.info = _info(name, workload)
        self._need = _need(workload)
        self._overhead = _OVERHEAD if workload.group_size > 1 else Resources()
        self.reserving = (
            Reserving(name, workload.operations_per_hour, clock, rng)
            if workload.operations_per_hour
            else None
        )

    def attach(self, process: Caller) -> None:
        """Make calls through this process."""
        self._process = process
        if self.reserving is not None:
            self.reserving.attach(process)

    def on_start(self) -> None:
        """Begin a life: all that was not in the ledger is forgotten."""
        self._is_suppressed = False
        self._held.clear()
        if self._workload.reconcile_seconds:
            self._process.after(self._workload.reconcile_seconds, self._reconcile_again)
        self._process.after(KILL_AGAIN_SECONDS, self._look_after)

    @property
    def wants(self) -> int:
        """How many more tasks it would launch now."""
        if self._clock.now >= self._quiet_after:
            return 0
        work = self._workload
        return max(0, min(work.tasks - self._active, work.tasks_total - self.launched))

    def suppressed_roles(self) -> list[str]:
        """Return the roles that want no offers as it subscribes."""
        self._is_suppressed = self._workload.suppresses and not self.wants
        return list(self._workload.roles) if self._is_suppressed else []

    # -- what it hears --

    def hear(self, event: SchedulerEvent) -> None:
        """Take in an event."""
        match event:
            case Event.Subscribed():
                self.framework_id = event.framework_id
                self._held.clear()
                self._reconcile(PLANNED)
            case Event.Offers(offers=offers):
                self._consider(offers)
            case Event.Rescind(offer_id=offer_id):
                self._held.pop(offer_id.value, None)
            case Event.Update(status=status):
                self._on_update(status)
            case Event.UpdateOperationStatus(status=operation):
                if self.reserving is not None:
                    self.reserving.hear(operation)
            case Event.Failure(agent_id=agent_id, executor_id=None) if agent_id is not None:
                lost = agent_id.value
                self._ask([each for each in self._open_entries() if each.agent_id == lost])
            case _:
                pass

    def _on_update(self, status: TaskStatus) -> None:
        assert self.framework_id is not None
        self._observe(
            UpdateHeard(
                at=self._clock.now,
                node=self.name,
                framework_id=self.framework_id.value,
                status=status,
            )
        )
        entry = self.ledger.get(status.task_id.value)
        if entry is not None:
            self._enter(entry, status)
        if status.uuid is not None and status.agent_id is not None:
            seconds = self._rng.between(*self._workload.acknowledge_seconds)
            self._process.after(seconds, self._acknowledge, status)

    def _enter(self, entry: Entry, status: TaskStatus) -> None:
        is_terminal = status.state in TERMINAL
        if entry.is_terminal:
            if not is_terminal and status.state is not TaskState.TASK_UNREACHABLE:
                # It was said to be over, and is not: nobody waits for it any more.
                self._kill(entry)
            return
        self._change(entry, status.state.value, is_terminal)
        if entry.is_to_die and not is_terminal and status.state is TaskState.TASK_RUNNING:
            self._kill(entry)
        self._seek_offers()

    def _change(self, entry: Entry, state: str, is_terminal: bool) -> None:
        assert self.framework_id is not None
        if state == entry.state:
            return
        entry.state = state
        self._observe(
            LedgerChanged(
                at=self._clock.now,
                node=self.name,
                framework_id=self.framework_id.value,
                task_id=entry.task_id,
                state=state,
                is_terminal=is_terminal,
            )
        )
        if is_terminal and not entry.is_terminal:
            entry.is_terminal = True
            self._active -= 1
            self._over[entry.task_id] = None
            if len(self._over) > ENTRIES_KEPT_MAX:
                oldest = next(iter(self._over))
                del self._over[oldest], self.ledger[oldest]

    def _acknowledge(self, status: TaskStatus) -> None:
        assert status.agent_id is not None
        assert status.uuid is not None
        acknowledge = Call.Acknowledge(
            agent_id=status.agent_id, task_id=status.task_id, uuid=status.uuid
        )
        self._process.call(Call(type=Call.Type.ACKNOWLEDGE, acknowledge=acknowledge))

    # -- what it wants --

    def _consider(self, offers: list[Offer]) -> None:
        low, high = self._workload.answer_seconds
        if not high:
            self._on_offers(offers)
            return
        self._held |= dict.fromkeys(offer.id.value for offer in offers)
        self._process.after(self._rng.between(low, high), self._considered, offers)

    def _considered(self, offers: list[Offer]) -> None:
        """Answer what was not rescinded meanwhile, and is of this subscription."""
        held = [offer for offer in offers if self._held.pop(offer.id.value, offer) is None]
        if held:
            self._on_offers(held)

    def _on_offers(self, offers: list[Offer]) -> None:
        work = self._workload
        unwanted: list[Offer] = []
        is_quiet = self._clock.now >= self._quiet_after
        for offer in offers:
            if self.reserving is not None and not is_quiet and self.reserving.use(offer):
                continue
            tasks: list[TaskInfo] = []
            if not work.decline_rate or self._rng.unit() >= work.decline_rate:
                tasks = self._fill(offer)
            if tasks:
                self._launch(offer, tasks)
            else:
                unwanted.append(offer)
        if unwanted:
            self._decline(unwanted, QUIET_REFUSAL_SECONDS if is_quiet else work.refuse_seconds)
        self._suppress()

    def _fill(self, offer: Offer) -> list[TaskInfo]:
        """Plan as many of the tasks that it wants as the offer has room for."""
        wants = self.wants
        size = self._workload.group_size
        if wants < size:
            return []
        left = Resources.from_messages(offer.resources)
        overhead = take(left, self._overhead)
        if overhead is None:
            return []
        left = left - overhead
        parts: list[Resources] = []
        while len(parts) < (size if size > 1 else wants):
            part = take(left, self._with_ports(left))
            if part is None:
                break
            left = left - part
            parts.append(part)
        if len(parts) < size:
            return []  # a group is launched as a whole or not at all
        return [self._plan(offer, part) for part in parts]

    def _with_ports(self, left: Resources) -> Resources:
        """Return what a task needs, with the first ports that are free."""
        wanted = self._workload.ports
        if not wanted:
            return self._need
        free = itertools.chain.from_iterable(range(first, last + 1) for first, last in left.ports())
        ports = list(itertools.islice(free, wanted))
        if len(ports) < wanted:
            return self._need + parse_resources("ports:[0-0]")  # which nobody offers
        text = ",".join(f"{port}-{port}" for port in ports)
        return self._need + parse_resources(f"ports:[{text}]")

    def _plan(self, offer: Offer, part: Resources) -> TaskInfo:
        assert self.framework_id is not None
        work, rng = self._workload, self._rng
        self.launched += 1
        self._active += 1
        task_id = f"{self.name}-{self.launched}"
        entry = Entry(task_id, offer.agent_id.value, self._clock.now)
        self.ledger[task_id] = entry
        self._observe(
            TaskPlanned(
                at=self._clock.now,
                node=self.name,
                framework_id=self.framework_id.value,
                task_id=task_id,
                agent_id=entry.agent_id,
                cpus=work.cpus,
                mem=work.mem,
            )
        )
        low, high = work.run_seconds
        seconds = rng.between(low, high) if high != float("inf") else high
        status = 1 if rng.unit() < work.failure_rate else 0
        if rng.unit() < work.kill_rate:
            within = min(seconds, 600.0)
            self._process.after(rng.between(0.0, within), self._want_dead, task_id)
        return TaskInfo(
            name=task_id,
            task_id=TaskID(value=task_id),
            agent_id=offer.agent_id,
            resources=part.to_messages(),
            command=CommandInfo(value=command(seconds, status)),
        )

    def _launch(self, offer: Offer, tasks: list[TaskInfo]) -> None:
        accept = Call.Accept(
            offer_ids=[offer.id],
            operations=[self._operation(tasks)],
            filters=Filters(refuse_seconds=0.0),
        )
        names = [each.task_id.value for each in tasks]

        def done(answer: Answer | None) -> None:
            # Without an answer nobody knows; with any other than this one nothing was done.
            if answer is not None and answer.status != 202:
                self._give_up(names)

        if not self._process.call(Call(type=Call.Type.ACCEPT, accept=accept), done):
            self._give_up(names)

    def _operation(self, tasks: list[TaskInfo]) -> Offer.Operation:
        kinds = Offer.Operation.Type
        if self._workload.group_size == 1:
            launch = Offer.Operation.Launch(task_infos=tasks)
            return Offer.Operation(type=kinds.LAUNCH, launch=launch)
        role = tasks[0].resources[0].allocation_info
        executor = ExecutorInfo(
            type=ExecutorInfo.Type.DEFAULT,
            executor_id=ExecutorID(value=f"group-{tasks[0].name}"),
            framework_id=self.framework_id,
            resources=[
                msgspec.structs.replace(each, allocation_info=role)
                for each in self._overhead.to_messages()
            ],
        )
        group = Offer.Operation.LaunchGroup(
            executor=executor, task_group=TaskGroupInfo(tasks=tasks)
        )
        return Offer.Operation(type=kinds.LAUNCH_GROUP, launch_group=group)

    def _give_up(self, names: Sequence[str]) -> None:
        for name in names:
            entry = self.ledger.get(name)
            if entry is not None and entry.state == PLANNED:
                self._change(entry, GIVEN_UP, True)
        self._seek_offers()

    def _decline(self, offers: list[Offer], seconds: float) -> None:
        decline = Call.Decline(
            offer_ids=[offer.id for offer in offers], filters=Filters(refuse_seconds=seconds)
        )
        self._process.call(Call(type=Call.Type.DECLINE, decline=decline))

    def _suppress(self) -> None:
        if self._workload.suppresses and not self.wants and not self._is_suppressed:
            self._is_suppressed = self._process.call(
                Call(type=Call.Type.SUPPRESS, suppress=Call.Suppress())
            )

    def _seek_offers(self) -> None:
        if self._is_suppressed and self.wants:
            self._is_suppressed = not self._process.call(
                Call(type=Call.Type.REVIVE, revive=Call.Revive())
            )

    def _want_dead(self, task_id: str) -> None:
        entry = self.ledger.get(task_id)
        if entry is not None and not entry.is_terminal:
            entry.is_to_die = True
            self._kill(entry)

    def _kill(self, entry: Entry) -> None:
        kill = Call.Kill(
            task_id=TaskID(value=entry.task_id), agent_id=AgentID(value=entry.agent_id)
        )
        self._process.call(Call(type=Call.Type.KILL, kill=kill))

    # -- what it makes sure of --

    def _look_after(self) -> None:
        """Repeat what may have got lost: kills, revival, and questions about silent launches."""
        doubtful = self._clock.now - DOUBT_SECONDS
        asked: list[Entry] = []
        for entry in self.ledger.values():
            if entry.is_terminal:
                continue
            if entry.is_to_die:
                self._kill(entry)
            elif entry.state == PLANNED and entry.planned_at < doubtful:
                asked.append(entry)
        self._ask(asked)
        if self.reserving is not None:
            self.reserving.ask()
        if self._workload.suppresses and self.wants:
            self._process.call(Call(type=Call.Type.REVIVE, revive=Call.Revive()))
            self._is_suppressed = False
        self._process.after(KILL_AGAIN_SECONDS, self._look_after)

    def _reconcile_again(self) -> None:
        self._reconcile(PLANNED)
        self._process.after(self._workload.reconcile_seconds, self._reconcile_again)

    def _reconcile(self, but_for: str) -> None:
        """Ask for the state of all tasks that are not over.

        Those whose launch is on its way are left out: the answer would overtake it.
        """
        recent = self._clock.now - DOUBT_SECONDS
        self._ask(
            [
                entry
                for entry in self._open_entries()
                if entry.state != but_for or entry.planned_at < recent
            ]
        )

    def _open_entries(self) -> list[Entry]:
        return [entry for entry in self.ledger.values() if not entry.is_terminal]

    def _ask(self, entries: list[Entry]) -> None:
        for start in range(0, len(entries), ASKED_MAX):
            tasks = [
                Call.Reconcile.Task(
                    task_id=TaskID(value=each.task_id), agent_id=AgentID(value=each.agent_id)
                )
                for each in entries[start : start + ASKED_MAX]
            ]
            self._process.call(
                Call(type=Call.Type.RECONCILE, reconcile=Call.Reconcile(tasks=tasks))
            )


def _info(name: str, workload: Workload) -> FrameworkInfo:
    kind = FrameworkInfo.Capability.Type
    kinds = [kind.MULTI_ROLE, kind.RESERVATION_REFINEMENT, kind.TASK_KILLING_STATE]
    if workload.is_partition_aware:
        kinds.append(kind.PARTITION_AWARE)
    return FrameworkInfo(
        user="nobody",
        name=name,
        roles=list(workload.roles),
        checkpoint=workload.checkpoint,
        failover_timeout=workload.failover_timeout,
        capabilities=[FrameworkInfo.Capability(type=each) for each in kinds],
    )


def _need(workload: Workload) -> Resources:
    parts = [f"cpus:{workload.cpus}", f"mem:{workload.mem}"]
    if workload.disk:
        parts.append(f"disk:{workload.disk}")
    return parse_resources(";".join(parts))
