"""The end of a framework here, and of the agent itself."""

from __future__ import annotations

from tepui.agent.core import effects, timers
from tepui.agent.core.effects import (
    CancelTimer,
    DestroyContainer,
    ForgetEverything,
    SendToMaster,
)
from tepui.agent.core.endings import settle, settle_framework
from tepui.agent.core.kills import shut_down
from tepui.agent.core.model import AgentState, Framework, FrameworkState
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_framework
from tepui.agent.core.updates import complete
from tepui.link.messages import Unregister


def shut_down_framework(step: Step, framework: Framework) -> None:
    """End all that a framework has here; what its tasks still say is for the record only."""
    if framework.state is FrameworkState.TERMINATING:
        return
    framework.state = FrameworkState.TERMINATING
    if framework.is_checkpoint_known:
        store_framework(step, framework)
    model = step.model
    for key in [key for key in model.refusals if key[0] == framework.framework_id]:
        del model.refusals[key]
    for executor in list(framework.executors.values()):
        for task in list(executor.terminated_tasks.values()):
            complete(step, framework, executor, task)
        for task in executor.live_tasks():
            task.stream.pending.clear()
            task.stream.retry_at = None
        shut_down(step, framework, executor)
        settle(step, framework, executor)
    settle_framework(step, framework)


def shut_down_agent(step: Step, reason: str, *, unregister: bool) -> None:
    """End every task, and then the agent; a second request does not wait for grace periods."""
    model = step.model
    if model.state is AgentState.TERMINATING:
        for container_id in model.containers:
            step.out.append(DestroyContainer(container_id=container_id))
        return
    step.log("agent_shutting_down", reason=reason)
    if unregister and model.state is AgentState.RUNNING:
        model.is_unregistering = True
    model.state = AgentState.TERMINATING
    model.exit_reason = reason
    for timer in (timers.RegistrationRetry(), timers.MasterSilence(), timers.Connect()):
        step.out.append(CancelTimer(timer=timer))
    for framework in list(model.frameworks.values()):
        shut_down_framework(step, framework)
    exit_when_empty(step)


def exit_when_empty(step: Step) -> None:
    """Exit once the agent is to end and nothing runs any more; the next start is a new agent."""
    model = step.model
    if model.state is not AgentState.TERMINATING or model.frameworks or model.has_exited:
        return
    model.has_exited = True
    if model.is_unregistering:
        step.out.append(SendToMaster(message=Unregister()))
    step.out.append(ForgetEverything())
    step.out.append(effects.Exit(reason=model.exit_reason or ""))
