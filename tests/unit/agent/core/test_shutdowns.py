"""The end of a framework on the agent, and of the agent."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    DestroyContainer,
    Exit,
    ForgetEverything,
    SendToMaster,
    SignalContainer,
)
from tepui.agent.core.events import LinkClosed, ShutdownRequested
from tepui.link.messages import Shutdown, ShutdownExecutor, ShutdownFramework, Unregister
from tepui.messages import DurationInfo, KillPolicy


def test_a_framework_that_is_over_loses_its_tasks_without_a_word(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.hear(ShutdownFramework(framework_id="f1"))
    assert effects == [SignalContainer(container_id=container_id, signal=15)]
    assert agent.told(agent.exited(container_id, 15)) == []
    assert agent.model.frameworks == {}
    (framework,) = agent.model.completed_frameworks.values()
    (executor,) = framework.completed_executors.values()
    assert executor.completed_tasks.get("t1").state.value == "TASK_KILLED"


def test_its_tasks_have_the_grace_of_their_kill_policy(agent: Any) -> None:
    policy = KillPolicy(grace_period=DurationInfo(nanoseconds=60 * 10**9))
    container_id = agent.running(agent.task(kill_policy=policy))
    agent.hear(ShutdownFramework(framework_id="f1"))
    assert agent.advance(59.9) == []
    assert agent.advance(0.2) == [DestroyContainer(container_id=container_id)]


def test_what_was_not_acknowledged_is_let_go(agent: Any) -> None:
    agent.exited(agent.running())
    agent.hear(ShutdownFramework(framework_id="f1"))
    assert agent.model.frameworks == {}
    assert list(agent.stored) == ["agent"]


def test_nothing_is_launched_for_a_framework_that_is_ending(agent: Any) -> None:
    agent.running()
    agent.hear(ShutdownFramework(framework_id="f1"))
    assert agent.run_task(agent.task("t2")) == []


def test_an_unknown_framework_is_over_already(agent: Any) -> None:
    assert agent.hear(ShutdownFramework(framework_id="f9")) == []


def test_an_executor_that_the_agent_plays_is_shut_down_by_killing_its_tasks(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.hear(ShutdownExecutor(framework_id="f1", executor_id="t1"))
    assert effects == [SignalContainer(container_id=container_id, signal=15)]
    assert agent.updates(agent.exited(container_id, 15)) == ["t1 TASK_KILLED"]


def test_the_master_may_send_an_agent_away(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(Shutdown(message="machine is down"))
    assert agent.model.state.value == "TERMINATING"
    effects = agent.exited(container_id, 15)
    forget, exit_ = effects[-2:]
    assert forget == ForgetEverything()
    assert isinstance(exit_, Exit)
    assert "machine is down" in exit_.reason
    assert agent.stored == {}


def test_an_operator_may_end_the_agent_which_then_unregisters(agent: Any) -> None:
    container_id = agent.running()
    agent.handle(ShutdownRequested(message="SIGUSR1"))
    effects = agent.exited(container_id, 15)
    assert SendToMaster(message=Unregister()) in effects
    assert isinstance(effects[-1], Exit)


def test_an_agent_without_tasks_ends_at_once(agent: Any) -> None:
    effects = agent.handle(ShutdownRequested(message="SIGUSR1"))
    assert effects == [
        SendToMaster(message=Unregister()),
        ForgetEverything(),
        Exit(reason="SIGUSR1"),
    ]


def test_a_second_request_does_not_wait(agent: Any) -> None:
    container_id = agent.running()
    agent.handle(ShutdownRequested(message="SIGUSR1"))
    effects = agent.handle(ShutdownRequested(message="SIGUSR1"))
    assert effects == [DestroyContainer(container_id=container_id)]


def test_an_agent_that_ends_does_not_look_for_a_master(agent: Any) -> None:
    agent.running()
    agent.handle(ShutdownRequested(message="SIGUSR1"))
    assert agent.handle(LinkClosed(reason="gone")) == []
    assert not [effect for effect in agent.advance(60) if type(effect).__name__ == "Connect"]
