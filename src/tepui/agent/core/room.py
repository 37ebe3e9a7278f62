"""Whether there is room for a launch: no container is started beyond what the agent has.

A master takes what a framework has for free as soon as the framework is removed, as Mesos' does,
and offers it: but here its containers have their grace period still. What is launched on it
waits until they are gone. As long as nothing is ending, the master is taken at its word.
"""

from __future__ import annotations

from collections.abc import Iterable

from tepui.agent.core.model import (
    AgentTask,
    ContainerState,
    Executor,
    ExecutorState,
    Model,
    Owner,
    Waiting,
)
from tepui.agent.core.step import Step
from tepui.containers.protocol import LaunchSpec
from tepui.messages import Resource
from tepui.resources import Resources, ranges
from tepui.resources.conversions import Amount
from tepui.resources.keys import Key


def wait_for_room(
    step: Step, executor: Executor, tasks: list[AgentTask], specs: list[LaunchSpec]
) -> None:
    """Let a launch wait until there is room; before the step is over, if there is."""
    for spec in specs:
        executor.containers[spec.container_id].state = ContainerState.WAITING
    for task in tasks:
        task.awaits_room = True
    executor.awaits_room = bool(executor.containers) and all(
        each.state is ContainerState.WAITING for each in executor.containers.values()
    )
    owner = Owner(executor.framework_id, executor.executor_id)
    ends = list(step.model.ending)
    step.model.waiting.append(Waiting(owner=owner, tasks=tasks, specs=specs, ends=ends))
    step.looks_for_room = True


def held(model: Model) -> Resources:
    """Return what is used by everything that does not wait, whether or not it is ending."""
    resources: list[Resource] = []
    for executor in model.executors():
        if executor.state is ExecutorState.TERMINATED:
            continue
        if not executor.awaits_room:
            resources += _own(executor)
        for task in executor.live_tasks():
            if not task.awaits_room:
                resources += task.info.resources
    return _comparable(resources)


def needed(executor: Executor, tasks: Iterable[AgentTask]) -> Resources:
    """Return what a launch takes that waits."""
    resources = _own(executor) if executor.awaits_room else []
    return _comparable([*resources, *(each for task in tasks for each in task.info.resources)])


def fits(model: Model, used: Resources, wanted: Resources) -> bool:
    """Tell whether the agent has what is wanted besides what is used.

    Only names count that are wanted. Whom something is reserved for does not matter, and a
    volume, a disk or a port can be used once.
    """
    total = _unreserved(model.total.non_revocable() + model.oversubscribed)
    has = dict(total.entries())
    taken = dict(used.entries())
    for key, amount in wanted.entries():
        if key.disk is not None and isinstance(amount, int):
            # One that is not there any more is the business of whoever launches on it.
            if key in has and _as_int(taken.get(key)) + amount > _as_int(has[key]):
                return False
        elif not isinstance(amount, int) and any(
            other.name == key.name and _overlap(amount, others) for other, others in taken.items()
        ):
            return False
    for part in (Resources.non_revocable, Resources.revocable):
        ours = part(wanted).scalars()
        theirs, whole = part(used).scalars(), part(total).scalars()
        if any(theirs.get(name, 0) + millis > whole.get(name, 0) for name, millis in ours.items()):
            return False
    return True


def _own(executor: Executor) -> list[Resource]:
    # What stands for a command's executor in the books is nobody's, and not in the master's.
    return [] if executor.is_command else executor.info.resources


def _comparable(messages: list[Resource]) -> Resources:
    """Return what only one may use, regardless of roles."""
    unallocated = Resources.from_messages(messages).unallocated()
    return _unreserved(unallocated.filter(lambda key: not key.shared))


def _unreserved(resources: Resources) -> Resources:
    """Return resources as if they were reserved to nobody, but for disks: those are told apart."""
    if resources.is_plain:
        return resources
    parts = Resources()
    for key, amount in resources.entries():
        parts += Resources({_without_role(key): amount})
    return parts


def _without_role(key: Key) -> Key:
    if key.disk is not None or not key.reservations:
        return key
    return key.replace(reservations=())


def _as_int(amount: Amount | None) -> int:
    return amount if isinstance(amount, int) else 0


def _overlap(one: Amount, other: Amount) -> bool:
    match one, other:
        case tuple(), tuple():
            return ranges.subtract(one, other) != one
        case frozenset(), frozenset():
            return not one.isdisjoint(other)
        case _:
            return False
