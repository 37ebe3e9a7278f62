"""Sandboxes on the disk: which are left over, and which is the latest."""

from __future__ import annotations

from pathlib import Path

from tepui.agent.core.records import Checkpointed, ExecutorRecord
from tepui.agent.sandboxes import find_leftovers, link_runs, schedule_leftovers
from tepui.messages import ExecutorID, ExecutorInfo


class Listed:
    """A collector that only lists."""

    def __init__(self) -> None:
        self.found: list[Path] = []

    def schedule(self, path: Path) -> None:
        self.found.append(path)

    def schedule_found(self, path: Path) -> None:
        self.found.append(path)

    def unschedule(self, path: Path) -> bool:
        self.found.remove(path)
        return True


def make_run(work_dir: Path, framework: str, run: str) -> Path:
    path = work_dir / f"slaves/S0/frameworks/{framework}/executors/e/runs/{run}"
    path.mkdir(parents=True)
    return path


def record(directory: Path) -> ExecutorRecord:
    return ExecutorRecord(
        framework_id="f1",
        info=ExecutorInfo(executor_id=ExecutorID(value="e")),
        kind="custom",
        container_id="c",
        directory=str(directory),
    )


def test_what_no_recorded_executor_uses_is_scheduled(tmp_path: Path) -> None:
    used = make_run(tmp_path, "f1", "used")
    old = make_run(tmp_path, "f1", "old")
    over = make_run(tmp_path, "f2", "over")
    link_runs([str(used)])
    collector = Listed()
    checkpointed = Checkpointed(executors=[record(used)])
    schedule_leftovers(find_leftovers(tmp_path), checkpointed, collector)
    assert collector.found == [old, over, tmp_path / "slaves/S0/frameworks/f2"]


def test_nothing_is_left_over_in_an_empty_work_directory(tmp_path: Path) -> None:
    assert find_leftovers(tmp_path) == []


def test_latest_names_the_run_that_was_linked_last(tmp_path: Path) -> None:
    runs = [make_run(tmp_path, "f1", name) for name in ("a", "b")]
    assert link_runs([str(run) for run in runs]) == []
    assert (runs[0].parent / "latest").resolve() == runs[1].resolve()


def test_a_run_that_is_gone_is_no_disaster(tmp_path: Path) -> None:
    (problem,) = link_runs([str(tmp_path / "gone" / "run")])
    assert isinstance(problem, FileNotFoundError)
