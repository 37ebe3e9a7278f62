"""docs/reference/limits.md says what the code does, and names tests that are there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "limits.md"


def rows() -> list[tuple[str, str, str, str]]:
    """Return limit, value, place in the code and test of each row."""
    found = []
    for line in PAGE.read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0] != "limit" and not cells[0].startswith("---"):
            limit, value, _, code, test = cells
            found.append((limit, value, code.strip("`"), test.strip("`")))
    return found


def value_at(place: str) -> Any:
    module_name, _, path = place.partition(":")
    value: Any = importlib.import_module(module_name)
    owner, _, field = path.partition(".")
    value = getattr(value, owner)
    if field:
        [value] = [each.default for each in msgspec.structs.fields(value) if each.name == field]
    return value


@pytest.mark.parametrize(("limit", "value", "place", "test"), rows())
def test_a_limit_is_what_is_said_of_it_and_has_its_test(
    limit: str, value: str, place: str, test: str
) -> None:
    number = re.match(r"[0-9,]+", value)
    assert number is not None, f"{limit}: {value!r} does not begin with a number"
    assert int(number[0].replace(",", "")) == value_at(place)
    file, _, name = test.partition("::")
    text = (ROOT / file).read_text()
    assert not name or f"def {name}(" in text


def test_the_page_has_rows() -> None:
    assert len(rows()) > 30
