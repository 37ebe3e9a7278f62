"""A real cluster whose offers come from an allocator of one's own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from tepui.daemons.cluster import Cluster, ClusterFailed

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]

ROOT = Path(__file__).parents[3]


async def hello(cluster: Cluster) -> str:
    """Run examples.hello on the cluster; return what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "examples.hello",
        cluster.url,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    out, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, out.decode()
    return out.decode()


def test_a_task_runs_on_what_another_allocator_offers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "examples" / "first_come"))
    whitelist = tmp_path / "whitelist"
    whitelist.write_text("127.0.0.1\n")
    flags = ["--allocator=first_come:FirstComeAllocator", f"--whitelist=file://{whitelist}"]

    async def main() -> str:
        async with Cluster(
            work_dir=tmp_path, agents=1, resources="cpus:1;mem:256", master_flags=flags
        ) as cluster:
            return await hello(cluster)

    assert asyncio.run(main()).splitlines()[-1] == "hello: TASK_FINISHED"


def test_an_allocator_that_is_not_there_is_a_mistaken_flag(tmp_path: Path) -> None:
    async def main() -> None:
        async with Cluster(work_dir=tmp_path, agents=0, master_flags=["--allocator=nobody"]):
            pass

    with pytest.raises(ClusterFailed, match="--allocator: 'nobody' is neither module:attribute"):
        asyncio.run(main())
