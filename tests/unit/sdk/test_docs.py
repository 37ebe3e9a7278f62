"""The SDK is documented: every public name says what it is, and the examples run."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil

import pytest

import tepui.sdk

MODULES = [found.name for found in pkgutil.walk_packages(tepui.sdk.__path__, "tepui.sdk.")]
NAMES = [name for name in tepui.sdk.__all__ if callable(getattr(tepui.sdk, name))]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module: str) -> None:
    assert doctest.testmod(importlib.import_module(module)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("SchedulerClient", "ExecutorClient", "OperatorClient", "Batch", "Sandboxes"):
        found = finder.find(getattr(tepui.sdk, name))
        assert any(test.examples for test in found), name


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_documented_with_all_that_it_has(name: str) -> None:
    thing = getattr(tepui.sdk, name)
    silent = [] if thing.__doc__ else [name]
    if inspect.isclass(thing):
        silent += [
            f"{name}.{member}"
            for member, value in inspect.getmembers(thing)
            if not member.startswith("_")
            and (inspect.isfunction(value) or isinstance(value, property))
            and not inspect.getdoc(value)
        ]
    assert silent == []
