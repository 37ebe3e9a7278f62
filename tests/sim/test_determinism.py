"""The same seed gives the same run, whatever Python's hash seed is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


def fingerprint(scenario: str, seed: int, hash_seed: int) -> tuple[str, int]:
    command = [sys.executable, "-m", "tepui.cli", "sim", "run", scenario, "--json"]
    command += ["--seed", str(seed), "--hours", "0.08", "--no-shrink"]
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    [found] = json.loads(run.stdout)
    return found["fingerprint"], found["statistics"]["events"]


@pytest.mark.parametrize("scenario", ["everything", "operations"])
def test_a_run_does_not_hang_on_the_hash_seed(scenario: str) -> None:
    first = fingerprint(scenario, 3, hash_seed=1)
    assert first[1] > 1000
    assert fingerprint(scenario, 3, hash_seed=2) == first


def test_another_seed_is_another_run() -> None:
    assert fingerprint("everything", 3, 1) != fingerprint("everything", 4, 1)
