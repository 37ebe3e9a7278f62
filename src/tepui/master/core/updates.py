"""Status updates on their way to frameworks, and acknowledgements on their way back."""

from __future__ import annotations

from tepui.link.messages import AcknowledgeStatus, UpdateStatus
from tepui.master.core.context import Context
from tepui.master.core.model import TERMINAL_STATES, Agent, Framework
from tepui.master.core.statuses import update_event
from tepui.master.core.tasks import remove_task, update_task
from tepui.messages import scheduler


def on_update_status(ctx: Context, agent: Agent, update: UpdateStatus) -> None:
    """Forward an update as it is, and remember what it says.

    An update about a task that the master does not know is forwarded too, so that the
    framework can acknowledge it and the agent stops repeating it.
    """
    counters = ctx.state.counters
    counters.status_updates += 1
    framework = ctx.state.frameworks.get(update.framework_id)
    if framework is None:
        counters.status_updates_invalid += 1
        return
    status = update.status
    ctx.tell_framework(framework, update_event(status))
    task = framework.tasks.get(status.task_id.value)
    if task is None or task.agent_id != agent.agent_id:
        counters.status_updates_invalid += 1
        return
    counters.status_updates_valid += 1
    update_task(ctx, framework, agent, task, status, update.latest_state)


def on_acknowledge(ctx: Context, framework: Framework, call: scheduler.Call.Acknowledge) -> None:
    """Pass an acknowledgement on; that of a terminal update ends the task."""
    counters = ctx.state.counters
    counters.acknowledgements += 1
    agent = ctx.state.agents.get(call.agent_id.value)
    if agent is None or agent.channel is None:
        counters.acknowledgements_invalid += 1
        return
    framework_id = framework.framework_id
    task_id = call.task_id.value
    task = framework.tasks.get(task_id)
    if task is not None and task.agent_id == agent.agent_id:
        if task.status_update_state is None:
            counters.acknowledgements_invalid += 1
            return
        if task.status_update_uuid == call.uuid and task.status_update_state in TERMINAL_STATES:
            remove_task(ctx, framework, agent, task)
    counters.acknowledgements_valid += 1
    ctx.tell_agent(
        agent, AcknowledgeStatus(framework_id=framework_id, task_id=task_id, uuid=call.uuid)
    )
