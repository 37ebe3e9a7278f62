"""A batch of tasks: which go where, which are tried again, and when all is done."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from tepui.messages import AgentID, ExecutorInfo, Offer, TaskID, TaskInfo, TaskState, TaskStatus
from tepui.resources import Resources
from tepui.sdk.core.fitting import shortages, take, wanted_by

REFUSE_SECONDS = 5.0
"""For how long an offer that was too small is not wanted again."""

DONE_REFUSE_SECONDS = 3600.0
"""The same when no task waits; reviving lifts it."""

LAUNCHES_MAX = 500
"""Tasks in one ACCEPT, which bounds the size of the call."""

LOST_STATES = (
    TaskState.TASK_LOST,
    TaskState.TASK_DROPPED,
    TaskState.TASK_GONE,
    TaskState.TASK_GONE_BY_OPERATOR,
    TaskState.TASK_UNKNOWN,
)
"""The cluster's fault: the same task may succeed elsewhere."""

OWN_STATES = (
    TaskState.TASK_FINISHED,
    TaskState.TASK_FAILED,
    TaskState.TASK_KILLED,
    TaskState.TASK_ERROR,
)
"""The task's own end."""


class TaskChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a task.

    Attributes:
        name: The task's name in the batch.
        attempt: Which try this is, from 1.
        task_id: The id of this try.
        agent_id: Where it runs, or was to run.
        hostname: That agent's host name.
        agent_url: That agent's base URL, if its offer told it.
        state: The newest state; TASK_STAGING when it was launched.
        status: The update that told it; None when it was launched.
        is_last: Whether nothing more will happen to the task.
    """

    name: str
    attempt: int
    task_id: TaskID
    agent_id: AgentID
    hostname: str
    agent_url: str | None
    state: TaskState
    status: TaskStatus | None = None
    is_last: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether the task has ended well."""
        return self.state is TaskState.TASK_FINISHED


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """Something to tell the master, or the batch's owner."""


class Launch(Effect, frozen=True):
    """Accept the offer with these tasks; as one group under ``executor`` if there is one."""

    offer: Offer
    tasks: list[TaskInfo]
    executor: ExecutorInfo | None = None


class Decline(Effect, frozen=True):
    """Give offers back."""

    offers: list[Offer]
    refuse_seconds: float


class Suppress(Effect, frozen=True):
    """Ask for no more offers."""


class Revive(Effect, frozen=True):
    """Ask for offers again."""


class Reconcile(Effect, frozen=True):
    """Ask for the states of these tasks."""

    tasks: list[tuple[TaskID, AgentID | None]]


class Changed(Effect, frozen=True):
    """Tell the owner."""

    change: TaskChange


class TooSmall(Effect, frozen=True):
    """Tell the owner that offers came, and that the next task fits into none of them.

    Attributes:
        name: The task's name in the batch.
        offers: What was offered.
        shortages: What no offer has enough of, in words; empty if none has all of it at once.
    """

    name: str
    offers: list[Offer]
    shortages: list[str]


BatchEffect = Launch | Decline | Suppress | Revive | Reconcile | Changed | TooSmall


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A try that has no place yet."""

    info: TaskInfo
    attempt: int
    wanted: Resources


class Batch:
    """Tasks on their way through a cluster.

    Attributes:
        results: The last change of each task that is done, by name.
    """

    def __init__(
        self, tasks: Iterable[TaskInfo], *, retries_max: int, group: ExecutorInfo | None = None
    ) -> None:
        """Take the tasks.

        Args:
            tasks: With distinct names, and without an agent: their ``agent_id`` is filled in.
            retries_max: How often a task that the cluster lost is started again; never one
                of a group, which would not be whole any more.
            group: The executor under which all tasks start together or not at all.

        Raises:
            ValueError: Two tasks have the same name.
        """
        self._group = group
        self.results: dict[str, TaskChange] = {}
        self._retries_max = retries_max if group is None else 0
        self._waiting = deque(
            Waiting(info=task, attempt=1, wanted=wanted_by(task.resources)) for task in tasks
        )
        self._tasks = {waiting.info.name: waiting.info for waiting in self._waiting}
        if len(self._tasks) != len(self._waiting):
            raise ValueError("the names of a batch's tasks have to be distinct")
        self._live: dict[str, TaskChange] = {}
        self._first_offer = 0
        self._suppressed = False

    @property
    def is_done(self) -> bool:
        """Whether every task has ended."""
        return len(self.results) == len(self._tasks)

    @property
    def waiting(self) -> int:
        """How many tasks have no place yet."""
        return len(self._waiting)

    @property
    def live(self) -> list[TaskChange]:
        """The newest change of each task that was launched and has not ended."""
        return list(self._live.values())

    def on_subscribed(self) -> list[BatchEffect]:
        """After a subscription: find out what became of the tasks meanwhile."""
        self._suppressed = False
        tasks: list[tuple[TaskID, AgentID | None]] = [
            (change.task_id, change.agent_id) for change in self._live.values()
        ]
        return [Reconcile(tasks=tasks)] if tasks else []

    def on_offers(self, offers: list[Offer]) -> list[BatchEffect]:
        """Place as many waiting tasks as fit, spread over the offers."""
        if not self._waiting:
            self._suppressed = True
            return [Decline(offers=offers, refuse_seconds=DONE_REFUSE_SECONDS), Suppress()]
        placed = self._place(offers) if self._group is None else self._place_group(offers)
        out: list[BatchEffect] = []
        unused: list[Offer] = []
        for offer, tasks in zip(offers, placed, strict=True):
            if not tasks:
                unused.append(offer)
                continue
            infos = [waiting.info for waiting in tasks]
            out.append(Launch(offer=offer, tasks=infos, executor=self._group))
            out.extend(self._launched(offer, waiting) for waiting in tasks)
        if unused:
            out.append(Decline(offers=unused, refuse_seconds=REFUSE_SECONDS))
        if len(unused) == len(offers) and self._waiting:
            out.append(self._too_small(offers))
        if not self._waiting and not self._suppressed:
            self._suppressed = True
            out.append(Suppress())
        return out

    def _too_small(self, offers: list[Offer]) -> TooSmall:
        first = self._waiting[0]
        offered = [Resources.from_messages(offer.resources) for offer in offers]
        wanted = first.wanted if self._group is None else self._wanted_by_group()
        return TooSmall(name=first.info.name, offers=offers, shortages=shortages(offered, wanted))

    def _wanted_by_group(self) -> Resources:
        assert self._group is not None
        wanted = wanted_by(self._group.resources)
        for waiting in self._waiting:
            wanted += waiting.wanted
        return wanted

    def _place_group(self, offers: list[Offer]) -> list[list[Waiting]]:
        """Return the whole group for the first offer that has room, and nothing for the rest."""
        placed: list[list[Waiting]] = [[] for _ in offers]
        wanted = self._wanted_by_group()
        for at, offer in enumerate(offers):
            left = Resources.from_messages(offer.resources)
            if take(left, wanted) is None:
                continue
            assert self._group is not None
            executor = take(left, wanted_by(self._group.resources))
            assert executor is not None
            left -= executor
            self._group = msgspec.structs.replace(self._group, resources=executor.to_messages())
            for waiting in self._waiting:
                left, started = _start(waiting, offer, left)
                placed[at].append(started)
            self._waiting.clear()
            break
        return placed

    def _place(self, offers: list[Offer]) -> list[list[Waiting]]:
        """Return the tasks for each offer, and leave those that fit nowhere waiting."""
        left = [Resources.from_messages(offer.resources) for offer in offers]
        placed: list[list[Waiting]] = [[] for _ in offers]
        refused: list[Waiting] = []
        # Most batches want the same for every task: what did not fit once is not tried again.
        too_much: dict[Resources, None] = {}
        while self._waiting:
            waiting = self._waiting.popleft()
            at = None
            if waiting.wanted not in too_much:
                at = self._find_place(waiting.wanted, left, placed)
            if at is None:
                too_much[waiting.wanted] = None
                refused.append(waiting)
                continue
            left[at], started = _start(waiting, offers[at], left[at])
            placed[at].append(started)
        self._waiting.extend(refused)
        return placed

    def _find_place(
        self, wanted: Resources, left: list[Resources], placed: list[list[Waiting]]
    ) -> int | None:
        """Return the next offer in turn that has room."""
        for step in range(len(left)):
            at = (self._first_offer + step) % len(left)
            if len(placed[at]) < LAUNCHES_MAX and take(left[at], wanted) is not None:
                self._first_offer = at + 1
                return at
        return None

    def _launched(self, offer: Offer, waiting: Waiting) -> Changed:
        change = TaskChange(
            name=waiting.info.name,
            attempt=waiting.attempt,
            task_id=waiting.info.task_id,
            agent_id=offer.agent_id,
            hostname=offer.hostname,
            agent_url=_agent_url(offer),
            state=TaskState.TASK_STAGING,
        )
        self._live[waiting.info.task_id.value] = change
        return Changed(change=change)

    def on_update(self, status: TaskStatus) -> list[BatchEffect]:
        """Take in an update: go on, finish the task, or try again what the cluster lost."""
        live = self._live.get(status.task_id.value)
        if live is None or live.state is status.state:
            return []
        retried = status.state in LOST_STATES and live.attempt <= self._retries_max
        ended = status.state in OWN_STATES or status.state in LOST_STATES
        change = msgspec.structs.replace(
            live, state=status.state, status=status, is_last=ended and not retried
        )
        out: list[BatchEffect] = [Changed(change=change)]
        if not ended:
            self._live[status.task_id.value] = change
            return out
        del self._live[status.task_id.value]
        if not retried:
            self.results[change.name] = change
        else:
            self._wait_again(change)
            if self._suppressed:
                self._suppressed = False
                out.append(Revive())
        return out

    def _wait_again(self, lost: TaskChange) -> None:
        info = self._tasks[lost.name]
        attempt = lost.attempt + 1
        # A task's id is never used twice: updates of the lost one may still be on their way.
        again = msgspec.structs.replace(
            info, task_id=TaskID(value=f"{info.task_id.value}.{attempt}")
        )
        self._waiting.append(Waiting(info=again, attempt=attempt, wanted=wanted_by(info.resources)))


def _start(waiting: Waiting, offer: Offer, left: Resources) -> tuple[Resources, Waiting]:
    """Return what is left of an offer that has room, and the task as it starts there."""
    taken = take(left, waiting.wanted)
    assert taken is not None
    info = msgspec.structs.replace(
        waiting.info, agent_id=offer.agent_id, resources=taken.to_messages()
    )
    return left - taken, msgspec.structs.replace(waiting, info=info)


def _agent_url(offer: Offer) -> str | None:
    if offer.url is None:
        return None
    address = offer.url.address
    host = address.ip or address.hostname or offer.hostname
    bracketed = f"[{host}]" if ":" in host else host
    return f"{offer.url.scheme}://{bracketed}:{address.port}"
