"""An agent that is drained: it ends its tasks, starts no others, and says so in each status.

The drain is stored: a task that ends while the agent or its master is away is told of in the
same words. What the master says when the agent registers again decides whether it goes on.
"""

from __future__ import annotations

from tepui.agent.core.kills import grace_seconds_of, kill_built_in, kill_custom
from tepui.agent.core.model import Drain, Kill
from tepui.agent.core.records import DRAIN_KEY, DrainRecord
from tepui.agent.core.specs import seconds_of
from tepui.agent.core.step import Step
from tepui.messages import DrainConfig, DurationInfo, KillPolicy, TaskState


def drain(step: Step, config: DrainConfig) -> None:
    """End all tasks, each within its own grace period or the drain's, if that is shorter."""
    model = step.model
    if model.drain is None or model.drain.config != config:
        started_at = step.now.wall if model.drain is None else model.drain.started_at
        model.drain = Drain(config=config, started_at=started_at)
        step.put(DRAIN_KEY, DrainRecord(config=config, started_at=started_at))
        step.log("agent_draining", mark_gone=config.mark_gone)
    for framework in list(model.frameworks.values()):
        for executor in list(framework.executors.values()):
            for task in list(executor.live_tasks()):
                grace = _grace_seconds(step, config, grace_seconds_of(step, task, None))
                if executor.is_built_in:
                    kill = Kill(state=TaskState.TASK_KILLED)
                    kill_built_in(step, framework, executor, task, kill, grace)
                elif task.kill is None:
                    kill_custom(step, framework, executor, task, _policy(config, grace))


def reactivate(step: Step) -> None:
    """Start tasks again."""
    if step.model.drain is not None:
        step.model.drain = None
        step.delete(DRAIN_KEY)
        step.log("agent_reactivated")


def _grace_seconds(step: Step, config: DrainConfig, own: float) -> float:
    if config.max_grace_period is None:
        return own
    return min(own, max(0.0, seconds_of(config.max_grace_period, 0.0)))


def _policy(config: DrainConfig, grace_seconds: float) -> KillPolicy | None:
    if config.max_grace_period is None:
        return None
    return KillPolicy(grace_period=DurationInfo(nanoseconds=int(grace_seconds * 1e9)))
