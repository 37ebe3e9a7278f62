"""The programs in docs/tutorials do what the text says, and pass the strictest type check."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tepui.daemons.cluster import Cluster

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("examples")]

TUTORIALS = Path(__file__).parents[3] / "docs" / "tutorials"
RESOURCES = "cpus:2;mem:512;disk:512;ports:[31000-31999]"
PROGRAM = re.compile(r'^```python\n("""(\w+\.py): .*?)^```$', re.MULTILINE | re.DOTALL)
SESSION = re.compile(r"^```text\n\$ python (\w+\.py) \S+\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_programs(tutorial: Path, directory: Path) -> None:
    for text, name in PROGRAM.findall(tutorial.read_text()):
        (directory / name).write_text(text)


@pytest.mark.parametrize("tutorial", sorted(TUTORIALS.glob("*.md")), ids=lambda each: each.stem)
def test_each_program_prints_what_is_shown(tutorial: Path, tmp_path: Path) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    write_programs(tutorial, programs)
    sessions = SESSION.findall(tutorial.read_text())

    async def output_of(program: str, master: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            program,
            master,
            cwd=programs,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        out, _ = await asyncio.wait_for(process.communicate(), 60)
        return out.decode()

    async def main() -> None:
        work_dir = tmp_path / "cluster"
        async with Cluster(work_dir=work_dir, agents=2, resources=RESOURCES) as cluster:
            for program, shown in sessions:
                assert await output_of(program, cluster.url) == shown

    assert sessions
    asyncio.run(main())


def test_each_program_passes_the_strictest_type_check(tmp_path: Path) -> None:
    for tutorial in TUTORIALS.glob("*.md"):
        write_programs(tutorial, tmp_path)
    programs = sorted(tmp_path.glob("*.py"))
    assert programs
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", *programs],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
