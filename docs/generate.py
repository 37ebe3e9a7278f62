"""Write the pages of docs/reference that are drawn from the code: ``make reference``.

A test compares what this would write with what is there, so that the pages stay true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import typer

from tepui.agent import calls as agent_calls
from tepui.agent import flags as agent_flags
from tepui.base.daemon_flags import DaemonFlags
from tepui.base.flags import Flag, declared
from tepui.cli.app import app
from tepui.master import calls as master_calls
from tepui.master import flags as master_flags

REFERENCE = Path(__file__).parent / "reference"
NOTE = "<!-- Drawn from the code by docs/generate.py: change it there and run make reference. -->"

CLI_INTRODUCTION = """
`tepui COMMAND --help` says the same. The commands that ask a cluster find its master by
`--master` (`-m`), else by the variable `TEPUI_MASTER`, else at `http://127.0.0.1:5050`; of
several masters, separated by commas, any leads to the leader.

| exit code | means |
|---|---|
| 0 | all is well |
| 1 | it did not work; one line on standard error says why |
| 2 | the command was mistaken |
| 64, 69, 70 | `master` and `agent`: mistaken flags; cannot start; a bug of ours |
| 125 | `run`: the command was mistaken, or could not be run |
| 130 | interrupted |
| 141 | the reader of the output has gone, as in `tepui tasks \\| head -1` |
| others | `run`: the code of the task; 128 and the signal's number if a signal ended it |

What changes something has `--dry-run`: nothing is sent, and the answer is the call that would be,
and why the master would refuse it (exit code 1), as far as its rules can be applied from outside.
What destroys something asks first on a terminal; elsewhere it needs `--yes`. An agent is named by
its id, by the end of it, such as `S3`, by its host, or by host and port. Sizes may have a unit
(`512m`, `1g`; megabytes without), lengths of time are written `30s`, `10m` or `1h30m`.

Three more programs stand in for those of Mesos: `mesos-master` is `tepui master`, `mesos-agent`
is `tepui agent`, and `mesos-execute` is `tepui run`, whose options include its flags (also as
`--no-shell` and the like).
"""

FLAGS_INTRODUCTION = """
A flag is written `--name=value` or `--name value`; flags of truth values also `--name` and
`--no-name`. Its value comes from the command line, else from the variable `MESOS_NAME`, else from
the TOML file that `--config` names, else from its default. A value `file:///path` stands for the
content of that file, unless the flag is a path itself. A flag that is unknown, has a bad value,
or belongs to Mesos and is not supported yet ends the program with one line and exit code 64;
nothing is ignored.
"""

ENDPOINTS_INTRODUCTION = """
Paths, parameters, methods, status codes and the shapes of the answers are those of Mesos 1.11. A
path of the master may also begin with `/master`, one of the agent with `/slave(1)`. What lies
below a path is served by it. `jsonp=NAME` wraps a JSON answer. Big answers are packed with gzip
for those who accept that. A master that does not lead redirects (307) to the one that does.
"""

MASTER_PATHS: dict[str, str] = {
    "/api/v1": "POST: calls of the v1 operator API, in JSON or protobuf (below)",
    "/api/v1/scheduler": "POST: calls of the v1 scheduler API; SUBSCRIBE answers with a stream",
    "/api/explain": "GET, Tepui's own: why the framework of `framework_id` or the role of `role` "
    "waits, and whether `cpus=…&mem=…` fits; see "
    "[why does my task wait](../how-to/why-does-my-task-wait.md)",
    "/api/explain/roles": "GET, Tepui's own: of each role, in short, why it may be waiting",
    "/allocator/offer_constraints_debug": "which agents the offer constraints of frameworks "
    "exclude, by role; `framework_id`, which is Tepui's own, asks about one",
    "/api/kill": "POST, Tepui's own: ends the task of `framework_id` and `task_id`",
    "/state": "all that the master knows",
    "/state-summary": "agents and frameworks with sums of their tasks",
    "/slaves": "agents; `slave_id`",
    "/frameworks": "frameworks with their tasks; `framework_id`",
    "/tasks": "tasks; `framework_id`, `task_id`, `limit`, `offset`, `order`",
    "/roles": "roles with their weights, frameworks and resources",
    "/weights": 'GET: weights of roles; PUT: sets some, `[{"role": …, "weight": …}]`',
    "/quota": "GET: quota of roles; POST: guarantees and limits a role, "
    "`{role, guarantee, force}`; DELETE `/quota/ROLE`: takes its quota away",
    "/maintenance/schedule": "GET, POST: the maintenance schedule",
    "/maintenance/status": "GET: machines that drain, with frameworks' answers, and that are down",
    "/registrar(1)/registry": "what this master's registry holds, in the form of Mesos' registry",
    "/redirect": "307 to the leading master",
    "/create-volumes": "POST: makes persistent volumes of reserved disk; `slaveId`, `volumes`",
    "/destroy-volumes": "POST: ends persistent volumes with all in them; `slaveId`, `volumes`",
    "/reserve": "POST: reserves resources of an agent for a role, or moves what is reserved of "
    "`source`; `slaveId`, `resources`, `source`",
    "/unreserve": "POST: gives reserved resources back to all; `slaveId`, `resources`",
    "/teardown": "POST: ends the framework that the form's `frameworkId` names",
    "/machine/down": "POST: machines go down, and their agents with them",
    "/machine/up": "POST: machines are in use again",
}

AGENT_PATHS: dict[str, str] = {
    "/api/v1": "POST: calls of the v1 agent API, in JSON or protobuf (below)",
    "/api/v1/executor": "POST: calls of the v1 executor API; SUBSCRIBE answers with a stream",
    "/state": "all that the agent knows, sandboxes' directories included",
    "/containers": "containers of executors; `container_id`, or `framework_id` and `executor_id`",
    "/monitor/statistics": "what executors use",
    "/containerizer/debug": "operations of the containerizer that are not done",
}

COMMON_PATHS: dict[str, str] = {
    "/health": "200 as soon as requests are answered",
    "/version": "what this is",
    "/flags": "flags with their values",
    "/metrics/snapshot": "all metrics as one JSON object; `timeout`",
    "/metrics/prometheus": "the same in the format of Prometheus",
    "/logging/toggle": "how much is logged; `level` and `duration` raise it for a while",
    "/files/browse": "the content of a directory; `path`",
    "/files/read": "a part of a file as JSON; `path`, `offset`, `length`",
    "/files/download": "a whole file; `path`",
    "/files/debug": "which paths stand for which files",
}


def pages() -> dict[Path, str]:
    """Return what each page has to be."""
    return {
        REFERENCE / "cli.md": cli_page(),
        REFERENCE / "flags.md": flags_page(),
        REFERENCE / "endpoints.md": endpoints_page(),
    }


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    lines = [list(heads)]
    lines.append(["---"] * len(lines[0]))
    lines += [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def page(title: str, introduction: str, *parts: str) -> str:
    """Return a page in Markdown."""
    return "\n\n".join([f"# {title}", NOTE, introduction.strip(), *parts]) + "\n"


# -- commands --


def cli_page() -> str:
    """Return the page about the tepui command."""
    commands: Mapping[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    parts = [_command(name, command) for name, command in commands.items()]
    return page("Command line", CLI_INTRODUCTION, *parts)


def _command(name: str, command: Any, level: str = "##") -> str:
    title = f"{level} tepui {name}"
    told = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
    if name in ("master", "agent"):
        told += f" The flags are listed in [flags.md](flags.md#tepui-{name})."
    if name == "master":
        return f"{title}\n\n{told}"
    if verbs := getattr(command, "commands", None):
        parts = [_command(f"{name} {verb}", each, f"{level}#") for verb, each in verbs.items()]
        return "\n\n".join([f"{title}\n\n{told}", *parts])
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    words = " ".join(_word(each) for each in arguments)
    usage = f"    tepui {name} [OPTIONS] {words}".rstrip()
    if arguments:
        told += "\n\n" + "\n".join(f"- `{_word(each)}`: {each.help}" for each in arguments)
    options = [each for each in command.params if each.param_type_name == "option"]
    rows = [[_spelled(each), each.help or "", _default(each)] for each in options]
    return f"{title}\n\n{usage}\n\n{told}\n\n" + table(["option", "meaning", "default"], rows)


def _word(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    return word if argument.required else f"[{word}]"


def _spelled(option: Any) -> str:
    return ", ".join(f"`{name}`" for name in option.opts)


def _default(option: Any) -> str:
    if option.required:
        return "(needed)"
    if option.default is None or option.is_flag or option.multiple or option.default == "":
        return ""
    return f"`{option.default}`"


# -- flags --


def flags_page() -> str:
    """Return the page about the daemons' flags."""
    master, agent = master_flags.MasterFlags, agent_flags.AgentFlags
    common = declared(DaemonFlags)
    return page(
        "Flags of master and agent",
        FLAGS_INTRODUCTION,
        "## tepui master",
        _flags(master, {k: v for k, v in declared(master).items() if k not in common}),
        "## tepui agent",
        _flags(agent, {k: v for k, v in declared(agent).items() if k not in common}),
        "## Both",
        _flags(DaemonFlags, common),
        "## Mesos' flags with one value so far",
        "These are taken at the value shown, which says what is done; any other is refused.",
        table(["flag", "of"], _fixed()),
        "## Mesos' flags that are refused",
        "Their subject does not exist here yet.",
        _refused("Master", master_flags.REFUSED),
        _refused("Agent", agent_flags.REFUSED),
    )


def _flags(kind: type[DaemonFlags], flags: Mapping[str, Flag]) -> str:
    defaults = kind()
    rows = []
    for name, flag in flags.items():
        value = getattr(defaults, name)
        default = "" if value is None or value == "" else f"`{flag.kind.format(value)}`"
        own = "; Tepui's own" if flag.own else ""
        alias = f"; also `--{flag.alias}`" if flag.alias else ""
        rows.append([f"`--{name}`", flag.kind.name, default, f"{flag.purpose}{alias}{own}"])
    return table(["flag", "value", "default", "meaning"], rows)


def _fixed() -> list[list[str]]:
    master, agent = master_flags.FIXED, agent_flags.FIXED
    both = {"master": master, "agent": agent}
    return [
        [
            f"`--{name}={value}`",
            ", ".join(whose for whose, fixed in both.items() if fixed.get(name) == value),
        ]
        for name, value in sorted({*master.items(), *agent.items()})
    ]


def _refused(whose: str, refused: Mapping[str, str]) -> str:
    return f"{whose}: " + ", ".join(f"`{name}`" for name in sorted(refused)) + "."


# -- endpoints --


def endpoints_page() -> str:
    """Return the page about what master and agent serve over HTTP."""
    return page(
        "Endpoints",
        ENDPOINTS_INTRODUCTION,
        "## Master",
        _paths(MASTER_PATHS),
        *_calls(master_calls.TABLE),
        "## Agent",
        _paths(AGENT_PATHS),
        *_calls(agent_calls.TABLE),
        "## Both",
        _paths(COMMON_PATHS),
        "Paths of files: `/master/log` and `/slave/log` if there is `--log_dir`, and on agents the "
        "sandboxes, by the paths that `/state` tells.",
    )


def _paths(paths: Mapping[str, str]) -> str:
    return table(["path", "what"], [[f"`{path}`", what] for path, what in paths.items()])


def _calls(calls: Mapping[Any, Any]) -> Iterable[str]:
    """Return a paragraph for the calls that are answered, and one for those that are not."""
    for heading, is_answered in (
        ("Operator calls that are answered", True),
        ("Known and not supported yet (501)", False),
    ):
        names = [
            f"`{kind.name}`"
            for kind, call in calls.items()
            if (call.handler is not None) is is_answered
        ]
        if names:
            yield f"{heading}: {', '.join(names)}."


def main() -> None:
    """Write the pages."""
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
