"""What of a store's records can be used: those that can be read and that fit together."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from tepui.agent.core import records
from tepui.agent.core.model import ExecutorKind
from tepui.agent.core.records import Checkpointed, ExecutorRecord, StreamRecord, TaskRecord

_KINDS = tuple(kind.value for kind in ExecutorKind)


class Salvage(NamedTuple):
    """What is left of a store.

    Attributes:
        sound: The records that can be used.
        problems: Why others cannot, by key.
        lost_tasks: The tasks of those others, by framework.
    """

    sound: Checkpointed
    problems: dict[str, str]
    lost_tasks: dict[str, list[str]]


def salvage(checkpointed: Checkpointed) -> Salvage:
    """Set apart what cannot be used; nothing that is left refers to it."""
    problems = dict(checkpointed.unreadable)
    if checkpointed.agent is None and (checkpointed.frameworks or checkpointed.drain):
        problems.setdefault(records.AGENT_KEY, "it is missing, although there is more")
    ids = (record.info.id for record in checkpointed.frameworks)
    frameworks = {framework_id.value for framework_id in ids if framework_id is not None}
    executors = [
        record for record in checkpointed.executors if _is_sound(record, frameworks, problems)
    ]
    known = {(record.framework_id, record.info.executor_id.value) for record in executors}
    streams = {(record.framework_id, record.task_id): record for record in checkpointed.streams}
    tasks = [record for record in checkpointed.tasks if _is_whole(record, known, streams, problems)]
    told = {(record.framework_id, record.info.task_id.value) for record in tasks}
    for framework_id, task_id in streams:
        if (framework_id, task_id) not in told:
            key = records.stream_key(framework_id, task_id)
            problems.setdefault(key, "the record of its task is missing")
    sound = msgspec.structs.replace(
        checkpointed,
        executors=executors,
        tasks=tasks,
        streams=[
            record
            for record in checkpointed.streams
            if (record.framework_id, record.task_id) in told
        ],
        unreadable={},
    )
    return Salvage(sound, problems, _lost_tasks(problems))


def without_identity(checkpointed: Checkpointed) -> Checkpointed:
    """Return what an agent that is to be a new one keeps: reservations and volumes."""
    return Checkpointed(
        resources=checkpointed.resources,
        operations=checkpointed.operations,
        source=checkpointed.source,
    )


def _is_sound(record: ExecutorRecord, frameworks: set[str], problems: dict[str, str]) -> bool:
    if record.framework_id not in frameworks:
        why = "the record of its framework is missing"
    elif record.kind not in _KINDS:
        why = f"an executor of the kind {record.kind!r} is not known"
    else:
        return True
    problems[records.executor_key(record.framework_id, record.info.executor_id.value)] = why
    return False


def _is_whole(
    record: TaskRecord,
    executors: set[tuple[str, str]],
    streams: dict[tuple[str, str], StreamRecord],
    problems: dict[str, str],
) -> bool:
    task_id = record.info.task_id.value
    if (record.framework_id, record.executor_id) not in executors:
        why = "the record of its executor is missing"
    elif (record.framework_id, task_id) not in streams:
        why = "the record of its statuses is missing"
    else:
        return True
    problems[records.task_key(record.framework_id, task_id)] = why
    return False


def _lost_tasks(problems: dict[str, str]) -> dict[str, list[str]]:
    lost: dict[str, dict[str, None]] = {}
    for key in problems:
        kind, _, rest = key.partition("/")
        framework_id, _, task_id = rest.partition("/")
        if kind in ("task", "stream") and task_id:
            lost.setdefault(framework_id, {})[task_id] = None
    return {framework_id: list(tasks) for framework_id, tasks in lost.items()}
