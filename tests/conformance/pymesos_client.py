"""Programs on the unmodified third-party client pymesos, run to their ends."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tepui.daemons.cluster import Cluster

ROOT = Path(__file__).resolve().parents[2]
CLIENTS = Path(__file__).parent / "clients"
VENV = ROOT / ".venv-pymesos"
PYTHON = VENV / "bin" / "python"
RUN_SECONDS_MAX = 110.0

MARKS = [
    pytest.mark.slow,
    pytest.mark.compiler,
    pytest.mark.skipif(
        not (VENV / ".installed").exists(),
        reason="pymesos is not installed (make test does it, given a C compiler)",
    ),
]


async def run_client(cluster: Cluster, program: str, *arguments: str | Path) -> dict[str, Any]:
    """Run one of ``clients/`` against a cluster and return what it saw."""
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        CLIENTS / program,
        cluster.url.removeprefix("http://"),
        *arguments,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, complaints = await asyncio.wait_for(process.communicate(), RUN_SECONDS_MAX)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, (output, complaints.decode())
    seen: dict[str, Any] = json.loads(output)
    return seen
