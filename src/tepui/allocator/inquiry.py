"""Answer why a framework or a role waits: all agents are judged anew, in steps.

Nothing is kept for it while nobody asks. Between two steps the books may change; whoever has
left by then is passed over.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import NamedTuple

from tepui.allocator.agents import Agent
from tepui.allocator.explanation import (
    CLIENTS_MAX,
    NAMES_MAX,
    ClientReport,
    Explanation,
    Fit,
    Question,
    Wish,
)
from tepui.allocator.interface import AllocatorOptions
from tepui.allocator.judging import Judge, Seeker
from tepui.allocator.ledger import Ledger
from tepui.allocator.roles import Client
from tepui.allocator.standing import Standings, clients_below, wish_of
from tepui.allocator.tallying import Tallies
from tepui.base.time import Instant

_ENTRIES_PER_LOOK = 16
"""An agent with very many resources counts as several looks."""


class Surroundings(NamedTuple):
    """What the books do not know.

    Attributes:
        awaited: How many agents have to be there, while the allocator is paused.
        is_pending: Whether a pass is under way or called for.
    """

    awaited: int | None
    is_pending: bool


class Inquiry:
    """An `Explaining` by the rules of this package.

    Args:
        is_listed: Whether the whitelist allows an agent.
        surroundings: Tells what the books do not know, when the answer is made.
    """

    def __init__(
        self,
        question: Question,
        ledger: Ledger,
        options: AllocatorOptions,
        *,
        is_listed: Callable[[Agent], bool],
        surroundings: Callable[[], Surroundings],
        now: Instant,
    ) -> None:
        self._question = question
        self._ledger = ledger
        self._options = options
        self._surroundings = surroundings
        self._started = now
        self._judge = Judge(ledger, options, is_listed)
        clients, self._left_out = _clients(question, ledger)
        self._clients: list[tuple[str, Client | None]] = [
            (client.role, client) for client in clients
        ]
        if not clients and question.role is not None:
            self._clients = [(question.role, None)]
        self._tallies = [Tallies() for _ in self._clients]
        # From the last to the first, so that those done are dropped from the end.
        self._agent_ids = list(reversed(ledger.agents)) if self._clients else []

    def step(self, now: Instant, *, looks_max: int) -> Explanation | None:
        """Look at some more agents; return the answer once all have been looked at."""
        self._drop_those_gone()
        agents = self._ledger.agents
        seekers = [
            Seeker(role, client, self._question.request, self._ledger, self._options)
            for role, client in self._clients
        ]
        looks = 0
        while self._agent_ids and seekers and looks < looks_max:
            agent = agents.get(self._agent_ids.pop())
            if agent is None:
                continue
            looks += len(seekers) * (1 + len(agent.total) // _ENTRIES_PER_LOOK)
            findings = self._judge.judge(agent, seekers, now)
            for tallies, finding in zip(self._tallies, findings, strict=True):
                tallies.add(agent, finding)
        return None if self._agent_ids and seekers else self._answer(now)

    def _drop_those_gone(self) -> None:
        kept = [
            (each, tallies)
            for each, tallies in zip(self._clients, self._tallies, strict=True)
            if each[1] is None or _is_there(each[1], self._ledger)
        ]
        self._clients = [each for each, _ in kept]
        self._tallies = [tallies for _, tallies in kept]

    def _answer(self, now: Instant) -> Explanation:
        ledger = self._ledger
        awaited, is_pending = self._surroundings()
        standings = Standings(ledger.tree, ledger.eligibility.active)
        reports = [
            ClientReport(
                role=role,
                framework_id=None if client is None else client.framework_id,
                wish=_wish(client, ledger),
                places=standings.places(role, client),
                allowance=standings.allowance(role),
                fit=tallies.fit,
                tallies=tallies.result(now),
            )
            for (role, client), tallies in zip(self._clients, self._tallies, strict=True)
        ]
        return Explanation(
            started=self._started,
            ended=now,
            agents=len(ledger.agents),
            awaited=awaited,
            is_pending=is_pending,
            clients=reports,
            clients_left_out=self._left_out,
            owed=standings.owed(NAMES_MAX),
        )


def best_fit(explanation: Explanation) -> Fit:
    """Return the best that was found for any of the clients."""
    order = list(Fit)
    return min((each.fit for each in explanation.clients), key=order.index, default=Fit.NEVER)


def _clients(question: Question, ledger: Ledger) -> tuple[list[Client], int]:
    """Return whom the question is about, and how many more there are.

    Those who take offers and are served early come first.
    """
    found: list[Client] = []
    if question.framework_id is not None:
        framework = ledger.frameworks.get(question.framework_id)
        found = [] if framework is None else list(framework.clients.values())
    elif question.role is not None:
        node = ledger.tree.find(question.role)
        found = [] if node is None else list(clients_below(node))
    ledger.tree.refresh()
    chosen = heapq.nsmallest(
        CLIENTS_MAX,
        found,
        key=lambda client: (
            _wish(client, ledger) is not Wish.WANTS_OFFERS,
            client.role.count("/") if question.role is not None else 0,
            *client.rank[:3],
            client.role,
        ),
    )
    return chosen, len(found) - len(chosen)


def _wish(client: Client | None, ledger: Ledger) -> Wish:
    if client is None:
        return Wish.NOBODY
    return wish_of(ledger.frameworks[client.framework_id], client)


def _is_there(client: Client, ledger: Ledger) -> bool:
    framework = ledger.frameworks.get(client.framework_id)
    return framework is not None and framework.clients.get(client.role) is client
