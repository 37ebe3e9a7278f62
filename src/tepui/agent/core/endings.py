"""When an executor and a framework are over here, and what is kept of them."""

from __future__ import annotations

from tepui.agent.core import paths
from tepui.agent.core.effects import CloseStream, ScheduleGc
from tepui.agent.core.model import Executor, ExecutorState, Framework
from tepui.agent.core.step import Step
from tepui.agent.core.storing import forget_executor, forget_framework
from tepui.link.messages import ExecutorExited


def terminate(step: Step, framework: Framework, executor: Executor, status: int | None) -> None:
    """Note that nothing of an executor runs any more; the master hears of it where Mesos tells.

    A command task is its executor, so that its own status says it all.
    """
    executor.state = ExecutorState.TERMINATED
    step.model.ending.pop(executor.container_id, None)
    close_stream(step, executor)
    step.model.count("executors_terminated")
    if not executor.is_command:
        step.send(
            ExecutorExited(
                framework_id=framework.framework_id,
                executor_id=executor.executor_id,
                status=-1 if status is None else status,
            )
        )


def close_stream(step: Step, executor: Executor) -> None:
    """End the subscription of a custom executor."""
    if executor.connection is not None:
        del step.model.connections[executor.connection]
        step.out.append(CloseStream(connection=executor.connection))
        executor.connection = None


def settle(step: Step, framework: Framework, executor: Executor) -> None:
    """Complete an executor of which nothing runs and nothing is left to say."""
    if executor.state is not ExecutorState.TERMINATED:
        return
    if executor.terminated_tasks or executor.launched_tasks or executor.queued_tasks:
        return
    del framework.executors[executor.executor_id]
    framework.completed_executors.put(executor.container_id, executor)
    forget_executor(step, executor)
    step.out.append(ScheduleGc(path=executor.directory))
    settle_framework(step, framework)


def settle_framework(step: Step, framework: Framework) -> None:
    """Complete a framework that has no executor here any more; it may come back."""
    model = step.model
    if framework.executors or framework.framework_id not in model.frameworks:
        return
    del model.frameworks[framework.framework_id]
    forget_framework(step, framework)
    if not len(framework.completed_executors):
        return
    model.completed_frameworks.put(framework.framework_id, framework)
    directory = paths.framework_directory(
        model.config.work_dir, model.agent_id or "", framework.framework_id
    )
    step.out.append(ScheduleGc(path=directory))
