"""The examples in the SDK's documentation run."""

from __future__ import annotations

import doctest
import importlib

import pytest

MODULES = [
    "tepui.sdk.core.addresses",
    "tepui.sdk.executor",
    "tepui.sdk.jobs",
    "tepui.sdk.operator",
    "tepui.sdk.sandbox",
    "tepui.sdk.scheduler",
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
