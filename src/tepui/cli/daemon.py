"""``tepui master`` and ``tepui agent``: hand over to the daemons, with Mesos' flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Literal, NoReturn

import typer


def master(context: typer.Context) -> None:
    """Run a master, with Mesos' flags."""
    start("master", context.args)


def start(kind: Literal["master", "agent"], arguments: Sequence[str]) -> NoReturn:
    """Become the daemon, with ``arguments`` as they are; does not return."""
    daemon = import_module(f"tepui.daemons.{kind}")
    sys.exit(daemon.main(list(arguments)))
