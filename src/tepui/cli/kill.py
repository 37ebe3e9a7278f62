"""``tepui kill``: end a task on the operator's word.

Mesos has no call for it: there, only a task's own framework can end the task, and an operator
can only tear the whole framework down. Tepui's master takes ``POST /api/kill`` with the ids of
framework and task, and does what the framework's own KILL would do; the framework hears of it
by the task's updates. A master without that endpoint, such as Mesos' own, is told apart by
its 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import DEFAULT_MASTER, MasterOption

if TYPE_CHECKING:
    from tepui.sdk.operator import OperatorClient

PATH = "/api/kill"


def kill(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Id of the task.")],
    master: MasterOption = DEFAULT_MASTER,
    framework: Annotated[
        str | None, typer.Option(help="Id of its framework, if several have such a task.")
    ] = None,
) -> None:
    """End a task.

    Its framework hears of it as of any end. Returns once the master has been asked.
    """
    from tepui.cli.asking import ask

    ask(master, lambda operator: _kill(operator, task, framework))
    print(f"asked the master to end task {task}")


async def _kill(operator: OperatorClient, task_id: str, framework_id: str | None) -> None:
    import msgspec

    from tepui.cli.errors import CommandFailed
    from tepui.cli.finding import find_task
    from tepui.sdk.errors import CallRejected

    task = await find_task(operator, task_id, framework_id)
    if task.is_over:
        raise CommandFailed(f"task {task_id!r} is over already: {task.state}")
    body = msgspec.json.encode({"framework_id": task.framework_id, "task_id": task_id})
    try:
        await operator.post_to_leader(PATH, body)
    except CallRejected as error:
        if error.status != 404:
            raise
        raise CommandFailed(
            f"the master at {operator.master_url} does not let operators end tasks: "
            "ask the task's framework"
        ) from error
