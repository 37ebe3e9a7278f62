"""The sessions in docs/how-to print what is shown there; … stands for what differs each time."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]

HOW_TOS = Path(__file__).parents[3] / "docs" / "how-to"
SESSIONS = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOLD = [page for page in sorted(HOW_TOS.glob("*.md")) if SESSIONS.search(page.read_text())]


def commands(page: Path) -> list[tuple[list[str], list[str]]]:
    """Return the commands of a page in order, each with the lines that it prints."""
    found: list[tuple[list[str], list[str]]] = []
    for session in SESSIONS.findall(page.read_text()):
        for line in session.splitlines():
            if line.startswith("$ "):
                found.append((shlex.split(line.removeprefix("$ tepui ")), []))
            else:
                found[-1][1].append(line)
    return found


def pattern(line: str) -> str:
    """Return what a shown line means: the width of columns depends on what is in them."""
    words = (re.escape(word).replace("…", ".*") for word in line.split())
    return " +".join(words)


@pytest.mark.parametrize("page", TOLD, ids=lambda page: page.stem)
def test_each_command_prints_what_is_shown(page: Path, up: Any, tepui: Any) -> None:
    for words, shown in commands(page):
        done = tepui(up, *words)
        assert done.code == 0, (words, done.err)
        lines = done.out.splitlines()
        assert len(lines) == len(shown), (words, done.out)
        for line, meant in zip(lines, shown, strict=True):
            assert re.fullmatch(pattern(meant), line), (words, line)
