"""Agents as a master lists them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tepui.messages import AgentID, AgentInfo, DrainInfo
from tepui.messages.master import Response
from tepui.resources import ReservationFormat, parse_resources

Agent = Response.GetAgents.Agent
MakeAgent = Callable[..., Agent]

CAPABILITIES = (
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "RESIZE_VOLUME",
    "AGENT_DRAINING",
)


@pytest.fixture
def agent() -> MakeAgent:
    """A function that makes an agent of a number, resources and what of them is used."""

    def make(
        number: int = 0,
        resources: str = "cpus:4;mem:1024;disk:1024;ports:[31000-31999]",
        *,
        used: str = "",
        hostname: str | None = None,
        deactivated: bool = False,
        active: bool = True,
        drain: DrainInfo | None = None,
    ) -> Agent:
        host = hostname or f"host{number}"
        Capability = AgentInfo.Capability
        return Agent(
            agent_info=AgentInfo(id=AgentID(value=f"m-S{number}"), hostname=host, port=5051),
            active=active,
            deactivated=deactivated,
            version="1.11.0",
            pid=f"slave(1)@10.0.0.{number}:5051",
            total_resources=parse_resources(resources).to_messages(
                format=ReservationFormat.ENDPOINT
            ),
            allocated_resources=parse_resources(used)
            .allocated_to("dev")
            .to_messages(format=ReservationFormat.ENDPOINT),
            capabilities=[Capability(type=Capability.Type[name]) for name in CAPABILITIES],
            drain_info=drain,
        )

    return make
