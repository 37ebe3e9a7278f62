"""What an agent knows: frameworks, their executors, their tasks, and the containers of both.

Only the modules of this package change the model; views read it between two events.
"""

from __future__ import annotations

import enum
from collections import deque
from collections.abc import Iterator

import msgspec

from tepui.agent.core.config import AgentConfig
from tepui.agent.core.remembered import Remembered
from tepui.base.collections import Ring
from tepui.containers.protocol import Exited, LaunchSpec
from tepui.messages import (
    AgentID,
    AgentInfo,
    DrainConfig,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Offer,
    OperationStatus,
    Resource,
    Task,
    TaskInfo,
    TaskState,
    TaskStatus,
)
from tepui.resources import EMPTY, Resources

TERMINAL_STATES = frozenset(
    (
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_ERROR,
        TaskState.TASK_LOST,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
        TaskState.TASK_GONE_BY_OPERATOR,
    )
)


class AgentState(enum.Enum):
    """Where the agent stands towards the master; the names are Mesos'."""

    RECOVERING = "RECOVERING"
    DISCONNECTED = "DISCONNECTED"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"


class FrameworkState(enum.Enum):
    """Whether a framework may still start something here."""

    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"


class ExecutorKind(enum.Enum):
    """Who runs an executor's tasks."""

    COMMAND = "command"
    """The agent: the executor has one task, and its container is the task's process."""
    DEFAULT = "default"
    """The agent: the executor's container has no process; each task is nested in it."""
    CUSTOM = "custom"
    """A process that speaks the v1 executor API and lives in the executor's container."""


class ExecutorState(enum.Enum):
    """The life of an executor; the names are Mesos'."""

    REGISTERING = "REGISTERING"
    RUNNING = "RUNNING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"


class ContainerState(enum.Enum):
    """The life of a container as far as the agent is concerned."""

    WAITING = "waiting"
    """For room: nobody has been told to launch it."""
    LAUNCHING = "launching"
    RUNNING = "running"
    EXITED = "exited"


class Kill(msgspec.Struct, frozen=True, kw_only=True):
    """An end that was asked for.

    Attributes:
        state: What the task's last status says once its container is gone.
        escalate_at: Monotonic seconds at which the whole process tree is ended by force.
    """

    state: TaskState
    message: str | None = None
    reason: TaskStatus.Reason | None = None
    escalate_at: float = 0.0


class Container(msgspec.Struct, kw_only=True):
    """A container with a process, started or about to be.

    Attributes:
        container_id: As the containerizer knows it: nested ones are ``<parent>.<child>``.
        task_id: The one task whose process this is; ``None`` for a custom executor's.
        exited: The end, when it was told before the launch was.
    """

    container_id: str
    sandbox: str
    task_id: str | None = None
    state: ContainerState = ContainerState.LAUNCHING
    pid: int | None = None
    exited: Exited | None = None


class UpdateStream(msgspec.Struct, kw_only=True):
    """The statuses of one task on their way to the framework: one in flight, the rest in order.

    Attributes:
        latest_state: The newest state known here, which may be ahead of what is in flight.
        pending: Unacknowledged statuses, oldest first; the first is in flight.
        seen: The uuids received so far, so that one sent twice counts once.
        retry_at: Monotonic seconds at which the first is sent again; ``None`` while nothing is
            in flight.
        retry_seconds: How long to wait after that.
    """

    framework_id: str
    task_id: str
    latest_state: TaskState = TaskState.TASK_STAGING
    pending: deque[TaskStatus] = msgspec.field(default_factory=deque)
    seen: dict[bytes, None] = {}
    retry_at: float | None = None
    retry_seconds: float = 0.0


class AgentTask(msgspec.Struct, kw_only=True):
    """A task that this agent has taken on.

    Attributes:
        container_id: The container of its process, or the executor's when that is a custom one.
        group: The ids of all tasks that were launched together with it, itself included.
        statuses: One for each distinct state in a row, oldest first.
        is_queued: It waits for its executor to subscribe.
        awaits_volumes: While queued, it waits for its volumes, too.
        awaits_room: It has what something uses still that is ending (see `Waiting`).
        running_at: Wall clock seconds of the first TASK_RUNNING.
    """

    info: TaskInfo
    executor_id: str
    container_id: str
    stream: UpdateStream
    group: list[str] = []
    statuses: list[TaskStatus] = []
    status_update_state: TaskState | None = None
    status_update_uuid: bytes | None = None
    kill: Kill | None = None
    is_queued: bool = False
    awaits_volumes: bool = False
    awaits_room: bool = False
    is_command: bool = False
    running_at: float | None = None

    @property
    def task_id(self) -> str:
        return self.stream.task_id

    @property
    def framework_id(self) -> str:
        return self.stream.framework_id

    @property
    def state(self) -> TaskState:
        """The newest state known here, which may be ahead of what the framework has seen."""
        return self.stream.latest_state

    @property
    def is_terminal(self) -> bool:
        return self.stream.latest_state in TERMINAL_STATES

    def to_message(self) -> Task:
        """Return the task as the master and the operator APIs show it."""
        info = self.info
        return Task(
            name=info.name,
            task_id=info.task_id,
            framework_id=FrameworkID(value=self.framework_id),
            executor_id=None if self.is_command else ExecutorID(value=self.executor_id),
            agent_id=info.agent_id,
            state=self.state,
            resources=info.resources,
            # A copy: the message must not change with the task.
            statuses=list(self.statuses),
            status_update_state=self.status_update_state,
            status_update_uuid=self.status_update_uuid,
            labels=info.labels,
            discovery=info.discovery,
            container=info.container,
            health_check=info.health_check,
            kill_policy=info.kill_policy,
            user=_user_of(info),
            limits=info.limits,
        )


def _user_of(info: TaskInfo) -> str | None:
    command = info.command
    if command is None and info.executor is not None:
        command = info.executor.command
    return command.user if command is not None else None


class Executor(msgspec.Struct, kw_only=True):
    """One run of an executor; the same executor id may have another run later.

    Attributes:
        container_id: The run's own id. A ``DEFAULT`` executor has no process in it.
        directory: The sandbox of the run.
        connection: The subscription stream of a custom executor.
        queued_tasks: Tasks that wait for the executor to subscribe.
        launched_tasks: Tasks that were handed to the executor and are not terminal.
        terminated_tasks: Tasks in a terminal state that the framework has not acknowledged.
        completed_tasks: The last acknowledged ones, oldest first.
        containers: Those with a process, by id; emptied as their ends are dealt with.
        termination: What live tasks are told when an executor that the agent ends is gone.
        has_subscribed: A custom executor has subscribed at least once.
        awaits_room: Nothing of it has been started, for want of room.
    """

    info: ExecutorInfo
    kind: ExecutorKind
    framework_id: str
    container_id: str
    directory: str
    is_checkpointed: bool
    state: ExecutorState = ExecutorState.REGISTERING
    connection: str | None = None
    queued_tasks: dict[str, AgentTask] = {}
    launched_tasks: dict[str, AgentTask] = {}
    terminated_tasks: dict[str, AgentTask] = {}
    completed_tasks: Ring[str, AgentTask] = msgspec.field(default_factory=lambda: Ring(200))
    containers: dict[str, Container] = {}
    termination: Kill | None = None
    has_subscribed: bool = False
    awaits_room: bool = False

    @property
    def executor_id(self) -> str:
        return self.info.executor_id.value

    @property
    def is_command(self) -> bool:
        return self.kind is ExecutorKind.COMMAND

    @property
    def is_built_in(self) -> bool:
        return self.kind is not ExecutorKind.CUSTOM

    @property
    def pid(self) -> int | None:
        """The pid of the executor's own container; a ``DEFAULT`` executor has none."""
        container = self.containers.get(self.container_id)
        return container.pid if container is not None else None

    def live_tasks(self) -> Iterator[AgentTask]:
        """Iterate the tasks that are not terminal, queued ones last."""
        yield from self.launched_tasks.values()
        yield from self.queued_tasks.values()

    def handed_over(self) -> Iterator[AgentTask]:
        """Iterate the live tasks that are shown as launched."""
        return (task for task in self.launched_tasks.values() if not task.awaits_room)

    def held_back(self) -> Iterator[AgentTask]:
        """Iterate the live tasks that are shown as queued: nothing of them runs."""
        yield from (task for task in self.launched_tasks.values() if task.awaits_room)
        yield from self.queued_tasks.values()

    def tasks(self) -> Iterator[AgentTask]:
        """Iterate the tasks whose last status the framework has not acknowledged."""
        yield from self.live_tasks()
        yield from self.terminated_tasks.values()

    def task(self, task_id: str) -> AgentTask | None:
        """Return a task that is not completed."""
        return (
            self.launched_tasks.get(task_id)
            or self.queued_tasks.get(task_id)
            or self.terminated_tasks.get(task_id)
        )

    def allocated_resources(self) -> list[Resource]:
        """Return what the executor and its live tasks hold, unsummed."""
        resources = list(self.info.resources)
        for task in self.live_tasks():
            resources.extend(task.info.resources)
        return resources


class Framework(msgspec.Struct, kw_only=True):
    """A framework that has, or had, something here."""

    info: FrameworkInfo
    framework_id: str
    state: FrameworkState = FrameworkState.RUNNING
    executors: dict[str, Executor] = {}
    tasks: dict[str, AgentTask] = {}
    """All that are not completed, of every executor."""
    completed_executors: Ring[str, Executor] = msgspec.field(default_factory=lambda: Ring(150))
    """By container id."""
    is_checkpoint_known: bool = False
    """Whether the stored record has this ``info``."""
    lost_tasks: dict[str, None] = {}
    """Tasks of which the record could not be read; executors may run them still."""

    def has_capability(self, capability: FrameworkInfo.Capability.Type) -> bool:
        """Return whether the framework said that it can deal with ``capability``."""
        return any(entry.type is capability for entry in self.info.capabilities)

    def has_completed(self, task_id: str) -> bool:
        """Return whether a task was here, and its framework acknowledged how it ended."""
        executors = (*self.executors.values(), *self.completed_executors.values())
        return any(task_id in executor.completed_tasks for executor in executors)


class Drain(msgspec.Struct, frozen=True, kw_only=True):
    """That the agent is being drained, or was and waits; ``started_at`` is wall clock seconds."""

    config: DrainConfig
    started_at: float


class AgentOperation(msgspec.Struct, kw_only=True):
    """An operation whose status nobody has acknowledged yet.

    Attributes:
        operation: Its resources are allocated to nobody.
        size: Its bytes, as the bound on all operations counts them.
        status: How it went; ``None`` while the disk is being changed.
        retry_at: Monotonic seconds at which the status is sent again; ``None`` while there is
            no status or no master.
        retry_seconds: How long to wait after that.
        number: Its place among all operations: disks are changed in this order.
        undone_before: What earlier operations have failed to do to the same volumes, newest
            first, each about one of them. If this one fails as well, it is taken back, too.
        is_orphan: It is from the life of an agent that this one is not any more: it is finished,
            and nobody is told.
    """

    uuid: bytes
    operation: Offer.Operation
    number: int
    framework_id: str | None = None
    size: int = 0
    undone_before: list[Offer.Operation] = []
    status: OperationStatus | None = None
    retry_at: float | None = None
    retry_seconds: float = 0.0
    is_orphan: bool = False


class Owner(msgspec.Struct, frozen=True):
    """Whose a container is."""

    framework_id: str
    executor_id: str


class Waiting(msgspec.Struct, kw_only=True):
    """A launch that waits for room.

    Attributes:
        tasks: Those that are launched together.
        specs: Containers to start for them; none for tasks of an executor that is there.
        ends: The runs of executors that were ending when it came, by container id. Once they
            are over it waits for nothing: the master had no other room to give.
    """

    owner: Owner
    tasks: list[AgentTask]
    specs: list[LaunchSpec]
    ends: list[str]


class Model(msgspec.Struct, kw_only=True):
    """All that an agent knows.

    Attributes:
        info: With ``id`` once registered.
        total: What there is now, with what operations have made of it; without what is lent.
        oversubscribed: What is lent, and may be lent beyond it; all of it revocable.
        oversubscribed_told: What the master that it is linked to has been told of it.
        boot_id: What tells this boot of the machine from others.
        master: ``host:port`` of the master that it is linked to.
        started_at: Wall clock seconds.
        containers: Whose each container in any executor's ``containers`` is.
        ending: The runs of executors that were told to end and have not, by container id: the
            master may have given away already what they use.
        waiting: Launches that wait for those, in the order in which they came.
        orphans: Containers of earlier lives that nobody wants; they are being ended.
        refusals: Last words on tasks that no executor here has or had, by framework and task.
        is_retrying: The timer for unacknowledged updates runs.
        remembered: What of the total is stored, as it was described the last time.
        operations: Those that are not acknowledged, by uuid.
        unwiped: Roots of whole disks with content that a failed DESTROY has left: whoever makes
            a volume there wipes first.
        is_retrying_operations: The timer for them runs.
        acknowledged_operations: The last uuids that are over, lest one be done again.
        connections: Whose each open executor stream is.
    """

    config: AgentConfig
    info: AgentInfo
    started_at: float
    total: Resources = EMPTY
    oversubscribed: Resources = EMPTY
    oversubscribed_told: Resources = EMPTY
    state: AgentState = AgentState.RECOVERING
    agent_id: str | None = None
    boot_id: str = ""
    drain: Drain | None = None
    master: str | None = None
    frameworks: dict[str, Framework] = {}
    completed_frameworks: Ring[str, Framework] = msgspec.field(default_factory=lambda: Ring(50))
    containers: dict[str, Owner] = {}
    connections: dict[str, Owner] = {}
    ending: dict[str, None] = {}
    waiting: list[Waiting] = []
    orphans: dict[str, None] = {}
    refusals: dict[tuple[str, str], UpdateStream] = {}
    is_retrying: bool = False
    remembered: Remembered = msgspec.field(default_factory=Remembered)
    operations: dict[bytes, AgentOperation] = {}
    unwiped: dict[str, None] = {}
    is_retrying_operations: bool = False
    acknowledged_operations: Ring[bytes, bool] = msgspec.field(default_factory=lambda: Ring(1000))
    registration_backoff_seconds: float = 0.0
    ping_timeout_seconds: float = 0.0
    master_heard_at: float = 0.0
    exit_reason: str | None = None
    """Why the agent ends."""
    is_unregistering: bool = False
    has_exited: bool = False
    counters: dict[str, int] = {}
    """How often something happened since the start, by name; metrics read them."""

    @property
    def pid(self) -> str:
        """How Mesos would address this agent."""
        return f"slave(1)@{self.config.ip}:{self.config.port}"

    def executors(self) -> Iterator[Executor]:
        """Iterate the executors that have not been completed."""
        for framework in self.frameworks.values():
            yield from framework.executors.values()

    def executor(self, framework_id: str, executor_id: str) -> Executor | None:
        """Return an executor that has not been completed."""
        framework = self.frameworks.get(framework_id)
        return framework.executors.get(executor_id) if framework is not None else None

    def owner_of(self, container_id: str) -> tuple[Framework, Executor, Container] | None:
        """Return to whom a container belongs, unless it is unknown or over."""
        owner = self.containers.get(container_id)
        if owner is None:
            return None
        framework = self.frameworks[owner.framework_id]
        executor = framework.executors[owner.executor_id]
        return framework, executor, executor.containers[container_id]

    def count(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        self.counters[name] = self.counters.get(name, 0) + amount


def new_model(config: AgentConfig, started_at: float) -> Model:
    """Return the model of an agent that knows nothing yet."""
    info = AgentInfo(
        hostname=config.hostname,
        port=config.port,
        resources=config.resources,
        attributes=config.attributes,
        domain=config.domain,
    )
    return Model(
        config=config,
        info=info,
        started_at=started_at,
        total=Resources.from_messages(config.resources),
        completed_frameworks=Ring(config.completed_frameworks_max),
    )


def with_id(info: AgentInfo, agent_id: str) -> AgentInfo:
    """Return ``info`` as that of the agent ``agent_id``."""
    return msgspec.structs.replace(info, id=AgentID(value=agent_id))
