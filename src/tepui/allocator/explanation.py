"""Why somebody waits: what may be asked of an allocator, and what it answers.

The answer is made of counts, names and amounts; the words for people are the master's.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from tepui.base.time import Instant
from tepui.resources import Quantities


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """About whom somebody asks: a framework in all of its roles, or a role with all below it.

    Attributes:
        framework_id: The framework; if there is none, ``role`` is asked about.
        role: The role; it may be one that nobody is in.
        request: What a task would need on one agent; ranges and sets count by their items. If it
            is empty, whatever makes an offer worth making will do.
    """

    framework_id: str | None = None
    role: str | None = None
    request: Quantities = Quantities()


class Cause(enum.Enum):
    """Why a client is not offered an agent; the first that applies, from the bottom up.

    The nearer to the top, the sooner the agent may come.
    """

    NOTHING = "nothing is in the way: a pass offers it, to this client or to one before it"
    IN_HAND = "it is offered to the client already"
    LENT = "a shared volume of it is offered once a pass, and again by the next"
    FILTERED = "the framework refused all that is free of it"
    HEADROOM = "what is free has to stay so for guarantees"
    LIMIT = "the role's limits leave too little room"
    ON_OFFER = "it would do without what is on offer to others"
    IN_USE = "it would do without what is in use"
    BELOW_MINIMUM = "what it has, or what is free of what a task needs, is not worth an offer"
    RESERVED = "it would do without what is reserved to other roles"
    TOO_SMALL = "it has less than is asked for"
    CAPABILITY = "the framework, or the agent, cannot deal with it"
    CONSTRAINT = "the framework's constraints exclude it"
    UNLISTED = "it is not on the whitelist"
    INACTIVE = "it is not active"


class Fit(enum.Enum):
    """Whether what is asked for fits on any agent; the best of all."""

    NOW = "now"
    """An agent can be offered at once, or is on offer to the client already."""
    HELD_BACK = "held back"
    """An agent has it free, and a filter, a limit or a guarantee keeps it from the client."""
    WHEN_OTHERS_END = "when others end"
    """An agent has enough in all, and somebody holds it."""
    NEVER = "never"
    """No agent has it for the client, as agents, reservations and limits are now."""


class Wish(enum.Enum):
    """Whether a client takes offers."""

    WANTS_OFFERS = "wants offers"
    SUPPRESSED = "suppressed offers in the role"
    INACTIVE = "the framework is not active"
    LEFT = "the framework is not subscribed to the role any more"
    NOBODY = "no framework is in the role"


class Near(msgspec.Struct, frozen=True, kw_only=True):
    """One of the agents with a cause, and what it lacked: of what was judged last."""

    agent_id: str
    hostname: str
    lacking: Quantities = Quantities()


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """The agents that were passed over for one cause.

    Attributes:
        agents: How many.
        names: Of what, with the number of agents, most first: the roles of reservations, the
            frameworks that hold it, the capabilities, the resources that a limit or guarantees
            keep back. No more than `NAMES_MAX`.
        names_left_out: How many names were left out.
        nearest: Agents that came nearest, no more than `NEAREST_MAX`.
        until: When the first and the last of them ends, for filters: on the wall clock.
        held: Filters that end with the next periodic pass.
    """

    cause: Cause
    agents: int
    names: dict[str, int] = {}
    names_left_out: int = 0
    nearest: list[Near] = []
    until: tuple[float, float] | None = None
    held: int = 0


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a client's way down the tree of roles, and how it stands among its siblings.

    Attributes:
        name: The role, or at last the framework; ``.`` for all frameworks of a role that has
            child roles.
        share: The dominant share, not weighted.
        dominant: The resource that it is the share of; None if it holds nothing that counts.
        siblings: With how many it competes for offers at present, itself included.
        ahead: How many of them are served before it; None if the order is drawn by chance.
        leader: Who is served first of them, if it is another.
        leader_share: That one's share divided by its weight.
    """

    name: str
    weight: float
    share: float
    dominant: str | None = None
    siblings: int = 1
    ahead: int | None = 0
    leader: str | None = None
    leader_share: float = 0.0


class Allowance(msgspec.Struct, frozen=True, kw_only=True):
    """The quota that a client's branch of the tree has, and what counts towards it.

    Attributes:
        role: The role at the top of the branch; limits and guarantees are set there.
        consumed: With what is offered.
    """

    role: str
    guarantees: Quantities
    limits: Quantities
    consumed: Quantities


class ClientReport(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said of a framework in one role, or of a role that nobody is in.

    Attributes:
        framework_id: None if nobody is in the role; agents are judged then as for a framework
            that can deal with anything.
        places: From the top of the tree down to the framework.
        fit: Of the request, or of anything worth an offer.
        tallies: One for each cause that was found; each agent counts in one of them. As if the
            client took offers, if it does not.
    """

    role: str
    framework_id: str | None
    wish: Wish
    places: list[Place]
    allowance: Allowance | None
    fit: Fit
    tallies: list[Tally]


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer, as of the time between two instants.

    Attributes:
        agents: How many there are.
        awaited: How many have to be there before anything is offered, while that is so.
        is_pending: Whether a pass is under way or called for.
        clients: Those that were looked at; what takes offers comes first.
        clients_left_out: How many more there are.
        owed: What guarantees lack, by role, most first; no more than `NAMES_MAX` roles.
    """

    started: Instant
    ended: Instant
    agents: int
    awaited: int | None = None
    is_pending: bool = False
    clients: list[ClientReport] = []
    clients_left_out: int = 0
    owed: dict[str, Quantities] = {}


class Explaining(Protocol):
    """An answer in the making: a large cluster is looked at in steps."""

    def step(self, now: Instant, *, looks_max: int) -> Explanation | None:
        """Look at some more of the cluster.

        Args:
            now: When.
            looks_max: How often to look at one agent for one client before returning.

        Returns:
            The answer, once all has been looked at.
        """


class Told:
    """An answer that needs no steps."""

    def __init__(self, explanation: Explanation) -> None:
        self._explanation = explanation

    def step(self, now: Instant, *, looks_max: int) -> Explanation:
        """Return the answer."""
        del now, looks_max
        return self._explanation


class RoleState(enum.Enum):
    """What can be said about a role's waiting without a look at the agents.

    Further down, the sooner it may be offered something.
    """

    NOBODY = "no framework is in it"
    INACTIVE = "none of its frameworks is active"
    SUPPRESSED = "its frameworks suppressed offers"
    PAUSED = "nothing is offered until enough agents are there"
    NO_AGENT = "no agent is there to be offered"
    AT_LIMIT = "its limits leave too little room for an offer"
    NOTHING_FREE = "too little is free in the whole cluster for an offer"
    FILTERED = "its frameworks refused agents for a while"
    ON_OFFER = "its frameworks have offers to answer"
    OPEN = "it is offered what comes free and suits it"


class RoleReason(msgspec.Struct, frozen=True, kw_only=True):
    """Why a role may be waiting, in short.

    Attributes:
        names: The resources at their limits.
        agents: How many agents the role's frameworks refused at least one of.
    """

    role: str
    state: RoleState
    names: tuple[str, ...] = ()
    agents: int = 0


NAMES_MAX = 5
"""Names that are told of one cause."""

NEAREST_MAX = 3
"""Agents that are told of one cause."""

CLIENTS_MAX = 8
"""Frameworks in roles that are looked at for one question: each costs a look at each agent."""
