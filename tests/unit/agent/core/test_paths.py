"""Sandboxes lie where those who work with files look for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.agent.core import paths
from tepui.containers import sandbox

IDS = ["plain", "with space", "..", ".", "", "a/b", "50%", "%2F"]


@pytest.mark.parametrize("name", IDS)
def test_the_core_and_the_containers_agree(name: str) -> None:
    work_dir = Path("/w")
    run = paths.run_directory("/w", "S0", name, name, "c")
    assert run == str(sandbox.executor_sandbox(work_dir, "S0", name, name, "c"))
    framework = paths.framework_directory("/w", "S0", name)
    assert framework == str(sandbox.framework_directory(work_dir, "S0", name))
    nested = paths.nested_directory(run, "c.d")
    assert nested == str(sandbox.nested_sandbox(Path(run), "c.d"))
