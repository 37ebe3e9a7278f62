"""For all tests: where everything is there, a test that skips has failed."""

from __future__ import annotations

import os

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
