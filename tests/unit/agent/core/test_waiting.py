"""Launches on what is ending: they wait until it has ended, and can be given up meanwhile."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tepui.agent.core.effects import DestroyContainer, SignalContainer
from tepui.agent.core.events import CorrectionsWanted
from tepui.agent.core.oversubscription import Correction
from tepui.containers import protocol
from tepui.link.messages import (
    DrainAgent,
    KillTask,
    RunTask,
    Shutdown,
    ShutdownExecutor,
    ShutdownFramework,
)
from tepui.messages import DrainConfig, Resource, TaskInfo, Value
from tepui.messages.executor import Event

SIGTERM = 15


def cpus(value: float, **fields: Any) -> Resource:
    return Resource(name="cpus", type=Value.Type.SCALAR, scalar=Value.Scalar(value=value), **fields)


def ports(first: int, last: int) -> Resource:
    between = Value.Range(begin=first, end=last)
    return Resource(name="ports", type=Value.Type.RANGES, ranges=Value.Ranges(range=[between]))


def task(agent: Any, task_id: str, *resources: Resource, **fields: Any) -> TaskInfo:
    info: TaskInfo = replace(agent.task(task_id, **fields), resources=list(resources))
    return info


def large(agent: Any, task_id: str) -> TaskInfo:
    """Return a task that takes most of the agent's 4 cpus."""
    return task(agent, task_id, cpus(3))


def alive(container_id: str) -> protocol.Recovered:
    return protocol.Recovered(container_id=container_id, sandbox="/w", pid=7)


def ending(agent: Any) -> str:
    """Run a large task of a framework that is over, and return its container."""
    container_id: str = agent.running(large(agent, "old"), by=agent.framework("f9"))
    effects = agent.hear(ShutdownFramework(framework_id="f9"))
    assert effects == [SignalContainer(container_id=container_id, signal=SIGTERM)]
    return container_id


def test_a_task_starts_when_what_it_was_given_is_free(agent: Any) -> None:
    old = ending(agent)
    assert agent.launches(agent.run_task(large(agent, "new"))) == []
    effects = agent.advance(60)
    assert DestroyContainer(container_id=old) in effects
    assert agent.launches(effects) == []
    effects = agent.exited(old, 9)
    (spec,) = agent.launches(effects)
    assert agent.updates(effects) == ["new TASK_STARTING"]
    states = agent.acknowledge([*effects, *agent.launched(spec.container_id)])
    assert states == ["TASK_STARTING", "TASK_RUNNING"]
    assert agent.model.waiting == []


def test_a_task_starts_at_once_besides_what_is_ending(agent: Any) -> None:
    ending(agent)
    assert agent.launches(agent.run_task(task(agent, "new", cpus(1))))


def test_a_task_has_to_wait_for_its_ports_only(agent: Any, open_conversation: Any) -> None:
    del agent
    agent = open_conversation(resources=[cpus(4), ports(1, 10)]).registered()
    old = agent.running(task(agent, "old", cpus(1), ports(1, 5)), by=agent.framework("f9"))
    agent.hear(ShutdownFramework(framework_id="f9"))
    assert agent.launches(agent.run_task(task(agent, "other", cpus(1), ports(6, 9))))
    assert agent.launches(agent.run_task(task(agent, "new", cpus(1), ports(5, 5)))) == []
    assert len(agent.launches(agent.exited(old))) == 1


def test_it_does_not_matter_for_whom_something_is_reserved(open_conversation: Any) -> None:
    agent = open_conversation(resources=[cpus(3, role="web"), cpus(1)]).registered()
    old = agent.running(task(agent, "old", cpus(3)), by=agent.framework("f9"))
    agent.hear(ShutdownFramework(framework_id="f9"))
    assert agent.launches(agent.run_task(task(agent, "new", cpus(2, role="web")))) == []
    assert len(agent.launches(agent.exited(old))) == 1


def test_without_anything_that_ends_the_master_is_taken_at_its_word(agent: Any) -> None:
    agent.running(large(agent, "old"))
    assert agent.launches(agent.run_task(large(agent, "new")))


def test_a_launch_waits_for_nothing_that_ends_later(agent: Any) -> None:
    """Else one that the master had no room for would wait as long as others come and go."""
    agent.running(large(agent, "later"), by=agent.framework("f8"))
    old = ending(agent)
    assert agent.launches(agent.run_task(large(agent, "new"))) == []
    agent.hear(ShutdownFramework(framework_id="f8"))
    assert len(agent.launches(agent.exited(old))) == 1


def test_launches_start_in_the_order_in_which_they_came(agent: Any) -> None:
    old = ending(agent)
    small = agent.running(task(agent, "small", cpus(1)), by=agent.framework("f8"))
    agent.hear(ShutdownFramework(framework_id="f8"))
    assert agent.launches(agent.run_task(task(agent, "first", cpus(4)))) == []
    assert agent.launches(agent.run_task(task(agent, "second", cpus(1)))) == []
    assert agent.launches(agent.exited(small)) == []
    first, second = agent.launches(agent.exited(old))
    assert first.sandbox == agent.model.executor("f1", "first").directory
    assert second.sandbox == agent.model.executor("f1", "second").directory


def test_a_task_that_waits_can_be_killed(agent: Any) -> None:
    old = ending(agent)
    agent.run_task(large(agent, "new"))
    effects = agent.hear(KillTask(framework_id="f1", task_id="new"))
    assert agent.updates(effects) == ["new TASK_KILLED"]
    assert not [each for each in effects if isinstance(each, DestroyContainer)]
    assert agent.acknowledge(effects) == ["TASK_KILLED"]
    assert "f1" not in agent.model.frameworks
    assert agent.launches(agent.exited(old)) == []


def test_a_group_waits_and_is_killed_together(agent: Any) -> None:
    ending(agent)
    assert (
        agent.launches(agent.run_group(task(agent, "a", cpus(1)), task(agent, "b", cpus(1)))) == []
    )
    effects = agent.hear(KillTask(framework_id="f1", task_id="a"))
    assert agent.updates(effects) == ["a TASK_KILLED", "b TASK_KILLED"]
    assert agent.model.waiting == []


def test_a_group_starts_together(agent: Any) -> None:
    old = ending(agent)
    agent.run_group(task(agent, "a", cpus(1)), task(agent, "b", cpus(1)))
    assert len(agent.launches(agent.exited(old))) == 2


def test_a_drain_ends_what_waits(agent: Any) -> None:
    ending(agent)
    agent.run_task(large(agent, "new"))
    effects = agent.hear(DrainAgent(config=DrainConfig()))
    assert agent.updates(effects) == ["new TASK_KILLED"]


def test_a_framework_that_goes_takes_along_what_waits(agent: Any) -> None:
    old = ending(agent)
    agent.run_task(large(agent, "new"))
    agent.hear(ShutdownFramework(framework_id="f1"))
    assert list(agent.model.frameworks) == ["f9"]
    assert agent.launches(agent.exited(old)) == []


def test_an_agent_that_ends_does_not_wait_for_what_waits(agent: Any) -> None:
    old = ending(agent)
    agent.run_task(large(agent, "new"))
    agent.hear(Shutdown(message="machine is down"))
    assert list(agent.model.frameworks) == ["f9"]
    assert type(agent.exited(old)[-1]).__name__ == "Exit"


def test_a_restarted_agent_has_not_started_what_waited(agent: Any) -> None:
    old = ending(agent)
    agent.run_task(large(agent, "new"))
    agent.restart([alive(old)])
    (update,) = agent.told(agent.reregistered())[-1:]
    assert update.status.task_id.value == "new"
    assert update.status.state.value == "TASK_FAILED"
    assert list(agent.model.ending) == [old]


def test_a_custom_executor_waits_with_its_tasks(agent: Any) -> None:
    old = ending(agent)
    info = agent.executor(resources=[cpus(1)])
    assert (
        agent.launches(agent.run_task(task(agent, "a", cpus(1), command=None, executor=info))) == []
    )
    assert (
        agent.launches(agent.run_task(task(agent, "b", cpus(1), command=None, executor=info))) == []
    )
    (spec,) = agent.launches(agent.exited(old))
    agent.launched(spec.container_id)
    launched = [each for each in agent.events(agent.subscribe()) if each.launch is not None]
    assert [each.launch.task.task_id.value for each in launched] == ["a", "b"]


def test_a_custom_executor_that_waits_ends_with_its_last_task(agent: Any) -> None:
    ending(agent)
    info = agent.executor(resources=[cpus(1)])
    agent.run_task(task(agent, "a", cpus(1), command=None, executor=info))
    effects = agent.hear(KillTask(framework_id="f1", task_id="a"))
    assert agent.updates(effects) == ["a TASK_KILLED"]
    assert agent.acknowledge(effects) == ["TASK_KILLED"]
    assert list(agent.model.frameworks) == ["f9"]


def test_a_custom_executor_that_waits_can_be_shut_down(agent: Any) -> None:
    ending(agent)
    info = agent.executor(resources=[cpus(1)])
    agent.run_task(task(agent, "a", cpus(1), command=None, executor=info))
    effects = agent.hear(ShutdownExecutor(framework_id="f1", executor_id="e1"))
    assert agent.updates(effects) == ["a TASK_FAILED"]


def subscribed(agent: Any) -> Any:
    """Have a custom executor run a task, and return its description."""
    info = agent.executor(resources=[cpus(0.5)])
    (spec,) = agent.launches(
        agent.run_task(task(agent, "a", cpus(0.5), command=None, executor=info))
    )
    agent.launched(spec.container_id)
    agent.subscribe()
    return info


def test_an_executor_is_given_a_task_when_there_is_room_for_it(agent: Any) -> None:
    info = subscribed(agent)
    old = ending(agent)
    assert (
        agent.launches(agent.run_task(task(agent, "b", cpus(2), command=None, executor=info))) == []
    )
    assert agent.subscribe()  # also if it subscribes anew
    assert list(agent.model.executor("f1", "e1").queued_tasks) == ["b"]
    (event,) = agent.events(agent.exited(old))
    assert event.type is Event.Type.LAUNCH
    assert event.launch.task.task_id.value == "b"


def test_a_task_that_waits_for_room_waits_on_after_a_restart(agent: Any) -> None:
    info = subscribed(agent)
    container_id = agent.model.executor("f1", "e1").container_id
    old = ending(agent)
    agent.run_task(task(agent, "b", cpus(2), command=None, executor=info))
    agent.restart([alive(container_id), alive(old)])
    agent.reregistered()
    assert not [each for each in agent.events(agent.subscribe()) if each.launch is not None]
    (event,) = agent.events(agent.exited(old))
    assert event.launch.task.task_id.value == "b"


def test_what_waits_is_shown_as_queued(agent: Any) -> None:
    ending(agent)
    agent.run_task(large(agent, "new"))
    executor = agent.model.executor("f1", "new")
    assert [each.task_id for each in executor.held_back()] == ["new"]
    assert list(executor.handed_over()) == []
    (live,) = executor.live_tasks()
    assert live.to_message().state.value == "TASK_STAGING"


def test_an_executor_that_was_told_to_end_is_waited_for_as_well(agent: Any) -> None:
    old = agent.running(large(agent, "old"))
    agent.hear(ShutdownExecutor(framework_id="f1", executor_id="old"))
    assert (
        agent.launches(
            agent.hear(RunTask(framework=agent.framework("f2"), task=large(agent, "new")))
        )
        == []
    )
    assert len(agent.launches(agent.exited(old))) == 1


def test_a_borrower_that_waits_may_be_taken_back(agent: Any) -> None:
    ending(agent)
    lent = cpus(1, revocable=Resource.RevocableInfo())
    assert agent.launches(agent.run_task(task(agent, "new", lent))) == []
    correction = Correction(framework_id="f1", executor_id="new", reason="too busy")
    effects = agent.handle(CorrectionsWanted(corrections=[correction]))
    assert agent.updates(effects) == ["new TASK_LOST"]
    assert not [each for each in effects if isinstance(each, DestroyContainer)]
