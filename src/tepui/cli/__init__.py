"""The command line: ``tepui``, and the programs that stand in for Mesos' own.

Nothing heavy is imported before a command needs it, so that ``tepui --help`` is quick.
"""

from __future__ import annotations

import sys

from tepui.cli.starting import end_at_once_on_ctrl_c, run_until_interrupted


def main() -> None:
    """Run ``tepui`` with the process' arguments."""
    end_at_once_on_ctrl_c()
    from tepui.cli.app import run

    sys.exit(run_until_interrupted(lambda: run("tepui", sys.argv[1:])))


def mesos_master() -> None:
    """Run ``mesos-master``: the same as ``tepui master``."""
    end_at_once_on_ctrl_c()
    from tepui.cli.daemon import start

    sys.exit(run_until_interrupted(lambda: start("master", sys.argv[1:])))


def mesos_agent() -> None:
    """Run ``mesos-agent``: the same as ``tepui agent``."""
    end_at_once_on_ctrl_c()
    from tepui.cli.daemon import start

    sys.exit(run_until_interrupted(lambda: start("agent", sys.argv[1:])))


def mesos_execute() -> None:
    """Run ``mesos-execute``: ``tepui run`` with the flags written as Mesos' programs take them."""
    end_at_once_on_ctrl_c()
    from tepui.cli.app import run
    from tepui.cli.execute import as_run_arguments

    arguments = as_run_arguments(sys.argv[1:])
    sys.exit(run_until_interrupted(lambda: run("mesos-execute", arguments, command="run")))
