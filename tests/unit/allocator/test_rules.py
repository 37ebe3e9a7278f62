"""Each rule of Mesos' allocator has a test that names its number."""

from __future__ import annotations

import json
import re
from pathlib import Path

TESTS = Path(__file__).parents[2]
RULES: dict[str, list[int]] = json.loads((TESTS / "data/mesos/allocator-rules.json").read_text())
# docs/decisions/0002-event-driven-allocation.md says what holds instead.
REPLACED = {5, 6}

_TEST = re.compile(r"def test_(\w+)")
_RULES = re.compile(r"rules?_(\d+(?:_\d+)*(?:_(?:and|to)_\d+)?)")


def named(text: str) -> set[int]:
    """Return the rules that tests in ``text`` name: ``rule_1``, ``rules_1_2_and_3``."""
    numbers: set[int] = set()
    for name in _TEST.findall(text):
        if (match := _RULES.search(name)) is None:
            continue
        found = match[1]
        first, _, last = found.partition("_to_")
        if last:
            numbers |= set(range(int(first), int(last) + 1))
        else:
            numbers |= {int(each) for each in re.findall(r"\d+", found)}
    return numbers


def test_names_with_one_rule_several_and_a_range_are_understood() -> None:
    text = """
def test_rule_1_one() -> None: ...
def test_rules_2_3_and_5_some() -> None: ...
    def test_of_rules_7_to_9() -> None: ...
"""
    assert named(text) == {1, 2, 3, 5, 7, 8, 9}


def test_every_rule_is_named_by_a_test() -> None:
    numbers = {number for group in RULES.values() for number in group}
    assert numbers == set(range(1, 93))
    found: set[int] = set()
    for path in sorted(TESTS.rglob("test_*.py")):
        if path != Path(__file__):
            found |= named(path.read_text())
    assert sorted(numbers - found - REPLACED) == []
