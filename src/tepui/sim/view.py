"""What laws may look at in a world, besides what they are told: to be read, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tepui.agent.core.agent import Agent
from tepui.master.core.master import Master


class ContainerView(Protocol):
    """A container whose processes really run."""

    @property
    def framework_id(self) -> str: ...
    @property
    def task_id(self) -> str | None: ...


class AgentView(Protocol):
    """An agent's node: its process, its supervisor, its disk."""

    @property
    def node(self) -> str: ...
    @property
    def core(self) -> Agent | None:
        """The core of its process; None while there is none."""

    @property
    def containers(self) -> Mapping[str, ContainerView]:
        """What really runs, by container id, whether or not the agent is there."""


class EntryView(Protocol):
    """What a framework believes of one of its tasks.

    Attributes:
        state: As `LedgerChanged` says it.
        agent_id: Where it was launched.
        is_to_die: Whether it is to be killed.
    """

    @property
    def state(self) -> str: ...
    @property
    def agent_id(self) -> str: ...
    @property
    def is_terminal(self) -> bool: ...
    @property
    def is_to_die(self) -> bool: ...


class FrameworkView(Protocol):
    """A framework: its subscription and its ledger, which outlives its process."""

    @property
    def node(self) -> str: ...
    @property
    def framework_id(self) -> str | None:
        """What it was given; None before it first subscribed."""

    @property
    def is_up(self) -> bool:
        """Whether its process runs."""

    @property
    def is_over(self) -> bool:
        """Whether it was torn down or refused for good, so that it never comes back."""

    @property
    def wants(self) -> int:
        """How many more tasks it would launch if it were offered what they need."""

    @property
    def ledger(self) -> Mapping[str, EntryView]:
        """By task id."""

    @property
    def operations(self) -> Mapping[str, object]:
        """Those of which it has not heard the end, by id."""


class WorldView(Protocol):
    """The whole world at one moment."""

    @property
    def at(self) -> float:
        """Its time in seconds, as in observations."""

    @property
    def leader(self) -> Master | None:
        """The core of the master that leads and has read the registry."""

    @property
    def agents(self) -> Sequence[AgentView]: ...
    @property
    def frameworks(self) -> Sequence[FrameworkView]: ...
    @property
    def registry(self) -> Mapping[str, bytes]:
        """What the registry's store holds."""

    @property
    def faults_active(self) -> int:
        """How many faults have begun and are not over."""
