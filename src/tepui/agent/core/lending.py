"""What is lent of the agent: told to the master when it changes, and taken back by force.

What the master is told is what is in use and what may be lent beyond it, so that a launch on what
was offered changes nothing.
"""

from __future__ import annotations

from tepui.agent.core import timers
from tepui.agent.core.effects import CancelTimer
from tepui.agent.core.kills import begin_ending, destroy, end_at_once
from tepui.agent.core.model import AgentState, Executor, ExecutorState, Framework, Kill, Model
from tepui.agent.core.oversubscription import Correction
from tepui.agent.core.statuses import Reason, lost_state
from tepui.agent.core.step import Step
from tepui.agent.core.storing import store_stream
from tepui.link.messages import UpdateAgent
from tepui.messages import TaskState
from tepui.resources import Resources


def lent(model: Model) -> Resources:
    """Return what executors hold of what may be taken back."""
    held = Resources()
    for executor in model.executors():
        held += _lent_to(executor)
    return held


def _lent_to(executor: Executor) -> Resources:
    if executor.state is ExecutorState.TERMINATED:
        return Resources()
    resources = [each for each in executor.allocated_resources() if each.revocable is not None]
    return Resources.from_messages(resources).unallocated()


def estimated(step: Step, estimate: Resources, was_lent: Resources) -> None:
    """Take in what may be lent beyond what was lent when that was estimated."""
    model = step.model
    if model.state in (AgentState.RECOVERING, AgentState.TERMINATING):
        return
    for key, _ in estimate.entries():
        if not key.revocable or key.reservations or key.shared or key.allocation_role is not None:
            step.log(
                "estimate_ignored",
                level="error",
                reason=f"{key.name} is not revocable, or is somebody's",
            )
            return
    total = was_lent + estimate
    # What was launched or has ended since is part of the same total; at least it is lent.
    model.oversubscribed = total + (lent(model) - total)
    tell(step)


def tell(step: Step) -> None:
    """Tell the master what is lent, unless it knows or is away."""
    model = step.model
    if model.state is AgentState.RUNNING and model.oversubscribed != model.oversubscribed_told:
        model.oversubscribed_told = model.oversubscribed
        step.send(UpdateAgent(oversubscribed=model.oversubscribed.to_messages()))


def correct(step: Step, corrections: list[Correction]) -> None:
    """End the executors that are named, with all their tasks and without a grace period."""
    model = step.model
    if model.state in (AgentState.RECOVERING, AgentState.TERMINATING):
        return
    for correction in corrections:
        executor = model.executor(correction.framework_id, correction.executor_id)
        problem = _problem_with(executor, correction)
        if executor is None or problem is not None:
            step.log(
                "correction_ignored",
                level="warning",
                framework_id=correction.framework_id,
                executor_id=correction.executor_id,
                reason=problem,
            )
            continue
        _preempt(step, model.frameworks[executor.framework_id], executor, correction.reason)


def _problem_with(executor: Executor | None, correction: Correction) -> str | None:
    """Say why a correction is not carried out, if it is not: the model may have gone on."""
    if executor is None:
        return "there is no such executor"
    if correction.container_id not in (None, executor.container_id):
        return f"it runs in container {executor.container_id} by now"
    if executor.state in (ExecutorState.TERMINATING, ExecutorState.TERMINATED):
        return "it is ending already"
    if not _lent_to(executor):
        return "it holds nothing revocable"
    return None


def _preempt(step: Step, framework: Framework, executor: Executor, reason: str) -> None:
    step.model.count("executors_preempted")
    step.log(
        "executor_preempted",
        framework_id=executor.framework_id,
        executor_id=executor.executor_id,
        container_id=executor.container_id,
        reason=reason,
    )
    why = f": {reason}" if reason else ""
    end = Kill(
        state=lost_state(framework, TaskState.TASK_GONE),
        reason=Reason.REASON_CONTAINER_PREEMPTED,
        message=f"ended because it runs on revocable resources{why}",
        escalate_at=step.now.monotonic,
    )
    if not executor.is_built_in:
        if not executor.has_subscribed:
            timer = timers.ExecutorRegistration(executor.container_id)
            step.out.append(CancelTimer(timer=timer))
        destroy(step, executor, end)
        return
    begin_ending(step, executor)
    for task in executor.launched_tasks.values():
        # Also of a task that was asked to end and takes its time.
        task.kill = end
        store_stream(step, executor, task)
    for container in executor.containers.values():
        end_at_once(step, container)
