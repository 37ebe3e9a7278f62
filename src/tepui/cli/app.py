"""The ``tepui`` program: its commands, and what happens when one fails."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from tepui.cli import (
    agent,
    agents,
    daemon,
    draining,
    execute,
    explain,
    frameworks,
    kill,
    logs,
    maintenance,
    quota,
    replay,
    reservations,
    roles,
    sim,
    state,
    tasks,
    up,
    volumes,
    weights,
)
from tepui.cli import run as run_
from tepui.cli.errors import (
    EX_FAILED,
    EX_INTERRUPTED,
    EX_READER_GONE,
    EX_RUN_FAILED,
    EX_USAGE,
    CommandFailed,
)

# Typer carries a click of its own under a private name; its base error is reached this way.
_UsageError: Any = typer.BadParameter.__mro__[1]

# Everything after the name of these commands is theirs.
_UNTOUCHED = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(
    name="tepui",
    help="Run a cluster that speaks the Apache Mesos APIs, and work with it.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("up")(up.up)
app.command("master", context_settings=_UNTOUCHED, add_help_option=False)(daemon.master)
app.add_typer(agent.commands, name="agent")
# What follows the command's own name is the command's, options included.
app.command("run", context_settings={"allow_interspersed_args": False})(run_.run)
app.command("agents")(agents.agents)
app.command("frameworks")(frameworks.frameworks)
app.command("tasks")(tasks.tasks)
app.command("roles")(roles.roles)
app.command("explain")(explain.explain)
app.command("state")(state.state)
app.command("logs")(logs.logs)
app.command("kill")(kill.kill)
app.add_typer(quota.commands, name="quota")
app.add_typer(weights.commands, name="weight")
app.command("reservations")(reservations.reservations)
app.command("reserve")(reservations.reserve)
app.command("unreserve")(reservations.unreserve)
app.add_typer(volumes.commands, name="volume")
app.add_typer(maintenance.commands, name="maintenance")
app.command("drain")(draining.drain)
app.command("replay")(replay.replay)
app.add_typer(sim.commands, name="sim")


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """Run a cluster that speaks the Apache Mesos APIs, and work with it."""
    if version:
        from importlib.metadata import version as version_of

        typer.echo(f"tepui {version_of('tepui')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(EX_USAGE)


def run(program: str, arguments: Sequence[str], command: str | None = None) -> int:
    """Run the program and return its exit code; every failure is one line on standard error.

    Args:
        program: What it is called.
        arguments: Of the process.
        command: The program is this command by itself.
    """
    try:
        code = _invoke(program, arguments, command)
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except _UsageError as error:
        return _fail(program, _usage_problem(error), _usage_code(error))
    except CommandFailed as error:
        return _fail(program, str(error), error.code)
    except (KeyboardInterrupt, typer.Abort):
        return EX_INTERRUPTED
    except BrokenPipeError:
        # A reader that has seen enough, such as head, needs no word. What is still buffered would
        # fail again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EX_READER_GONE
    return code if isinstance(code, int) else 0


def _invoke(program: str, arguments: Sequence[str], command: str | None) -> Any:
    # Not through typer's own way to run a program, which ends it when a pipe breaks.
    chosen: Any = typer.main.get_command(app)
    if command is not None:
        chosen = chosen.commands[command]
    with chosen.make_context(program, list(arguments)) as context:
        return chosen.invoke(context)


def _usage_code(error: Any) -> int:
    # A task may end with the usual code of mistakes, so that a run has another.
    context = error.ctx
    # Other groups have a command of this name, too.
    is_run = (
        context is not None
        and context.command.name == "run"
        and (context.parent is None or context.parent.parent is None)
    )
    return EX_RUN_FAILED if is_run else EX_USAGE


def _usage_problem(error: Any) -> str:
    """Return what is wrong with the arguments; options of Mesos' that we know are named as such."""
    option = getattr(error, "option_name", None)
    if option is not None and (known := execute.not_supported(option)):
        return known
    if option is not None and error.ctx is not None and error.ctx.parent is None:
        commands = getattr(error.ctx.command, "commands", {}).values()
        if any(option in each.opts for command in commands for each in command.params):
            return f"{option} goes after the command, as in: tepui agents {option}=…"
    return " ".join(str(error.format_message()).split())


def _fail(program: str, message: str, code: int = EX_FAILED) -> int:
    sys.stderr.write(f"{program}: {message}\n")
    return code
