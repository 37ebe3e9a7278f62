"""Lets the tests here share the package ``golden``, and the one replay of the record."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return what our cluster answered to all that is replayed."""
    from golden.scenario import Replay

    replay = Replay()
    asyncio.run(replay.run(tmp_path_factory.mktemp("golden")))
    return replay
