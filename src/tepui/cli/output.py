"""Tables for people, plain columns for pipes, JSON for programs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any

from tepui.codec import json as codec
from tepui.messages import Message, Resource
from tepui.resources import Resources

_FOLDED = ("ID", "NAME", "ROLES", "ROLE", "FRAMEWORK")
_FOLDED_WIDTH = 12


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under headings; nothing is cut off, whatever the width of the terminal.

    Ids and names are folded if that makes the table fit; else, and into files and pipes, each
    row is one line.
    """
    lines = [columns, *rows]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    if sys.stdout.isatty() and _least_width(columns, widths) <= shutil.get_terminal_size().columns:
        _print_rich(columns, lines[1:])
        return
    for line in lines:
        padded = (text.ljust(width) for text, width in zip(line, widths, strict=True))
        print("  ".join(padded).rstrip())


def _least_width(columns: Sequence[str], widths: Sequence[int]) -> int:
    """Return the width of a table whose foldable columns are folded as far as is readable."""
    folded = [
        min(width, _FOLDED_WIDTH) if column in _FOLDED else width
        for column, width in zip(columns, widths, strict=True)
    ]
    return sum(folded) + 2 * len(columns)


def _print_rich(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # What is long and looked at least.
        table.add_column(column, overflow="fold", no_wrap=column not in _FOLDED)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    Console().print(table)


def print_json(value: Any) -> None:
    """Print JSON, indented; messages in the form of the API."""
    import json

    print(json.dumps(_builtins(value), indent=2, ensure_ascii=False))


def _builtins(value: Any) -> Any:
    if isinstance(value, Message):
        return codec.to_builtins(value)
    if isinstance(value, list):
        return [_builtins(each) for each in value]
    return value


class Amounts:
    """How much of each resource there is, for a table's cells."""

    def __init__(self, resources: list[Resource]) -> None:
        self._quantities = Resources.from_messages(resources).quantities()

    def of(self, name: str) -> str:
        """Return the amount of one resource: ``0.5``, ``128``, ``0`` for none."""
        return f"{self._quantities.get(name, 0) / 1000:.3f}".rstrip("0").rstrip(".")


def used_of_total(used: list[Resource], total: list[Resource], name: str) -> str:
    """Return ``used/total`` of one resource."""
    return f"{Amounts(used).of(name)}/{Amounts(total).of(name)}"
