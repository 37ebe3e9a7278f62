"""The command line: ``tepui``, and the programs that stand in for Mesos' own.

Nothing heavy is imported before a command needs it, so that ``tepui --help`` is quick.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``tepui`` with the process' arguments."""
    _run("tepui", sys.argv[1:])


def mesos_master() -> None:
    """Run ``mesos-master``: the same as ``tepui master``."""
    from tepui.cli.daemon import start

    start("master", sys.argv[1:])


def mesos_agent() -> None:
    """Run ``mesos-agent``: the same as ``tepui agent``."""
    from tepui.cli.daemon import start

    start("agent", sys.argv[1:])


def mesos_execute() -> None:
    """Run ``mesos-execute``: ``tepui run`` with the flags written as Mesos' programs take them."""
    from tepui.cli.execute import as_run_arguments

    _run("mesos-execute", as_run_arguments(sys.argv[1:]))


def _run(program: str, arguments: list[str]) -> None:
    import signal

    from tepui.cli.app import run

    # A reader that has seen enough, such as head, is no failure.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(run(program, arguments))
