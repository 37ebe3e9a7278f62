"""For all tests: where everything is there, a test that skips has failed."""

from __future__ import annotations

import importlib.util
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which a test skipped, if ``TEPUI_NOTHING_SKIPS`` asks for it, as CI does."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("TEPUI_NOTHING_SKIPS") or reporter is None:
        return
    if skipped := len(reporter.stats.get("skipped", [])):
        reporter.write_line(f"\n{skipped} tests skipped, and none may here", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="session")
def ensembles() -> Any:
    """What starts real ZooKeeper servers, or skips with what is missing here."""
    path = Path(__file__).parents[1] / "bench" / "ensemble.py"
    spec = importlib.util.spec_from_file_location("ensemble", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not module.is_installed():
        pytest.skip(module.MISSING)
    return module


@pytest.fixture(scope="session")
def zookeeper(ensembles: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """One server for all tests of this process that leave it as it is."""
    with ensembles.started(tmp_path_factory.mktemp("zookeeper"), 1) as ensemble:
        yield ensemble


@pytest.fixture(scope="session")
def three_zookeepers(ensembles: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An ensemble of three for all tests; one that takes servers away gives them back."""
    with ensembles.started(tmp_path_factory.mktemp("three"), 3) as ensemble:
        yield ensemble


@pytest.fixture(scope="session")
def zookeeper_paths() -> Callable[[], str]:
    """Give a path in ZooKeeper that no other test has."""
    numbers = itertools.count()
    return lambda: f"/tests/{next(numbers)}"
