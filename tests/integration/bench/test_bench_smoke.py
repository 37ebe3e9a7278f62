"""Every benchmark runs at a tiny size and says what it says at full size. No time is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[3]

LIFECYCLE_KEYS = {"per_second", "master_cpu_us", "agents_cpu_us", "framework_cpu_us"}
TASKS_KEYS = {"what", "per_second", "to_running_median_ms", "to_running_p99_ms", "agent_cpu_us"}
LOOP_KEYS = {"what", "probes", "median_ms", "p99_ms", "longest_ms", "offers_per_second"}
SCALABILITY_KEYS = {
    "overhead_mean_ms",
    "to_offer_ms",
    "launches_per_second",
    "busy_percent",
    "master_percent",
    "agents_percent",
    "frameworks_percent",
}

pytestmark = pytest.mark.slow


def run(tmp_path: Path, name: str, *arguments: str) -> dict[str, Any]:
    """Run a benchmark and return its JSON; its results and sandboxes stay out of the way."""
    environment = {**os.environ, "BENCH_RESULTS": str(tmp_path), "BENCH_DIRECTORY": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{name}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert found["benchmark"] == name
    assert {"cpu", "cores", "memory_mb", "python", "libraries"} <= found["machine"].keys()
    assert found["rows"]
    for goal in found["goals"]:
        assert goal.keys() == {"what", "value", "limit", "unit", "is_more_better", "is_met"}
    return found


def test_life_cycles_go_through_a_real_master(tmp_path: Path) -> None:
    arguments = ("--tasks=40", "--warm_up=5", "--agents=3", "--rounds=1")
    found = run(tmp_path, "lifecycle", *arguments)
    assert len(found["goals"]) == 2
    assert found["rows"][0].keys() >= LIFECYCLE_KEYS
    assert found["rows"][0]["per_second"] > 0


def test_real_tasks_run_on_a_real_agent(tmp_path: Path) -> None:
    found = run(tmp_path, "tasks", "--tasks=10", "--single_tasks=3", "--in_flight=4")
    assert len(found["goals"]) == 2
    assert len(found["rows"]) == 4
    for row in found["rows"]:
        assert row.keys() >= TASKS_KEYS
        assert row["to_running_median_ms"] > 0


def test_memory_is_told_for_each_process_and_task(tmp_path: Path) -> None:
    found = run(tmp_path, "memory", "--agents=3", "--tasks=6", "--real_tasks=3")
    goals = {goal["what"]: goal["value"] for goal in found["goals"]}
    assert goals.keys() == {"agent", "supervisor", "processes for each command task"}
    assert goals["processes for each command task"] == 1.0
    assert all(row["resident_mb"] > 0 for row in found["rows"])


def test_the_loop_is_watched_while_agents_register_and_offers_move(tmp_path: Path) -> None:
    arguments = ("--agents=4", "--frameworks=3", "--seconds=0.5", "--refuse_seconds=0")
    found = run(tmp_path, "loop", *arguments)
    registered, declined = found["rows"]
    assert registered.keys() >= LOOP_KEYS
    assert declined["probes"] > 0


def test_a_pass_of_the_allocator_is_told_with_and_without_the_collector(tmp_path: Path) -> None:
    found = run(tmp_path, "allocation", "--sizes=20x5")
    assert [row["gc"] for row in found["rows"]] == ["default", "calmed"]
    assert all(row["offers"] == 20 for row in found["rows"])


def test_frameworks_come_to_their_shares_and_the_picture_is_drawn(tmp_path: Path) -> None:
    picture = tmp_path / "docs" / "shares.svg"
    found = run(tmp_path, "convergence", "--agents=20", f"--picture={picture}")
    assert {row["work"] for row in found["rows"]} == {"heavy", "varied", "unequal"}
    assert [goal["unit"] for goal in found["goals"]] == ["%", "%"]
    drawn = ElementTree.parse(picture).getroot()
    assert drawn.tag.endswith("svg")
    assert sum(each.tag.endswith("path") for each in drawn.iter()) > 20


def test_an_operators_requests_are_carried_out_and_made_room_for(tmp_path: Path) -> None:
    arguments = ("--reservations=6", "--frameworks=3", "--requests=4")
    found = run(tmp_path, "operations", *arguments)
    [row] = found["rows"]
    assert row["offers"] == 3
    assert row["rescinded"] > 0
    assert [goal["unit"] for goal in found["goals"]] == ["ms"]


def test_sharing_is_told_by_quota_refusals_and_conversions(tmp_path: Path) -> None:
    found = run(tmp_path, "sharing", "--part=0.01")
    kinds = {row["what"].partition(",")[0] for row in found["rows"]}
    assert kinds == {"quota", "declines", "declined", "declined: found out", "conversions"}
    for row in found["rows"]:
        assert row.keys() >= {"agents", "frameworks", "offers", "pass_ms", "cpu_ms"}
        if row["what"].startswith("declined"):
            assert row["offers"] == 0


def test_the_states_answers_are_told_cold_and_warm(tmp_path: Path) -> None:
    found = run(tmp_path, "state", "50")
    assert "/state" in {row["answer"] for row in found["rows"]}
    assert all(row.keys() >= {"cold_ms", "warm_ms", "megabytes"} for row in found["rows"])


def test_a_probe_finds_its_place_on_a_busy_cluster_and_the_picture_is_drawn(
    tmp_path: Path,
) -> None:
    picture = tmp_path / "docs" / "scalability.svg"
    load = ("--sizes=4,12", "--frameworks=3", "--mean_seconds=0.4", "--spread_seconds=0.2")
    probes = ("--probes=2", "--probe_seconds=0.2", "--probe_every_seconds=0.1")
    arguments = (*load, *probes, "--settle_seconds=0", "--agents_per_link=5")
    found = run(tmp_path, "scalability", *arguments, f"--picture={picture}")
    assert [row["agents"] for row in found["rows"]] == [4, 12]
    for row in found["rows"]:
        assert row.keys() >= SCALABILITY_KEYS
        assert 0 < row["overhead_min_ms"] <= row["overhead_mean_ms"] <= row["overhead_max_ms"]
    drawn = ElementTree.parse(picture).getroot()
    assert drawn.tag.endswith("svg")
    assert sum(each.tag.endswith("circle") for each in drawn.iter()) == 6


def test_agents_with_tasks_come_back_to_a_master_that_has_just_started(tmp_path: Path) -> None:
    arguments = ("--agents=7", "--tasks=3", "--frameworks=4", "--agents_per_link=3")
    found = run(tmp_path, "reregistration", *arguments, "--frameworks_per_agent=2")
    [row] = found["rows"]
    assert row["tasks"] == 21
    assert row["seconds"] > 0
    assert row["master_mb"] > 0


def test_the_simulators_hours_are_told_for_each_scenario_and_size(tmp_path: Path) -> None:
    found = run(tmp_path, "simulation", "--plans=calm:3:0.005,everything:4:0.005")
    assert [row["scenario"] for row in found["rows"]] == ["calm", "everything"]
    for row in found["rows"]:
        assert row["cluster_hours_per_second"] > 0
        assert row["events_per_second"] > 0


def test_the_runner_knows_all_benchmarks_and_refuses_others() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "nonsense"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 64
    for name in (
        "allocation",
        "convergence",
        "failover",
        "lifecycle",
        "loop",
        "memory",
        "reregistration",
        "scalability",
        "sharing",
        "simulation",
        "state",
        "tasks",
    ):
        assert f"'{name}'" in done.stderr


@pytest.mark.xdist_group("zookeeper")
def test_the_registry_is_written_and_read_in_each_store(tmp_path: Path) -> None:
    found = run(tmp_path, "registry", "--agents=300")
    for row in found["rows"]:
        assert row["admitted_per_second"] > 0


@pytest.mark.xdist_group("zookeeper")
def test_leaders_are_deposed_and_the_next_ones_offer(tmp_path: Path) -> None:
    arguments = ("--agents=6", "--frameworks=3", "--session_seconds=1", "--rounds=1")
    found = run(tmp_path, "failover", *arguments)
    assert [row["how"] for row in found["rows"]] == ["kill -9", "clean stop"]
    for row in found["rows"]:
        assert 0 < row["first_offer_seconds"] <= row["all_offered_seconds"]
    assert [goal["limit"] for goal in found["goals"]] == [2.0, 1.0]
