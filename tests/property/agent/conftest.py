"""Borrow the stage of the unit tests."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_STAGE = Path(__file__).parents[2] / "unit" / "agent" / "conftest.py"


def _load() -> Any:
    name = "tests_agent_stage"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _STAGE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture
def open_conversation() -> Callable[..., Any]:
    conversation: Callable[..., Any] = _load().Conversation
    return conversation
