"""A cluster on this machine counts the words of real text, and is gone again."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path

from examples.wordcount.job import Failed, WordCount, count_words_on
from examples.wordcount.texts import library_texts, project_texts, split
from tepui.daemons.cluster import Cluster, ClusterFailed
from tepui.sdk import SdkError, TaskChange

AGENTS = 2
TASKS = 24
ENDING = (signal.SIGTERM, signal.SIGHUP)
RESOURCES = "cpus:2;mem:1024;disk:1024;ports:[31000-31999]"


def write_parts(directory: Path) -> list[Path]:
    """Write the text as one file for each task and return the files."""
    directory.mkdir()
    parts = []
    for number, text in enumerate(split(chain(project_texts(), library_texts()), TASKS), start=1):
        part = directory / f"part-{number:02}.txt"
        part.write_text(text, encoding="utf-8")
        parts.append(part)
    return parts


def show_progress(change: TaskChange) -> None:
    """Print a line for each task that has ended."""
    if change.is_last:
        print(f"  {change.name}  {change.state.value}  {change.agent_url}", flush=True)


def show(found: WordCount, seconds: float) -> None:
    """Print the result."""
    print("\nthe ten commonest words")
    for word, count in found.counts.most_common(10):
        print(f"  {count:>8,}  {word}")
    print("\ntasks per agent")
    for agent, tasks in sorted(found.tasks_by_agent.items()):
        print(f"  {tasks:>8}  {agent}")
    words = found.counts.total()
    print(f"\n{words:,} words in {found.bytes:,} bytes, {seconds:.1f} s on the cluster")


async def run(directory: Path, parts: list[Path]) -> None:
    """Start a cluster, count on it, stop it."""
    task = asyncio.current_task()
    assert task is not None
    # Whatever ends us, what we started ends with us, and the directory too.
    for number in ENDING:
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    size = sum(part.stat().st_size for part in parts)
    print(f"starting a master and {AGENTS} agents", flush=True)
    async with Cluster(work_dir=directory, agents=AGENTS, resources=RESOURCES) as cluster:
        print(f"counting {size:,} bytes in {len(parts)} tasks on {cluster.url}", flush=True)
        started = time.monotonic()
        found = await count_words_on(cluster.url, parts, show_progress)
        seconds = time.monotonic() - started
    if found.bytes != size:
        raise Failed(f"{found.bytes} bytes were counted, and {size} were given")
    if len(found.tasks_by_agent) < AGENTS:
        raise Failed(f"only {len(found.tasks_by_agent)} of {AGENTS} agents ran tasks")
    show(found, seconds)


def demonstrate() -> int:
    """Run the demo and return the exit code."""
    for number in ENDING:
        signal.signal(number, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="tepui-demo-") as directory:
        try:
            print("collecting the text", flush=True)
            parts = write_parts(Path(directory, "parts"))
            asyncio.run(run(Path(directory), parts))
        except (Failed, SdkError, ClusterFailed) as error:
            print(f"demo failed: {error}", file=sys.stderr)
            return 1
        except (KeyboardInterrupt, asyncio.CancelledError):
            return 130
    return 0
