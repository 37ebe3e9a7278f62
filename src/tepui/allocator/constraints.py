"""Which agents a framework wants offers of, in a role, by what the agents say about themselves.

The constraints of a role are groups, of which one has to hold; a group holds if each of its
constraints does. They are compiled once and judged once for each agent; what comes out is a
bit, so that a pass over agents costs a framework with constraints no more than one without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from tepui.allocator.interface import AgentDescription
from tepui.base.patterns import Pattern, PatternLimits
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints

CONSTRAINTS_MAX = 500
"""Constraints of one framework, in all of its roles: each is judged on each agent."""

Pseudoattribute = AttributeConstraint.Selector.PseudoattributeType


class _NotText:
    """Stands for the value of an attribute that is a number, a range or a set."""


_NOT_TEXT: Final = _NotText()
_Value = str | _NotText | None
_Group = tuple["_Constraint", ...]


class Wish:
    """The compiled constraints of one role; ``size`` is their number."""

    __slots__ = ("_groups", "size")

    def __init__(self, groups: tuple[_Group, ...]) -> None:
        self._groups = groups
        self.size = sum(len(group) for group in groups)

    def includes(self, agent: AgentDescription) -> bool:
        """Tell whether offers of the agent are wanted."""
        # Loops: they take half the time of generators, and this is asked for every agent.
        for group in self._groups:
            for each in group:
                if not each.holds(agent):
                    break
            else:
                return True
        return False


def compile_constraints(constraints: OfferConstraints, limits: PatternLimits) -> dict[str, Wish]:
    """Return what is wanted, by role; a role that is not named wants all agents.

    Raises:
        PatternRefused: A pattern does not compile; the master's validation names its place.
    """
    return {
        role: Wish(
            tuple(
                tuple(_Constraint(each, limits) for each in group.attribute_constraints)
                for group in constraint.groups
            )
        )
        for role, constraint in constraints.role_constraints.items()
    }


class _Constraint:
    """One constraint: what of an agent it looks at, and what has to hold of that."""

    __slots__ = ("_holds_of_text", "_holds_without", "_holds_without_text", "_name", "_pseudo")

    def __init__(self, constraint: AttributeConstraint, limits: PatternLimits) -> None:
        self._name = constraint.selector.attribute_name
        self._pseudo = constraint.selector.pseudoattribute_type
        predicate = constraint.predicate
        # A predicate on texts does not apply to an attribute of another type, and then holds.
        self._holds_without_text = predicate.not_exists is None
        # The negated ones hold where there is no such attribute.
        self._holds_without = (
            predicate.not_exists is not None
            or predicate.text_not_equals is not None
            or predicate.text_not_matches is not None
        )
        self._holds_of_text = _test_of(predicate, limits)

    def holds(self, agent: AgentDescription) -> bool:
        value = self._value(agent)
        if value is None:
            return self._holds_without
        if isinstance(value, _NotText):
            return self._holds_without_text
        return self._holds_of_text(value)

    def _value(self, agent: AgentDescription) -> _Value:
        if self._name is not None:
            for attribute in agent.attributes:
                if attribute.name == self._name:
                    return _NOT_TEXT if attribute.text is None else attribute.text.value
            return None
        if self._pseudo is Pseudoattribute.HOSTNAME:
            return agent.hostname
        fault_domain = None if agent.domain is None else agent.domain.fault_domain
        if fault_domain is None:
            return None
        if self._pseudo is Pseudoattribute.REGION:
            return fault_domain.region.name
        return fault_domain.zone.name


def _test_of(
    predicate: AttributeConstraint.Predicate, limits: PatternLimits
) -> Callable[[str], bool]:
    if predicate.text_equals is not None:
        return predicate.text_equals.value.__eq__
    if predicate.text_not_equals is not None:
        return predicate.text_not_equals.value.__ne__
    if predicate.text_matches is not None:
        return Pattern(predicate.text_matches.regex, limits).matches
    if predicate.text_not_matches is not None:
        pattern = Pattern(predicate.text_not_matches.regex, limits)
        return lambda text: not pattern.matches(text)
    is_wanted = predicate.exists is not None
    return lambda _: is_wanted


class Exclusions:
    """Which clients want no offers of which agents, judged when it is first asked.

    A client is a bit; a set of clients is an ``int``.

    Attributes:
        constrained: The clients that have constraints at all.
        effort: Constraints judged so far, at most: what a visit of an agent costs beyond others.
    """

    def __init__(self) -> None:
        self.constrained = 0
        self.effort = 0
        self._wishes: dict[int, Wish] = {}
        # By agent: who was judged, and who of them does not want it.
        self._judged: dict[str, tuple[int, int]] = {}

    def set(self, bit: int, wish: Wish | None) -> None:
        """Replace what a client wants; what was judged for it before is forgotten."""
        if self._wishes.get(bit) is wish:
            return
        if bit in self._wishes:
            for agent_id, (judged, excluded) in self._judged.items():
                self._judged[agent_id] = (judged & ~bit, excluded & ~bit)
        if wish is None:
            self.constrained &= ~bit
            del self._wishes[bit]
        else:
            self.constrained |= bit
            self._wishes[bit] = wish

    def forget_agent(self, agent_id: str) -> None:
        """Judge an agent anew: it describes itself in another way, or it is gone."""
        self._judged.pop(agent_id, None)

    def among(self, clients: int, agent_id: str, agent: AgentDescription) -> int:
        """Return those of ``clients`` that want no offers of the agent."""
        asked = clients & self.constrained
        if not asked:
            return 0
        judged, excluded = self._judged.get(agent_id, (0, 0))
        unknown = asked & ~judged
        if unknown:
            for bit in _bits(unknown):
                wish = self._wishes[bit]
                self.effort += wish.size
                if not wish.includes(agent):
                    excluded |= bit
            self._judged[agent_id] = (judged | unknown, excluded)
        return asked & excluded


def _bits(clients: int) -> Iterator[int]:
    while clients:
        bit = clients & -clients
        yield bit
        clients ^= bit
