"""Whatever happens, in whatever order: every task ends once, is told in order, leaves nothing."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tepui.agent.core.effects import (
    AgentEffect,
    Connect,
    DestroyContainer,
    LaunchContainer,
    SendToExecutor,
    SendToMaster,
)
from tepui.agent.core.events import (
    ContainerLaunchFailed,
    CorrectionsWanted,
    ExecutorDisconnected,
    LendingEstimated,
    LinkClosed,
    LinkOpened,
    SupervisorReplaced,
)
from tepui.agent.core.lending import lent
from tepui.agent.core.model import TERMINAL_STATES
from tepui.agent.core.oversubscription import Correction
from tepui.agent.core.oversubscription.fixed import revocable
from tepui.base.rng import Rng
from tepui.containers import protocol
from tepui.link.messages import (
    AcknowledgeStatus,
    KillTask,
    Ping,
    Register,
    Registered,
    Reregister,
    Reregistered,
    ShutdownExecutor,
    TaskReference,
    UpdateStatus,
)
from tepui.messages import TaskID, TaskInfo, TaskState, TaskStatus
from tepui.messages.executor import Call, Event
from tepui.resources import parse_resources

ORDER = {"TASK_STARTING": 1, "TASK_RUNNING": 2, "TASK_KILLING": 3}


class World:
    """Plays master, containerizer and executors for one agent, at random."""

    def __init__(self, conversation: Any, seed: int) -> None:
        self.agent = conversation
        self.rng = Rng(seed)
        self.given: dict[str, TaskInfo] = {}
        self.heard: dict[str, list[str]] = {}
        self.unacknowledged: list[UpdateStatus] = []
        self.launching: dict[str, None] = {}
        self.alive: dict[str, None] = {}
        self.exits: dict[str, protocol.Exited] = {}
        self.custom: dict[str, dict[str, TaskInfo]] = {}
        self.count = 0
        self.wants_connection = False
        self.do(self.agent.start())
        self.open_link()

    def do(self, effects: list[AgentEffect]) -> None:
        for effect in effects:
            match effect:
                case LaunchContainer(spec=spec):
                    self.launching[spec.container_id] = None
                case DestroyContainer(container_id=container_id):
                    self.destroy(container_id)
                case SendToMaster(message=UpdateStatus() as update):
                    self.unacknowledged.append(update)
                case SendToMaster(message=Register()):
                    self.hear(Registered(agent_id="master-S0", ping_timeout_seconds=75.0))
                case SendToMaster(message=Reregister()):
                    self.hear(
                        Reregistered(
                            agent_id="master-S0",
                            ping_timeout_seconds=75.0,
                            tasks=[
                                TaskReference(framework_id="f1", task_id=task_id)
                                for task_id in self.given
                                if not self.is_over(task_id)
                            ],
                        )
                    )
                case SendToExecutor(event=Event(launch=Event.Launch(task=task))):
                    executor_id = task.executor.executor_id.value  # type: ignore[union-attr]
                    self.custom.setdefault(executor_id, {})[task.task_id.value] = task
                case Connect():
                    self.wants_connection = True

    def hear(self, message: Any) -> None:
        self.do(self.agent.hear(message))

    def is_over(self, task_id: str) -> bool:
        return any(TaskState[state] in TERMINAL_STATES for state in self.heard.get(task_id, ()))

    # What may happen.

    def open_link(self) -> None:
        if self.wants_connection:
            self.wants_connection = False
            self.do(self.agent.handle(LinkOpened(master="m:5050")))

    def close_link(self) -> None:
        if self.agent.model.master is not None:
            self.unacknowledged.clear()
            self.do(self.agent.handle(LinkClosed(reason="cut")))

    def new_id(self) -> str:
        self.count += 1
        return f"t{self.count}"

    @property
    def is_registered(self) -> bool:
        return bool(self.agent.model.state.value == "RUNNING")

    def run_command(self) -> None:
        if self.is_registered:
            info = self.borrowing(self.agent.task(self.new_id()))
            self.given[info.task_id.value] = info
            self.do(self.agent.run_task(info))

    def borrowing(self, info: TaskInfo) -> TaskInfo:
        """Let every other task run on what is lent."""
        if self.rng.below(2):
            return info
        return msgspec.structs.replace(
            info, resources=revocable(parse_resources("cpus:0.1;mem:32")).to_messages()
        )

    def estimate(self) -> None:
        amount = revocable(parse_resources(f"cpus:{self.rng.below(3)}"))
        was_lent = lent(self.agent.model)
        self.do(self.agent.handle(LendingEstimated(estimate=amount, lent=was_lent)))

    def preempt(self) -> None:
        executors = [executor.executor_id for executor in self.agent.model.executors()]
        if executors:
            correction = Correction(framework_id="f1", executor_id=self.rng.choice(executors))
            self.do(self.agent.handle(CorrectionsWanted(corrections=[correction])))

    def run_group(self) -> None:
        if self.is_registered:
            infos = [
                self.borrowing(self.agent.task(self.new_id())) for _ in range(1 + self.rng.below(3))
            ]
            self.given |= {info.task_id.value: info for info in infos}
            self.do(self.agent.run_group(*infos))

    def run_custom(self) -> None:
        if self.is_registered:
            executor = self.agent.executor(self.rng.choice(["e1", "e2"]))
            info = self.borrowing(self.agent.task(self.new_id(), None, executor=executor))
            self.given[info.task_id.value] = info
            self.do(self.agent.run_task(info))

    def kill(self) -> None:
        if self.is_registered and self.given:
            task_id = self.rng.choice(list(self.given))
            if not self.is_over(task_id):
                self.hear(KillTask(framework_id="f1", task_id=task_id))

    def shut_executor_down(self) -> None:
        executors = [executor.executor_id for executor in self.agent.model.executors()]
        if self.is_registered and executors:
            executor_id = self.rng.choice(executors)
            self.hear(ShutdownExecutor(framework_id="f1", executor_id=executor_id))

    def acknowledge(self) -> None:
        if not self.unacknowledged or not self.is_registered:
            return
        update = self.unacknowledged.pop(0)
        task_id = update.status.task_id.value
        states = self.heard.setdefault(task_id, [])
        state = update.status.state.value
        if not states or states[-1] != state:
            assert not self.is_over(task_id), f"{task_id} went from {states} to {state}"
            assert ORDER.get(states[-1] if states else "", 0) <= ORDER.get(state, 9)
            states.append(state)
        assert update.status.uuid is not None
        self.hear(AcknowledgeStatus(framework_id="f1", task_id=task_id, uuid=update.status.uuid))

    def launch_ends(self) -> None:
        if not self.launching:
            return
        container_id = self.rng.choice(list(self.launching))
        del self.launching[container_id]
        if self.rng.below(4) == 0:
            self.do(
                self.agent.handle(ContainerLaunchFailed(container_id=container_id, reason="no"))
            )
        else:
            self.alive[container_id] = None
            self.do(self.agent.launched(container_id))

    def destroy(self, container_id: str) -> None:
        if container_id in self.launching:
            del self.launching[container_id]
            failed = ContainerLaunchFailed(container_id=container_id, reason="given up")
            self.do(self.agent.handle(failed))
        elif container_id in self.alive:
            self.end(container_id, 9)

    def exit_(self) -> None:
        if self.alive:
            self.end(self.rng.choice(list(self.alive)), self.rng.choice([0, 256, 15]))

    def end(self, container_id: str, status: int) -> None:
        del self.alive[container_id]
        self.do(self.agent.exited(container_id, status))

    def subscribe(self) -> None:
        for executor in list(self.agent.model.executors()):
            if not executor.is_built_in and executor.container_id in self.alive:
                known = list(self.custom.get(executor.executor_id, {}).values())
                self.do(self.agent.subscribe(executor.executor_id, unacknowledged_tasks=known))

    def disconnect_executor(self) -> None:
        for connection in list(self.agent.model.connections):
            self.do(self.agent.handle(ExecutorDisconnected(connection=connection)))

    def send_update(self) -> None:
        for executor in list(self.agent.model.executors()):
            if executor.connection is None or not executor.launched_tasks:
                continue
            task = self.rng.choice(list(executor.launched_tasks.values()))
            state = TaskState.TASK_RUNNING
            if task.statuses:
                state = self.rng.choice([TaskState.TASK_FINISHED, TaskState.TASK_FAILED])
            status = TaskStatus(
                task_id=TaskID(value=task.task_id),
                state=state,
                source=TaskStatus.Source.SOURCE_EXECUTOR,
                uuid=self.rng.uuid_bytes(),
            )
            update = Call.Update(status=status)
            self.do(self.agent.call(executor.executor_id, type=Call.Type.UPDATE, update=update))
            return

    def wait(self) -> None:
        self.do(self.agent.advance(self.rng.choice([0.5, 3.0, 20.0])))
        if self.is_registered:
            self.hear(Ping())

    def lose_supervisor(self) -> None:
        alive, self.alive = self.alive, {}
        lost = [
            protocol.Recovered(
                container_id=container_id,
                pid=1,
                sandbox="/",
                exited=protocol.Exited(container_id=container_id, status=None, at=0.0),
            )
            for container_id in alive
        ]
        while self.launching:
            container_id, _ = self.launching.popitem()
            failed = ContainerLaunchFailed(container_id=container_id, reason="no supervisor")
            self.do(self.agent.handle(failed))
        self.do(self.agent.handle(SupervisorReplaced(containers=lost)))

    def restart(self) -> None:
        self.unacknowledged.clear()
        self.launching.clear()
        found = [
            protocol.Recovered(container_id=container_id, pid=1, sandbox="/")
            for container_id in self.alive
        ]
        self.do(self.agent.restart(found))

    ACTIONS = (
        *("run_command", "run_command", "run_group", "run_custom", "kill", "acknowledge"),
        *("acknowledge", "acknowledge", "launch_ends", "launch_ends", "exit_", "subscribe"),
        *("send_update", "disconnect_executor", "wait", "close_link", "open_link", "open_link"),
        *("lose_supervisor", "restart", "shut_executor_down", "estimate", "preempt"),
    )

    def calm_down(self) -> None:
        """End all that is under way, as time would."""
        for _ in range(200):
            for action in ("open_link", "launch_ends", "exit_", "acknowledge"):
                getattr(self, action)()
            self.do(self.agent.advance(1.0))
            if self.is_registered:
                self.hear(Ping())
                while self.unacknowledged:
                    self.acknowledge()
            is_idle = not (self.alive or self.launching or self.agent.model.frameworks)
            if is_idle and self.is_registered and all(map(self.is_over, self.given)):
                return
        raise AssertionError(f"not over: {[t for t in self.given if not self.is_over(t)]}")


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=st.lists(st.sampled_from(World.ACTIONS), max_size=80), seed=st.integers(0, 2**32))
def test_every_task_ends_once_in_order_and_leaves_nothing(
    open_conversation: Any, actions: list[str], seed: int
) -> None:
    world = World(open_conversation(seed=seed), seed)
    for action in actions:
        getattr(world, action)()
    world.calm_down()
    model = world.agent.model
    assert model.containers == {}
    assert model.refusals == {}
    assert world.alive == {}
    assert list(world.agent.stored) == ["agent"]


@pytest.mark.slow
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(actions=st.lists(st.sampled_from(World.ACTIONS), max_size=40), seed=st.integers(0, 2**32))
def test_the_same_seed_makes_the_same_agent(
    open_conversation: Any, actions: list[str], seed: int
) -> None:
    worlds = [World(open_conversation(seed=seed), seed) for _ in range(2)]
    for world in worlds:
        for action in actions:
            getattr(world, action)()
    first, second = worlds
    assert first.agent.stored == second.agent.stored
    assert first.heard == second.heard
