"""Where the name of a plug-in leads: to one of ours, an entry point, or a place in a module."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from tepui.base.flags import FlagError


def find_plugin(
    name: str,
    *,
    flag: str,
    group: str,
    ours: Mapping[str, Callable[..., Any]],
    makes: str,
    protocol: type,
) -> Callable[..., Any]:
    """Return what makes the plug-in called ``name``.

    Args:
        name: One of ours, an entry point of ``group``, or ``module:attribute``.
        flag: What the name was given for.
        group: The entry point group in which distributions name theirs.
        ours: They work without any installed metadata, and nobody else's entry point takes
            their place.
        makes: What is made, in words.
        protocol: What it has to have. What is returned raises a `FlagError` if something of it
            is missing, or if a stranger's plug-in cannot be made.

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
    except Exception as error:  # a stranger's module may raise anything
        raise FlagError(f"--{flag}: {name!r} cannot be loaded: {_told(error)}") from error
    if not callable(made):
        raise FlagError(f"--{flag}: {name!r} is {made!r}, which makes no {makes}")
    return partial(_make, made, f"--{flag}={name}", makes, protocol)


def _make(make: Callable[..., Any], flag: str, makes: str, protocol: type, *arguments: Any) -> Any:
    try:
        made = make(*arguments)
    except Exception as error:  # and so may what it makes
        raise FlagError(f"{flag}: {_told(error)}") from error
    missing = [each for each in _asked_by(protocol) if not hasattr(made, each)]
    if missing:
        raise FlagError(f"{flag}: {made!r} is no {makes}: it lacks {', '.join(missing)}")
    return made


def _asked_by(protocol: type) -> list[str]:
    names = [*protocol.__annotations__, *vars(protocol)]
    return [each for each in names if not each.startswith("_")]


def _told(error: Exception) -> str:
    """Return what an error says, with its kind unless that only says that a value is wrong."""
    is_plain = isinstance(error, ImportError | AttributeError | ValueError | TypeError)
    return str(error) if is_plain else f"{type(error).__name__}: {error}"


def _from_module(place: str) -> Any:
    module, _, attribute = place.partition(":")
    return getattr(import_module(module), attribute)
