"""``tepui drain``: an agent loses its tasks, and gets no new ones until it is reactivated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import (
    DEFAULT_MASTER,
    AgentArgument,
    DryRunOption,
    JsonOption,
    MasterOption,
    YesOption,
)

if TYPE_CHECKING:
    from tepui.sdk.operator import OperatorClient

PAUSE_SECONDS = 0.5


def drain(
    agent: AgentArgument,
    master: MasterOption = DEFAULT_MASTER,
    grace: Annotated[
        str | None,
        typer.Option(help="The longest that a task is given to end: 30s; else as it asked for."),
    ] = None,
    then_gone: Annotated[
        bool, typer.Option("--then-gone", help="Give the agent up for good once it is empty.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait", "-w", help="Until it is empty, telling how far it is.")
    ] = False,
    is_dry_run: DryRunOption = False,
    is_confirmed: YesOption = False,
    as_json: JsonOption = False,
) -> None:
    """Have the tasks of an agent end, and offer nothing of it until it is reactivated.

    Ctrl-C ends the waiting, not the draining. Once it is drained, tepui agent reactivate puts it
    in use again.
    """
    from tepui.cli.asking import ask
    from tepui.cli.changing import Change, Manner, carry_out
    from tepui.cli.finding import count_tasks, find_away
    from tepui.cli.plans.draining import draining
    from tepui.cli.plans.maintenance import read_facts
    from tepui.cli.times import parse_span

    span = None if grace is None else parse_span("--grace", grace)
    agent_ids: list[str] = []

    async def plan(operator: OperatorClient) -> Change:
        change = draining(
            await read_facts(operator),
            await find_away(operator),
            agent,
            grace=span,
            must_go=then_gone,
            tasks=await count_tasks(operator),
        )
        assert change.call.drain_agent is not None
        agent_ids.append(change.call.drain_agent.agent_id.value)
        return change

    manner = Manner(
        master=master, is_dry_run=is_dry_run, is_confirmed=is_confirmed, as_json=as_json
    )
    if carry_out(manner, plan) and wait:
        ask(master, lambda operator: _wait_until_drained(operator, agent_ids[0]))


async def _wait_until_drained(operator: OperatorClient, agent_id: str) -> None:
    """Tell on standard error what is left, until nothing is.

    Raises:
        CommandFailed: The agent was reactivated meanwhile.
    """
    import asyncio

    said = ""
    while True:
        is_over, standing = await _standing(operator, agent_id)
        if standing != said:
            _say(f"agent {agent_id} {standing}")
            said = standing
        if is_over:
            return
        await asyncio.sleep(PAUSE_SECONDS)


async def _standing(operator: OperatorClient, agent_id: str) -> tuple[bool, str]:
    """Return whether the draining of an agent is over, and how far it is."""
    from tepui.cli.errors import CommandFailed
    from tepui.cli.finding import count_tasks, find_away
    from tepui.cli.naming import id_of
    from tepui.messages import DrainState

    tasks = (await count_tasks(operator)).get(agent_id, 0)
    for agent in (await operator.get_agents()).agents:
        if id_of(agent.agent_info) != agent_id:
            continue
        if agent.drain_info is None:
            raise CommandFailed(f"agent {agent_id} has been reactivated")
        if agent.drain_info.state is DrainState.DRAINED:
            return True, "is drained"
        return False, f"has {tasks} task{'' if tasks == 1 else 's'} left"
    if agent_id in (await find_away(operator)).gone:
        return True, "is gone"
    return False, "is away: the draining goes on when it is back"


def _say(message: str) -> None:
    import sys

    sys.stderr.write(f"tepui: {message}\n")
    sys.stderr.flush()
