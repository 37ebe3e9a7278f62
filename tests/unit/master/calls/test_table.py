"""The table of operator calls against the facts about Mesos'."""

from __future__ import annotations

from collections.abc import Callable
from pkgutil import iter_modules

from tepui.master import calls
from tepui.master.calls import TABLE


def test_each_call_is_answered_and_guarded_as_the_facts_say(
    unlike_the_facts: Callable[..., list[str]],
) -> None:
    assert unlike_the_facts("master", TABLE) == []


def test_each_handler_is_in_the_module_of_its_family() -> None:
    modules = {f"{calls.__name__}.{found.name}" for found in iter_modules(calls.__path__)}
    handlers = [row.handler for row in TABLE.values() if row.handler is not None]
    assert {handler.__module__ for handler in handlers} == modules
    assert [handler.__name__ for handler in handlers] == [
        kind.name.lower() for kind, row in TABLE.items() if row.handler is not None
    ]
