"""The answer in one sentence or two, for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tepui.allocator import Explanation, Question, RoleReason
from tepui.allocator.explanation import Cause, ClientReport, Fit, RoleState, Tally, Wish
from tepui.base.waits import format_wait
from tepui.master.core.model import Framework
from tepui.resources import Quantities
from tepui.resources.scalars import format_millis

_FITS = list(Fit)

_ANY = "an offer"
"""What is asked about where nothing is named."""


class Names:
    """What frameworks are called."""

    def __init__(self, frameworks: Mapping[str, Framework]) -> None:
        self._frameworks = frameworks

    def name_of(self, framework_id: str | None) -> str | None:
        """Return the name that a framework gave itself, if it is known."""
        framework = self._frameworks.get(framework_id or "")
        return None if framework is None else framework.info.name

    def full(self, framework_id: str) -> str:
        """Return name and id."""
        name = self.name_of(framework_id)
        return framework_id if name is None else f"{name} ({framework_id})"


def answer_of(question: Question, explanation: Explanation, names: Names) -> str:
    """Return why those who were asked about wait."""
    report = main_report(explanation)
    if report is None:
        who = question.framework_id or f"role {question.role}"
        return f"The allocator has nothing to say about {who}."
    who = _who(report, names)
    if explanation.agents == 0:
        return f"{who} waits because there is no agent."
    if explanation.awaited is not None:
        return (
            f"Nothing is offered to anybody before {_agents(explanation.awaited)} are there: "
            f"{_are(explanation.agents)} so far."
        )
    what = describe(question.request) or _ANY
    situation = _situation(what, report, explanation, names)
    match report.wish:
        case Wish.WANTS_OFFERS:
            return f"{who}: {situation}."
        case Wish.NOBODY:
            return f"{who} has no framework. For one that can deal with anything: {situation}."
        case Wish.SUPPRESSED:
            return f"{who} takes no offers: it suppressed them. Else: {situation}."
        case Wish.INACTIVE:
            return f"{who} takes no offers: it is not connected and active. Else: {situation}."
        case Wish.LEFT:
            return f"{who} takes no offers: it is not subscribed to the role. Else: {situation}."


def main_report(explanation: Explanation) -> ClientReport | None:
    """Return the client that stands best: of those that take offers, if any does."""
    return min(
        explanation.clients,
        key=lambda each: (
            each.wish not in (Wish.WANTS_OFFERS, Wish.NOBODY),
            _FITS.index(each.fit),
        ),
        default=None,
    )


def reason_of(reason: RoleReason) -> str:
    """Return why a role may be waiting, in a few words."""
    match reason.state:
        case RoleState.AT_LIMIT:
            return f"at its limit of {listed(reason.names)}" if reason.names else "at its limits"
        case RoleState.FILTERED:
            return f"its frameworks refused {_agents(reason.agents)} for a while"
        case _:
            text: str = reason.state.value
            return text


def describe(amounts: Quantities) -> str:
    """Return amounts as they are written in flags."""
    return ";".join(f"{name}:{format_millis(millis)}" for name, millis in amounts.items())


def listed(words: Iterable[str], left_out: int = 0) -> str:
    """Return words as a list with a last ``and``."""
    items = list(words)
    if left_out:
        items.append(f"{left_out} more")
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"


def about(tally: Tally, explanation: Explanation, names: Names) -> str:
    """Return what a cause is about, in a few words; nothing if there is nothing to add."""
    match tally.cause:
        case Cause.FILTERED:
            return _filters(tally, explanation)
        case Cause.IN_USE | Cause.ON_OFFER:
            holders = listed((names.full(each) for each in tally.names), tally.names_left_out)
            return f"by {holders}" if holders else ""
        case Cause.HEADROOM:
            roles = listed(explanation.owed)
            return f"for {roles}" if roles else ""
        case Cause.LIMIT:
            return f"of {listed(tally.names)}" if tally.names else ""
        case Cause.RESERVED:
            return f"to {listed(tally.names, tally.names_left_out)}"
        case Cause.CAPABILITY:
            return listed(tally.names)
        case Cause.INACTIVE:
            return listed(f"{count} {reason}" for reason, count in tally.names.items())
        case Cause.TOO_SMALL | Cause.BELOW_MINIMUM:
            return nearest_miss(tally)
        case _:
            return ""


def nearest_miss(tally: Tally) -> str:
    """Return which agent came nearest, and what it lacks."""
    if not tally.nearest or not tally.nearest[0].lacking:
        return ""
    nearest = tally.nearest[0]
    return f"the nearest, {nearest.hostname}, lacks {describe(nearest.lacking)}"


def _situation(what: str, report: ClientReport, explanation: Explanation, names: Names) -> str:
    counts = {tally.cause: tally for tally in report.tallies}
    match report.fit:
        case Fit.NOW:
            return _now(what, counts, explanation)
        case Fit.HELD_BACK:
            held = (Cause.FILTERED, Cause.HEADROOM, Cause.LIMIT)
            parts = [_part(counts[cause], explanation, names) for cause in held if cause in counts]
            return f"{what} is free, and held back: {'; '.join(parts)}"
        case Fit.WHEN_OTHERS_END:
            later = (Cause.ON_OFFER, Cause.IN_USE, Cause.BELOW_MINIMUM)
            parts = [_part(counts[cause], explanation, names) for cause in later if cause in counts]
            return f"{what} comes when others end: {'; '.join(parts)}"
        case Fit.NEVER:
            parts = [_part(tally, explanation, names) for tally in report.tallies]
            return f"{what} fits on no agent as the cluster is now: {'; '.join(parts)}"


def _now(what: str, counts: Mapping[Cause, Tally], explanation: Explanation) -> str:
    free = sum(counts[each].agents for each in (Cause.NOTHING, Cause.LENT) if each in counts)
    if free:
        when = "the pass under way" if explanation.is_pending else "the next pass"
        return (
            f"{what} can be had on {_agents(free)} at once: {when} offers it, to those before it "
            "in the order first"
        )
    in_hand = counts[Cause.IN_HAND].agents
    if what == _ANY:
        return f"it holds offers of {_agents(in_hand)} already, and has not answered them"
    return f"{what} can be had from offers that it holds already, on {_agents(in_hand)}"


_SAID = {
    Cause.FILTERED: "refused by the framework",
    Cause.HEADROOM: "kept as headroom",
    Cause.LIMIT: "beyond the role's limit",
    Cause.ON_OFFER: "on offer",
    Cause.IN_USE: "in use",
    Cause.BELOW_MINIMUM: "with too little left for an offer",
    Cause.RESERVED: "reserved",
    Cause.TOO_SMALL: "too small",
    Cause.CAPABILITY: "barred for lack of a capability:",
    Cause.CONSTRAINT: "excluded by the framework's constraints",
    Cause.UNLISTED: "not on the whitelist",
    Cause.INACTIVE: "not active:",
}


def _part(tally: Tally, explanation: Explanation, names: Names) -> str:
    detail = about(tally, explanation, names)
    said = _SAID[tally.cause]
    if tally.cause in (Cause.TOO_SMALL, Cause.BELOW_MINIMUM) and detail:
        detail = f"({detail})"
    return f"{_agents(tally.agents)} {said} {detail}".rstrip(": ")


def _filters(tally: Tally, explanation: Explanation) -> str:
    parts = []
    if tally.until is not None:
        first, last = (each - explanation.ended.wall for each in tally.until)
        parts.append(f"for {format_wait(first, last)} more")
    if tally.held:
        parts.append("until the next periodic pass")
    return " or ".join(parts)


def _who(report: ClientReport, names: Names) -> str:
    if report.framework_id is None:
        return f"Role {report.role}"
    return f"Framework {names.full(report.framework_id)} in role {report.role}"


def _agents(count: int) -> str:
    return "1 agent" if count == 1 else f"{count} agents"


def _are(count: int) -> str:
    return "1 is" if count == 1 else f"{count} are"
