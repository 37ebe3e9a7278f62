"""Sandboxes on the disk: the ``latest`` links, and those of the agent's earlier lives."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from tepui.agent.core.records import Checkpointed
from tepui.containers.sandbox import LATEST, link_latest


class Collector(Protocol):
    """What removes directories when they are old enough (see ``SandboxCollector``)."""

    def schedule(self, path: Path) -> None:
        """Let a directory be removed that nothing uses from now on."""

    def schedule_found(self, path: Path) -> None:
        """Let a directory be removed that nothing has used since it was changed last."""

    def unschedule(self, path: Path) -> bool:
        """Keep a directory after all; return whether it was waiting."""


def find_leftovers(work_dir: Path) -> list[Path]:
    """Return the sandboxes of all runs below ``work_dir``, then the frameworks' directories."""
    frameworks = [path for path in sorted(work_dir.glob("slaves/*/frameworks/*")) if path.is_dir()]
    runs = [
        run
        for framework in frameworks
        for run in sorted(framework.glob("executors/*/runs/*"))
        if run.is_dir() and not run.is_symlink()
    ]
    return runs + frameworks


def schedule_leftovers(found: list[Path], checkpointed: Checkpointed, collector: Collector) -> None:
    """Schedule what was found, but for what a recorded executor uses."""
    used = {record.directory for record in checkpointed.executors}
    for path in found:
        if str(path) not in used and not any(run.startswith(f"{path}/") for run in used):
            collector.schedule_found(path)


def link_runs(sandboxes: Iterable[str]) -> list[OSError]:
    """Let ``latest`` name each of these runs; return what went wrong."""
    problems: list[OSError] = []
    for sandbox in sandboxes:
        try:
            try:
                # By far the commonest: an executor's first run.
                Path(sandbox).with_name(LATEST).symlink_to(sandbox)
            except FileExistsError:
                link_latest(Path(sandbox))
        except OSError as problem:
            problems.append(problem)
    return problems
