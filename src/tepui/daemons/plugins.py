"""Where the name of a plug-in leads: to one of ours, an entry point, or a place in a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tepui.base.flags import FlagError


def find_plugin(
    name: str, *, flag: str, group: str, ours: Mapping[str, Callable[..., Any]], makes: str
) -> Callable[..., Any]:
    """Return what makes the plug-in called ``name``.

    Args:
        name: One of ours, an entry point of ``group``, or ``module:attribute``.
        flag: What the name was given for.
        group: The entry point group in which distributions name theirs.
        ours: They work without any installed metadata, and nobody else's entry point takes
            their place.
        makes: What is made, in words.

    Raises:
        FlagError: There is none of this name, or it cannot be loaded.
    """
    if name in ours:
        return ours[name]
    installed = {each.name: each.load for each in entry_points(group=group)}
    load = partial(_from_module, name) if ":" in name else installed.get(name)
    if load is None:
        names = ", ".join(sorted({*ours, *installed}))
        raise FlagError(
            f"--{flag}: {name!r} is neither module:attribute nor one of those installed: {names}"
        )
    try:
        made = load()
    except (ImportError, AttributeError, ValueError) as error:
        raise FlagError(f"--{flag}: {name!r} cannot be loaded: {error}") from error
    if not callable(made):
        raise FlagError(f"--{flag}: {name!r} is {made!r}, which makes no {makes}")
    return made  # type: ignore[no-any-return] # callable() has said so much


def _from_module(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
