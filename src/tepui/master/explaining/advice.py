"""What an operator or the author of a framework can do about a cause."""

from __future__ import annotations

from tepui.allocator import Explanation, Question
from tepui.allocator.explanation import Cause, ClientReport, Fit, Tally, Wish
from tepui.master.explaining.words import Names, describe, listed, main_report

ADVICE_MAX = 4
"""Pieces of advice in one answer; those that help soonest come first."""

_OF_AGENTS = ("MULTI_ROLE", "HIERARCHICAL_ROLE")


def advice_of(question: Question, explanation: Explanation, names: Names) -> list[str]:
    """Return what can be done, for the client that stands best."""
    report = main_report(explanation)
    if report is None:
        return []
    found: list[str | None] = []
    if explanation.agents == 0:
        found.append("Start an agent, and see that it reaches this master.")
    if explanation.awaited is not None:
        found.append("Wait for the agents to return; --allocator_recovery_timeout ends the wait.")
    if (wish := _about_the_wish(report)) is not None:
        found.append(wish)
    if report.fit is not Fit.NOW:
        about = _of_guarantees(report, explanation)
        found += [
            about if each.cause is Cause.HEADROOM else _about(each, question, report, names)
            for each in report.tallies
        ]
    elif any(each.cause is Cause.IN_HAND for each in report.tallies):
        found.append("The framework can launch with ACCEPT; what it declines goes to others.")
    return [each for each in found if each is not None][:ADVICE_MAX]


def _about_the_wish(report: ClientReport) -> str | None:
    match report.wish:
        case Wish.SUPPRESSED:
            return f"The framework can send REVIVE for role {report.role}."
        case Wish.INACTIVE:
            return "The framework has to subscribe again to be offered anything."
        case Wish.LEFT:
            return f"The framework can subscribe to role {report.role} with UPDATE_FRAMEWORK."
        case Wish.NOBODY:
            return f"A framework has to subscribe with role {report.role}."
        case Wish.WANTS_OFFERS:
            return None


def _about(tally: Tally, question: Question, report: ClientReport, names: Names) -> str | None:
    of = listed(tally.names, tally.names_left_out)
    match tally.cause:
        case Cause.FILTERED:
            return (
                "The framework can send REVIVE, which ends its filters, or decline for less time."
            )
        case Cause.LIMIT:
            top = report.allowance.role if report.allowance is not None else report.role
            return f"Raise the limit of role {top} on {of}, or end some of its tasks."
        case Cause.ON_OFFER:
            return (
                f"Have {_holders(tally, names)} decline what it does not need; --offer_timeout "
                "takes back offers that nobody answers."
            )
        case Cause.IN_USE:
            top, is_below, _ = report.role.partition("/")
            given = "a higher weight" if is_below else "a guarantee or a higher weight"
            return f"End tasks of {_holders(tally, names)}, add agents, or give role {top} {given}."
        case Cause.RESERVED:
            return f"Unreserve what is reserved to {of}, or use such a role."
        case Cause.CAPABILITY:
            return _about_capabilities(tally)
        case Cause.TOO_SMALL:
            return f"Ask for less, or add agents with at least {describe(question.request)}."
        case _:
            return _PLAIN.get(tally.cause)


def _of_guarantees(report: ClientReport, explanation: Explanation) -> str:
    """Return what helps where guarantees are in the way: those of the roles above are, too."""
    top, is_below, _ = report.role.partition("/")
    if is_below and top in explanation.owed:
        return (
            f"What {top} is guaranteed goes to frameworks in that very role: the framework can "
            "subscribe with it; else lower the guarantees."
        )
    return "Lower the guarantees of other roles, or add agents."


_PLAIN = {
    Cause.BELOW_MINIMUM: "Lower --min_allocatable_resources, or the framework's own minimum.",
    Cause.CONSTRAINT: "The framework can loosen its offer constraints with UPDATE_FRAMEWORK.",
    Cause.UNLISTED: "Add the agents' host names to the file of --whitelist.",
    Cause.INACTIVE: "Reactivate agents (REACTIVATE_AGENT), or see why they are disconnected.",
}


def _about_capabilities(tally: Tally) -> str:
    of_agents = [each for each in tally.names if each in _OF_AGENTS]
    if of_agents:
        return f"Upgrade the agents: they lack {listed(of_agents)}."
    return f"The framework can subscribe with {listed(tally.names)}, if it deals with that."


def _holders(tally: Tally, names: Names) -> str:
    return listed((names.full(each) for each in tally.names), tally.names_left_out) or "others"
