"""Launches that have waited for room: they go on, or are given up."""

from __future__ import annotations

from tepui.agent.core.exits import never_launched
from tepui.agent.core.launches import launch, pass_on
from tepui.agent.core.model import (
    ContainerState,
    Executor,
    ExecutorState,
    Framework,
    Model,
    Waiting,
)
from tepui.agent.core.room import fits, held, needed
from tepui.agent.core.step import Step


def look_for_room(step: Step) -> None:
    """Give up what was killed, and start what has room now, first come first served.

    A launch has no room on what an earlier one waits for: or a large one would wait for good.
    """
    model = step.model
    while step.looks_for_room:
        # What ends takes others of its group with it.
        step.looks_for_room = False
        for entry in model.waiting:
            _give_up_killed(step, entry)
    model.waiting = [entry for entry in model.waiting if _is_wanted(model, entry)]
    if not model.waiting:
        return
    used = held(model)
    kept: list[Waiting] = []
    for entry in model.waiting:
        framework, executor = _owner(model, entry)
        wanted = needed(executor, entry.tasks)
        is_blocked = any(run in model.ending for run in entry.ends)
        if is_blocked and not fits(model, used, wanted):
            kept.append(entry)
        else:
            _start(step, framework, executor, entry)
        used += wanted
    model.waiting = kept


def _owner(model: Model, entry: Waiting) -> tuple[Framework, Executor]:
    framework = model.frameworks[entry.owner.framework_id]
    return framework, framework.executors[entry.owner.executor_id]


def _give_up_killed(step: Step, entry: Waiting) -> None:
    for spec in entry.specs:
        found = step.model.owner_of(spec.container_id)
        if found is None:
            continue
        _, executor, container = found
        is_ending = executor.state is ExecutorState.TERMINATING
        if executor.is_built_in:
            is_ending = executor.launched_tasks[container.task_id or ""].kill is not None
        if is_ending:
            never_launched(step, *found, "given up before it was started")


def _is_wanted(model: Model, entry: Waiting) -> bool:
    """Drop what was given up; tell whether anything is left to start."""
    entry.tasks = [task for task in entry.tasks if task.awaits_room]
    entry.specs = [spec for spec in entry.specs if spec.container_id in model.containers]
    if not entry.tasks and not entry.specs:
        return False
    _, executor = _owner(model, entry)
    # Tasks of an executor that is ending end with it.
    return bool(entry.specs) or executor.state is not ExecutorState.TERMINATING


def _start(step: Step, framework: Framework, executor: Executor, entry: Waiting) -> None:
    for task in entry.tasks:
        task.awaits_room = False
    if not entry.specs:
        pass_on(step, framework, executor, entry.tasks)
        return
    executor.awaits_room = False
    for spec in entry.specs:
        executor.containers[spec.container_id].state = ContainerState.LAUNCHING
        launch(step, framework, executor, spec)
