"""Which agent is meant: by its id, the end of its id such as S3, its host, or host and port."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tepui.cli.errors import CommandFailed

if TYPE_CHECKING:
    from tepui.messages import AgentID
    from tepui.messages.agents import AgentInfo
    from tepui.messages.master import Response

_WHOLE_ID = re.compile(r".+-S[0-9]+")
_SHOWN_MAX = 5


def find_agent(found: Response.GetAgents, name: str) -> Response.GetAgents.Agent:
    """Return the registered agent that ``name`` means.

    Raises:
        CommandFailed: It means none, or several.
    """
    named = [agent for agent in found.agents if is_called(agent.agent_info, name)]
    if not named:
        if any(is_called(info, name) for info in found.recovered_agents):
            raise CommandFailed(f"agent {name!r} has not come back since the master failed over")
        raise CommandFailed(f"no agent is called {name!r}: see tepui agents")
    _only_one(name, [agent.agent_info for agent in named])
    return named[0]


def find_agent_id(found: Response.GetAgents, name: str) -> AgentID:
    """Return the id of an agent that need not be registered, if ``name`` is its whole id.

    Raises:
        CommandFailed: It means none, or several.
    """
    from tepui.messages import AgentID

    infos = [*(agent.agent_info for agent in found.agents), *found.recovered_agents]
    named = [info for info in infos if is_called(info, name)]
    if named:
        _only_one(name, named)
        return AgentID(value=id_of(named[0]))
    if _WHOLE_ID.fullmatch(name):
        return AgentID(value=name)
    raise CommandFailed(
        f"no agent is called {name!r}: see tepui agents; one that is away has to be named by"
        " its whole id"
    )


def is_called(info: AgentInfo, name: str) -> bool:
    """Tell whether an agent may be called ``name``."""
    agent_id, hostname = id_of(info), info.hostname.lower()
    return (
        name == agent_id
        or agent_id.endswith(f"-{name}")
        or name.lower() in (hostname, f"{hostname}:{info.port}")
    )


def id_of(info: AgentInfo) -> str:
    """Return the id of an agent that has one: a master names no other."""
    return "" if info.id is None else info.id.value


def _only_one(name: str, named: list[AgentInfo]) -> None:
    if len(named) == 1:
        return
    shown = [f"{id_of(info)} ({info.hostname}:{info.port})" for info in named[:_SHOWN_MAX]]
    if len(named) > _SHOWN_MAX:
        shown.append(f"{len(named) - _SHOWN_MAX} more")
    raise CommandFailed(f"several agents are called {name!r}: {', '.join(shown)}")
