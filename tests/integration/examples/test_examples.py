"""The examples run on a real cluster, as their documentation says."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tepui.daemons.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]

ROOT = Path(__file__).parents[3]
RESOURCES = "cpus:2;mem:512;disk:512;ports:[31000-31999]"


def run_example(module: str, directory: Path) -> str:
    """Run an example against a cluster of its own and return what it printed."""

    async def main() -> str:
        async with Cluster(work_dir=directory, agents=2, resources=RESOURCES) as cluster:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                cluster.url,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            out, _ = await asyncio.wait_for(process.communicate(), 60)
            assert process.returncode == 0, out.decode()
            return out.decode()

    return asyncio.run(main())


def test_hello_sees_its_task_through(tmp_path: Path) -> None:
    lines = run_example("examples.hello", tmp_path).splitlines()
    assert lines[0].startswith("subscribed as ")
    assert lines[1:] == [
        "hello: TASK_STARTING",
        "hello: TASK_RUNNING",
        "hello: TASK_FINISHED",
    ]


def test_squares_come_back_from_an_executor_of_its_own(tmp_path: Path) -> None:
    lines = run_example("examples.squares", tmp_path).splitlines()
    assert lines[-5:] == [f"{number} * {number} = {number * number}" for number in range(1, 6)]


def test_the_demo_counts_real_text_on_both_agents() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "examples.wordcount.demo"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("TASK_FINISHED") == 24
    commonest = done.stdout.partition("the ten commonest words\n")[2].splitlines()[:10]
    assert "the" in [line.split()[1] for line in commonest]
    per_agent = done.stdout.partition("tasks per agent\n")[2].splitlines()[:2]
    assert sum(int(line.split()[0]) for line in per_agent) == 24


def test_the_script_counts_what_a_counter_would(tmp_path: Path) -> None:
    text = "The cat, the hat; the cat's mat.\n"
    source, target = tmp_path / "part.txt", tmp_path / "counts.json"
    source.write_text(text)
    script = ROOT / "examples" / "wordcount" / "count.py"
    subprocess.run([sys.executable, script, source, target], check=True, capture_output=True)
    found = json.loads(target.read_text())
    assert found["bytes"] == len(text)
    assert found["counts"] == Counter({"the": 3, "cat": 1, "hat": 1, "cat's": 1, "mat": 1})
