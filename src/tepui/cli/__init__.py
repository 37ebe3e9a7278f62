"""The command line: ``tepui``, and the programs that stand in for Mesos' own.

Nothing heavy is imported before a command needs it, so that ``tepui --help`` is quick.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run ``tepui`` with the process' arguments."""
    from tepui.cli.app import run

    sys.exit(run("tepui", sys.argv[1:]))


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
    from tepui.cli.app import run
    from tepui.cli.execute import as_run_arguments

    sys.exit(run("mesos-execute", as_run_arguments(sys.argv[1:]), command="run"))
