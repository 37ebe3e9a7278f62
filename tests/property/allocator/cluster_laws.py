"""The laws of sharing, one function each: what has to be true of an offer when it is made.

They are asked before the offer is written into the books.
"""

from __future__ import annotations

from fractions import Fraction

from cluster_books import (
    Amounts,
    Books,
    amounts,
    at_least,
    is_lumpy,
    is_open,
    one_of_each,
    within,
)

from tepui.allocator import Allocation, RoleView
from tepui.resources import Resources

NEARLY = Fraction(1, 10**9)
"""Shares are floating-point numbers in the allocator, and nothing else is."""


def nothing_beyond_what_exists(books: Books, made: Allocation) -> None:
    """Rules 10, 14, 23."""
    assert made.agent_id in books.totals, "an agent that is gone is offered"
    assert books.is_offered(made.agent_id), "an agent is offered that is not to be"
    resources = made.resources.unallocated()
    assert resources, "an offer of nothing"
    assert made.resources.allocations().keys() == {made.role}
    free = books.free(made.agent_id)
    assert free.contains(resources), f"{resources!r} is offered, and {free!r} is free"


def no_stranger_sees_a_reservation(books: Books, made: Allocation) -> None:
    """Rules 49 to 51, 54 and 78."""
    for key, _ in made.resources.unallocated().entries():
        if key.reservations:
            assert within(made.role, key.reservations[-1].role), f"{made.role} is offered {key!r}"
        assert books.may_see(made.framework_id, made.role, key), f"{made} holds {key!r}"


def only_those_who_want_it_are_asked(books: Books, made: Allocation) -> None:
    """Rules 47, 48, 52, 55 to 58, 65, 70, 75 and 76."""
    client = (made.framework_id, made.role)
    resources = made.resources.unallocated()
    assert books.wants(*client), f"{client} wants no offers"
    assert books.can_take(*client, made.agent_id), f"{client} cannot take {made.agent_id}"
    assert not books.is_filtered(*client, made.agent_id, resources), f"{client} has refused it"
    assert books.is_worthy(*client, resources), f"{resources!r} is too little"
    for key, amount in resources.entries():
        if key.shared:
            assert amount == 1, "one copy of a shared volume is enough"
            assert (made.agent_id, key) not in books.lent, "a volume is offered twice in a run"


def limits_are_never_exceeded(books: Books, made: Allocation) -> None:
    """Rules 42, 44: only the limit of the role itself, and nothing but what is open."""
    quota = books.quotas.get(made.role)
    consumed = books.consumed(made.role)
    for name, millis in amounts(made.resources.filter(is_open)).items():
        if quota is not None and name in quota.limits and millis:
            limit, used = quota.limits[name], consumed.get(name, 0)
            assert used + millis <= limit, f"{made.role}: {used} + {millis} of {limit} {name}"


def guarantees_stay_possible(books: Books, made: Allocation) -> None:
    """Rules 30, 38 to 40: nobody takes of what is set aside, but those it is set aside for."""
    before = books.surplus()
    books.offers.append(made)
    required, headroom = books.required(), books.headroom()
    books.offers.remove(made)
    for name, surplus in before.items():
        left = headroom.get(name, 0) - required.get(name, 0)
        assert left >= min(0, surplus), f"{made.role} is offered {name} that is set aside"


def all_of_it_is_offered(books: Books, made: Allocation) -> None:
    """Rules 28 to 34: no less than the first or the second stage would offer, and no more."""
    seen = books.seen(made.framework_id, made.role, made.agent_id)
    first, second = books.guaranteed(made.role, seen), books.shared_out(made.role, seen)
    is_of_first = first is not None and _is_cut_to(made, seen, first, books.needed(made.role))
    assert is_of_first or _is_cut_to(made, seen, second, {}), (
        f"{made} is offered; of {seen!r} it should be {first}, or {second}"
    )


def _is_cut_to(made: Allocation, seen: Resources, most: Amounts, needed: Amounts) -> bool:
    offered = made.resources.unallocated()
    if offered.filter(_is_whole) != seen.filter(_is_whole):
        return False
    if not seen.contains(offered):
        return False
    whole, parts = amounts(seen.filter(is_open)), amounts(offered.filter(is_open))
    for name, millis in whole.items():
        part = parts.get(name, 0)
        if is_lumpy(seen, name) and (most[name] < millis or name in needed):
            if part > most[name]:
                return False
        elif part != most[name]:
            return False
    return _ranges(offered) == _ranges(seen)


def _is_whole(key) -> bool:  # type: ignore[no-untyped-def]
    return not is_open(key)


def _ranges(resources: Resources) -> list[object]:
    return [amount for _, amount in resources.entries() if type(amount) is not int]


def who_has_least_is_first(books: Books, made: Allocation) -> None:
    """Rules 13, 16 to 22: at each level of the tree, nobody who could take it has less.

    Only for the first offer of a visit: later on, some were passed over for good.
    """
    client = (made.framework_id, made.role)
    seen = books.seen(*client, made.agent_id)
    if any(is_lumpy(seen, name) for name in books.required()):
        # Whether a guarantee has use for a lump depends on which one is tried first.
        return
    first, second = competitors(books, made.agent_id)
    problems = [
        _somebody_with_less(books, client, rivals) for rivals in (first, second) if client in rivals
    ]
    # Where limits cut lumps, it may get more than is certain, and is in neither.
    assert not problems or None in problems, f"{made}: {problems}"


def competitors(books: Books, agent_id: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return who could be offered something of an agent in the first stage, and in the second."""
    first, second = [], []
    for framework_id, role in books.clients():
        if not books.is_offered(agent_id) or not books.can_take(framework_id, role, agent_id):
            continue
        seen = books.seen(framework_id, role, agent_id)
        if not books.is_worthy(framework_id, role, seen):
            continue
        stages = (
            (first, books.guaranteed(role, seen, surely=True)),
            (second, books.shared_out(role, seen)),
        )
        for clients, most in stages:
            if most is None:
                continue
            least = at_least(seen, most)
            if books.is_worthy(framework_id, role, least) and not books.is_filtered(
                framework_id, role, agent_id, least
            ):
                clients.append((framework_id, role))
    return first, second


def _somebody_with_less(
    books: Books, client: tuple[str, str], rivals: list[tuple[str, str]]
) -> str | None:
    total, held = books.total(), [*books.offers, *books.tasks]

    def share_of(path: str) -> Fraction:
        role, _, framework_id = path.partition(" ")
        weight = Fraction(1)
        if framework_id:
            mine = [each for each in held if (each.framework_id, each.role) == (framework_id, role)]
        elif role.endswith("/."):
            mine = [each for each in held if each.role == role[:-2]]
        else:
            mine = [each for each in held if within(each.role, role)]
            weight = Fraction(books.weights.get(role, 1.0))
        return books.share(total, mine) / weight

    own = path_of(*client)
    for rival in rivals:
        for mine, theirs in zip(own, path_of(*rival), strict=False):
            if mine != theirs:
                if share_of(theirs) < share_of(mine) - NEARLY:
                    return f"{theirs} has less than {mine}"
                break
    return None


def path_of(framework_id: str, role: str) -> list[str]:
    """Return where a client competes: at each level of the tree, in the role, and as itself."""
    parts = role.split("/")
    above = ["/".join(parts[: length + 1]) for length in range(len(parts))]
    return [*above, f"{role}/.", f"{role} {framework_id}"]


# -- what has to be true whenever nothing is under way --


def nobody_is_forgotten(books: Books) -> None:
    """What somebody could be offered is offered to somebody, unless it is set aside."""
    for agent_id in books.totals:
        first, second = competitors(_without_shared(books), agent_id)
        assert not first, f"{agent_id}: the guarantees of {first} are not honoured"
        assert not second, f"{agent_id}: {second} could be offered something"


def _without_shared(books: Books) -> Books:
    """Return the same books, where no shared volume is left to be offered once more."""
    copy = _copy(books)
    copy.lent = {
        (agent_id, key)
        for agent_id, resources in books.totals.items()
        for key, _ in resources.entries()
        if key.shared
    }
    return copy


def _copy(books: Books) -> Books:
    copy = Books(books.options)
    copy.__dict__.update(books.__dict__)
    return copy


def no_guarantee_lacks_what_is_there(books: Books) -> None:
    """With nobody refusing anything: a role gets what it lacks, from wherever it is free."""
    for framework_id, role in books.clients():
        needed = books.needed(role)
        for agent_id in books.totals:
            is_candidate = books.is_offered(agent_id)
            if not is_candidate or not books.can_take(framework_id, role, agent_id):
                continue
            splittable = books.seen(framework_id, role, agent_id).filter(
                lambda key: is_open(key) and key.size is None
            )
            there = amounts(splittable)
            part = splittable.shrink(
                {name: min(millis, needed.get(name, 0)) for name, millis in there.items()}
            )
            is_worth_it = books.is_worthy(framework_id, role, part)
            assert not is_worth_it, f"{role} lacks {part!r}, which {agent_id} has"


def everybody_was_asked(books: Books, asked: set[tuple[str, str, str]]) -> None:
    """Whoever could be offered something, had it refused nothing, is among the asked."""
    patient = _copy(books)
    patient.filters = []
    for agent_id in books.totals:
        for stage in competitors(patient, agent_id):
            for client in stage:
                assert (*client, agent_id) in asked, f"{client} is never offered {agent_id}"


# -- what has to be true at any time --


def sums_are_exact(books: Books, views: list[RoleView], total: Amounts, free: Amounts) -> None:
    """Rules 16, 23, 24, 35 to 37: what the allocator says about roles, to the thousandth."""
    assert _plain(total) == _plain(books.total())
    there = books.total()
    for agent_id in books.totals:
        for name, millis in amounts(one_of_each(books.unheld(agent_id))).items():
            there[name] -= millis
    assert _plain(free) == _plain(there)
    for view in views:
        for source, said in ((books.offers, view.offered), (books.tasks, view.allocated)):
            mine = [each for each in source if within(each.role, view.name)]
            assert _plain(said) == _plain(_held(mine)), view.name
        reserved: Amounts = {}
        for resources in books.totals.values():
            for key, amount in one_of_each(resources).entries():
                if type(amount) is int and key.reservations and within(key.role, view.name):
                    each = amounts(Resources({key: amount}))
                    reserved[key.name] = reserved.get(key.name, 0) + each[key.name]
        assert _plain(view.reserved) == _plain(reserved), view.name
        # What of the reservations is bare of a role in the tree has no view of its own.
        consumed = books.consumed(view.name, also_offered=False)
        assert _plain(view.consumed) == _plain(consumed), view.name
        assert view.weight == books.weights.get(view.name, 1.0)
        mine = [each for each in (*books.offers, *books.tasks) if within(each.role, view.name)]
        share = books.share(books.total(), mine) / Fraction(view.weight)
        assert abs(Fraction(view.share) - share) <= NEARLY, view.name


def _held(held: list[Allocation]) -> Amounts:
    total: Amounts = {}
    seen = set()
    for each in held:
        for key, amount in each.resources.unallocated().entries():
            if type(amount) is not int or (each.agent_id, key) in seen:
                continue
            if key.shared:
                seen.add((each.agent_id, key))
                amount = 1
            for name, millis in amounts(Resources({key: amount})).items():
                total[name] = total.get(name, 0) + millis
    return total


def _plain(counted: Amounts) -> Amounts:
    return {name: millis for name, millis in counted.items() if millis}
