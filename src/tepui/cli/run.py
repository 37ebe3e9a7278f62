"""``tepui run``: run a command on the cluster, with its output here.

It also takes the flags of ``mesos-execute``, under their names.
"""

from __future__ import annotations

from typing import Annotated

import typer

from tepui.cli.options import DEFAULT_MASTER, MasterOption

_EXECUTE = "As in mesos-execute"


def run(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="COMMAND...",
            help="One word is a line for the shell; several are a program and its arguments.",
        ),
    ] = None,
    master: MasterOption = DEFAULT_MASTER,
    name: Annotated[str | None, typer.Option(help="Name of the framework and task.")] = None,
    cpus: Annotated[float | None, typer.Option(min=0, help="Processors per task [1].")] = None,
    mem: Annotated[float | None, typer.Option(min=0, help="Megabytes per task [128].")] = None,
    resources: Annotated[
        str | None, typer.Option(help="All that a task needs, as cpus:1;mem:128;ports:[80-80].")
    ] = None,
    instances: Annotated[
        int, typer.Option("--instances", "-n", min=1, help="How many of them.")
    ] = 1,
    uri: Annotated[
        list[str] | None, typer.Option(help="What to fetch into the sandbox; may be repeated.")
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(help="NAME=VALUE, or JSON, or file:// with JSON; may be repeated."),
    ] = None,
    role: Annotated[str, typer.Option(help="Role whose resources to use.")] = "*",
    user: Annotated[str | None, typer.Option(help="Who runs the command.")] = None,
    kill_after: Annotated[
        str | None,
        typer.Option("--kill-after", "--kill_after", help="End each after so long: 10secs."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only what tasks write.")] = False,
    command: Annotated[str | None, typer.Option(help=f"{_EXECUTE}: the line.")] = None,
    shell: Annotated[str, typer.Option(metavar="BOOL", help=f"{_EXECUTE}.")] = "true",
    task: Annotated[str | None, typer.Option(help=f"{_EXECUTE}: a TaskInfo as JSON.")] = None,
    checkpoint: Annotated[str, typer.Option(metavar="BOOL", help=f"{_EXECUTE}.")] = "false",
    task_group: Annotated[
        str | None,
        typer.Option("--task_group", help=f"{_EXECUTE}: a TaskGroupInfo as JSON, or file://."),
    ] = None,
    rlimits: Annotated[
        str | None, typer.Option(help=f"{_EXECUTE}: an RLimitInfo in JSON, or file:// with one.")
    ] = None,
    principal: Annotated[str | None, typer.Option(help=f"{_EXECUTE}.")] = None,
    framework_capabilities: Annotated[
        str, typer.Option("--framework_capabilities", help=f"{_EXECUTE}: separated by commas.")
    ] = "",
    partition_aware: Annotated[
        str, typer.Option("--partition_aware", metavar="BOOL", help=f"{_EXECUTE}.")
    ] = "false",
    content_type: Annotated[
        str, typer.Option("--content_type", help=f"{_EXECUTE}: json or protobuf.")
    ] = "json",
    containerizer: Annotated[str, typer.Option(help=f"{_EXECUTE}: mesos.")] = "mesos",
) -> int:
    """Run a command on the cluster.

    Its output comes here while it runs, and its exit code at the end: that of the first instance
    that failed, and 125 if it could not be run. Ctrl-C ends it.
    """
    from tepui.cli import asking, request
    from tepui.cli.errors import EX_RUN_FAILED
    from tepui.cli.running import run_batch

    asked = request.RunRequest(
        words=words or [],
        master=master,
        name=name,
        cpus=cpus,
        mem=mem,
        resources=resources,
        instances=instances,
        uris=uri or [],
        env=env or [],
        role=role,
        user=user,
        kill_after=kill_after,
        command=command,
        shell=request.boolean("--shell", shell),
        task=task,
        checkpoint=request.boolean("--checkpoint", checkpoint),
        task_group=task_group,
        rlimits=rlimits,
        principal=principal,
        capabilities=framework_capabilities,
        partition_aware=request.boolean("--partition_aware", partition_aware),
        content_type=content_type,
        containerizer=containerizer,
    )
    return asking.run(run_batch(request.plan(asked), quiet=quiet), EX_RUN_FAILED)
