"""The answer as JSON: the allocator's counts, and what they say in words."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tepui.allocator import Explanation, Question, RoleReason
from tepui.allocator.explanation import Allowance, Cause, ClientReport, Place, Tally
from tepui.allocator.inquiry import best_fit
from tepui.master.core.model import Agent, AgentState, State
from tepui.master.explaining.advice import advice_of
from tepui.master.explaining.words import Names, answer_of, reason_of


def answer_to(question: Question, explanation: Explanation, state: State) -> dict[str, Any]:
    """Return the whole answer."""
    names = Names(state.frameworks)
    explained = _with_reasons_of_inactivity(explanation, state)
    return {
        "asked": {
            "framework_id": question.framework_id,
            "role": question.role,
            "resources": question.request.to_floats(),
        },
        "as_of": {"started": explained.started.wall, "ended": explained.ended.wall},
        "answer": answer_of(question, explained, names),
        "advice": advice_of(question, explained, names),
        "fits": best_fit(explained).name,
        "agents": explained.agents,
        "agents_awaited": explained.awaited,
        "is_allocation_pending": explained.is_pending,
        "clients": [_client(each, names) for each in explained.clients],
        "clients_left_out": explained.clients_left_out,
        "framework_names": _framework_names(explained, names),
        "guarantees_owed": {role: lacking.to_floats() for role, lacking in explained.owed.items()},
    }


def reasons_answer(reasons: list[RoleReason]) -> dict[str, Any]:
    """Return the reason of each role."""
    return {
        "roles": [
            {"role": each.role, "state": each.state.name, "reason": reason_of(each)}
            for each in reasons
        ]
    }


def _framework_names(explanation: Explanation, names: Names) -> dict[str, str]:
    """Return what the holders are called that are told of by their ids."""
    holders = {
        framework_id: names.name_of(framework_id)
        for report in explanation.clients
        for tally in report.tallies
        if tally.cause in (Cause.IN_USE, Cause.ON_OFFER)
        for framework_id in tally.names
    }
    return {framework_id: name for framework_id, name in holders.items() if name is not None}


def _client(report: ClientReport, names: Names) -> dict[str, Any]:
    return {
        "role": report.role,
        "framework_id": report.framework_id,
        "framework_name": names.name_of(report.framework_id),
        "state": report.wish.name,
        "fits": report.fit.name,
        "order": [_place(each) for each in report.places],
        "quota": None if report.allowance is None else _quota(report.allowance),
        "causes": [_cause(each) for each in report.tallies],
    }


def _place(place: Place) -> dict[str, Any]:
    return {
        "name": place.name,
        "weight": place.weight,
        "share": place.share,
        "weighted_share": place.share / place.weight,
        "dominant_resource": place.dominant,
        "competitors": place.siblings,
        "ahead": place.ahead,
        "first": place.leader,
        "first_weighted_share": None if place.leader is None else place.leader_share,
    }


def _quota(allowance: Allowance) -> dict[str, Any]:
    return {
        "role": allowance.role,
        "guarantees": allowance.guarantees.to_floats(),
        "limits": allowance.limits.to_floats(),
        "consumed": allowance.consumed.to_floats(),
    }


def _cause(tally: Tally) -> dict[str, Any]:
    found: dict[str, Any] = {
        "cause": tally.cause.name,
        "agents": tally.agents,
        "of": tally.names,
        "of_left_out": tally.names_left_out,
        "nearest": [
            {
                "agent_id": each.agent_id,
                "hostname": each.hostname,
                "lacking": each.lacking.to_floats(),
            }
            for each in tally.nearest
        ],
    }
    if tally.cause is Cause.FILTERED:
        first, last = (None, None) if tally.until is None else tally.until
        found["filters"] = {"first_ends": first, "last_ends": last, "until_next_pass": tally.held}
    return found


def _with_reasons_of_inactivity(explanation: Explanation, state: State) -> Explanation:
    """Name why agents are not active, which only the master knows."""
    if not any(
        tally.cause is Cause.INACTIVE for each in explanation.clients for tally in each.tallies
    ):
        return explanation
    counts: dict[str, int] = {}
    for agent in state.agents.values():
        if not agent.is_active:
            reason = _inactivity(agent)
            counts[reason] = counts.get(reason, 0) + 1
    clients = [
        replace(
            each,
            tallies=[
                replace(tally, names=counts) if tally.cause is Cause.INACTIVE else tally
                for tally in each.tallies
            ],
        )
        for each in explanation.clients
    ]
    return replace(explanation, clients=clients)


def _inactivity(agent: Agent) -> str:
    if agent.state is not AgentState.REGISTERED:
        state: str = agent.state.value
        return state
    if agent.drain is not None:
        return "draining"
    return "deactivated" if agent.is_deactivated else "inactive"
