"""English text that every machine with Python and this project has."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]

_SKIPPED = frozenset({"test", "tests", "site-packages", "dist-packages", "idle_test", "lib2to3"})


def project_texts() -> Iterator[str]:
    """Yield the project's own documents."""
    for path in sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]):
        yield path.read_text(encoding="utf-8")


def library_texts() -> Iterator[str]:
    """Yield the text files of Python's standard library, and the documentation in its modules."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*")):
        if _SKIPPED.intersection(path.relative_to(root).parts):
            continue
        if path.suffix in (".txt", ".rst"):
            yield path.read_text(encoding="utf-8", errors="replace")
        elif path.suffix == ".py":
            yield "\n\n".join(_docstrings(path))


def _docstrings(path: Path) -> Iterator[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, documented) and (text := ast.get_docstring(node)):
            yield text


def split(texts: Iterator[str], parts: int) -> list[str]:
    """Return the texts as so many parts of about the same length, cut between lines."""
    lines = [line for text in texts for line in text.splitlines()]
    share = sum(map(len, lines)) / parts
    found: list[list[str]] = [[] for _ in range(parts)]
    length = 0
    for line in lines:
        found[min(int(length / share), parts - 1)].append(line)
        length += len(line)
    return ["\n".join(part) + "\n" for part in found]
