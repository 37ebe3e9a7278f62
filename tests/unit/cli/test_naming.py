"""Which agent is meant."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.cli.errors import CommandFailed
from tepui.cli.naming import find_agent, find_agent_id, id_of
from tepui.messages.master import Response

GetAgents = Response.GetAgents


@pytest.mark.parametrize("name", ["m-S1", "S1", "host1", "HOST1", "host1:5051"])
def test_an_agent_has_several_names(agent: Any, name: str) -> None:
    found = GetAgents(agents=[agent(1), agent(11)])
    assert id_of(find_agent(found, name).agent_info) == "m-S1"


def test_the_end_of_an_id_is_a_whole_part_of_it(agent: Any) -> None:
    with pytest.raises(CommandFailed, match="no agent is called '1': see tepui agents"):
        find_agent(GetAgents(agents=[agent(1)]), "1")


def test_a_name_that_several_have_is_refused_with_all_of_them(agent: Any) -> None:
    agents = [agent(number, hostname="web") for number in range(7)]
    with pytest.raises(CommandFailed) as caught:
        find_agent(GetAgents(agents=agents), "web")
    message = str(caught.value)
    assert message.startswith("several agents are called 'web': m-S0 (web:5051), m-S1 (web:5051)")
    assert message.endswith(", 2 more")


def test_an_agent_that_has_not_come_back_is_told_apart_from_none(agent: Any) -> None:
    found = GetAgents(recovered_agents=[agent(1).agent_info])
    with pytest.raises(CommandFailed, match="has not come back"):
        find_agent(found, "S1")
    assert find_agent_id(found, "S1").value == "m-S1"


def test_an_agent_that_is_away_is_named_by_its_whole_id() -> None:
    assert find_agent_id(GetAgents(), "m-S7").value == "m-S7"
    with pytest.raises(CommandFailed, match=r"no agent is called 'S7'.* by its whole id"):
        find_agent_id(GetAgents(), "S7")
