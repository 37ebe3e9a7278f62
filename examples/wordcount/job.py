"""The framework: a task for each part, their counts fetched from their sandboxes and merged."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tepui.messages import TaskInfo
from tepui.sdk import Batch, TaskChange, TooSmall, command_task, framework

SCRIPT = Path(__file__).with_name("count.py")
RESULT = "counts.json"


class Failed(Exception):
    """A part could not be counted; the text says which, and why."""


class WordCount:
    """What the cluster found.

    Attributes:
        counts: How often each word occurs.
        bytes: How much text was counted.
        tasks_by_agent: How many tasks each agent ran, by its URL.
    """

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self.tasks_by_agent: Counter[str] = Counter()


def tasks_for(parts: list[Path]) -> list[TaskInfo]:
    """Return a task for each file of text."""
    return [
        command_task(
            f"count-{number:02}",
            [sys.executable, SCRIPT.name, part.name, RESULT],
            cpus=0.5,
            mem=64,
            uris=[str(SCRIPT), str(part)],
        )
        for number, part in enumerate(parts, start=1)
    ]


async def count_words_on(
    master: str, parts: list[Path], on_progress: Callable[[TaskChange], None]
) -> WordCount:
    """Count the words of the parts on the cluster of a master.

    Raises:
        Failed: A task did not finish.
        SdkError: The cluster could not be used.
    """
    found = WordCount()
    async with Batch(
        tasks_for(parts), masters=master, framework_info=framework("wordcount")
    ) as batch:
        async for change in batch:
            if isinstance(change, TooSmall):
                continue
            on_progress(change)
            if change.is_last:
                await _add(found, batch, change)
    return found


async def _add(found: WordCount, batch: Batch, change: TaskChange) -> None:
    """Fetch what a finished task has counted and add it."""
    if not change.succeeded:
        message = change.status.message if change.status else None
        raise Failed(f"{change.name} is {change.state.value}: {message or 'no reason given'}")
    sandbox = await batch.sandbox(change)
    result = json.loads(await sandbox.download(RESULT))
    found.counts.update(result["counts"])
    found.bytes += result["bytes"]
    found.tasks_by_agent[sandbox.agent_url] += 1
