"""A re-registration that is too large for one message: cut by the agent, put together again.

Parts precede the `Reregister` that ends them on the same channel. Each has whole tasks; a framework
or an executor that goes on from one part to the next is described in the first of them only.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec.structs import replace

from tepui.link.messages import ExecutorState, FrameworkState, Reregister, ReregisterPart
from tepui.messages import ExecutorInfo, FrameworkInfo, Task

PART_BYTES_TARGET = 4 * 1024 * 1024
"""A part is full beyond this; one task that is larger has a part of its own."""

PARTS_MAX = 256
"""Of one re-registration: an agent that would need more cannot return."""

_encoder = msgspec.msgpack.Encoder()


def cut(message: Reregister) -> Iterator[ReregisterPart | Reregister]:
    """Yield what to send, in order; a message that is small enough as it is."""
    if len(_encoder.encode(message)) <= PART_BYTES_TARGET:
        yield message
        return
    index = 0
    part: list[FrameworkState] = []
    size = 0
    for piece, piece_size in _pieces(message.frameworks):
        if part and size + piece_size > PART_BYTES_TARGET:
            yield ReregisterPart(index=index, frameworks=part)
            index += 1
            part, size = [], 0
        part.append(piece)
        size += piece_size
    yield ReregisterPart(index=index, frameworks=part)
    yield replace(message, frameworks=[], parts=index + 1)


def join(parts: list[ReregisterPart], message: Reregister) -> Reregister:
    """Return the message as if it had come in one; what ``parts`` hold is used up."""
    frameworks: dict[str, FrameworkState] = {}
    executors: dict[tuple[str, str], ExecutorState] = {}
    for part in parts:
        for piece in part.frameworks:
            info = piece.framework_info
            framework_id = "" if info.id is None else info.id.value
            framework = frameworks.setdefault(framework_id, replace(piece, executors=[]))
            for told in piece.executors:
                key = framework_id, told.executor_info.executor_id.value
                executor = executors.get(key)
                if executor is None:
                    executors[key] = told
                    framework.executors.append(told)
                else:
                    executor.tasks.extend(told.tasks)
    return replace(message, frameworks=[*frameworks.values(), *message.frameworks], parts=0)


def _pieces(frameworks: list[FrameworkState]) -> Iterator[tuple[FrameworkState, int]]:
    """Yield frameworks in pieces of one executor each at most, with their sizes."""
    for framework in frameworks:
        info = framework.framework_info
        if not framework.executors:
            yield _sized(framework)
        for executor in framework.executors:
            executor_info = executor.executor_info
            for tasks in _runs(executor.tasks):
                run = ExecutorState(
                    executor_info=executor_info, tasks=tasks, built_in=executor.built_in
                )
                yield _sized(FrameworkState(framework_info=info, executors=[run]))
                info = FrameworkInfo(user="", name="", id=info.id)
                executor_info = ExecutorInfo(
                    executor_id=executor_info.executor_id, framework_id=executor_info.framework_id
                )


def _runs(tasks: list[Task]) -> Iterator[list[Task]]:
    """Yield tasks in runs that fit into a part, one run at least."""
    run: list[Task] = []
    size = 0
    for task in tasks:
        task_size = len(_encoder.encode(task))
        if run and size + task_size > PART_BYTES_TARGET:
            yield run
            run, size = [], 0
        run.append(task)
        size += task_size
    yield run


def _sized(piece: FrameworkState) -> tuple[FrameworkState, int]:
    return piece, len(_encoder.encode(piece))
