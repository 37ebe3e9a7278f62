"""What may happen in a cluster, chosen by chance: a seeded one, or Hypothesis'."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from cluster import Cluster

from tepui.allocator import (
    AgentCapabilities,
    AgentDescription,
    AllocatorOptions,
    FrameworkCapabilities,
    FrameworkOptions,
    Quota,
)
from tepui.base.rng import Rng
from tepui.messages import Attribute, DomainInfo, Resource, Value
from tepui.messages.scheduler import AttributeConstraint, OfferConstraints
from tepui.resources import Quantities, Resources, parse_resources


class Chance(Protocol):
    """Where choices come from."""

    def below(self, bound: int) -> int: ...

    def choice(self, items: Sequence[Any]) -> Any: ...


Event = Callable[[Cluster, Chance], None]

TOP_ROLES = ("a", "b", "c")
ROLES = ("a", "a/x", "a/x/y", "b", "c", "*")
RESERVABLE = ("a", "a/x", "b", "e/f")
FRAMEWORKS = ("f1", "f2", "f3", "f4")
AGENTS = ("s1", "s2", "s3")
REFUSALS = (5.0, 5.0, 0.5, 1e9, 0.0, -1.0)
# In thousandths of what makes an offer worth it, or nearly.
UNITS = (0, 0, 1, 999, 1000, 2500, 9000)

Region, Zone = DomainInfo.FaultDomain.RegionInfo, DomainInfo.FaultDomain.ZoneInfo


def _region(name: str) -> DomainInfo:
    zone = DomainInfo.FaultDomain(region=Region(name=name), zone=Zone(name="z"))
    return DomainInfo(fault_domain=zone)


def _special(name: str, value: float, **fields: Any) -> Resources:
    scalar = Value.Scalar(value=value)
    message = Resource(name=name, type=Value.Type.SCALAR, scalar=scalar, **fields)
    return Resources.from_messages([message])


def _mount(number: int) -> Resources:
    source = Resource.DiskInfo.Source(
        type=Resource.DiskInfo.Source.Type.MOUNT,
        mount=Resource.DiskInfo.Source.Mount(root=f"/m{number}"),
    )
    return _special("disk", 40, disk=Resource.DiskInfo(source=source))


HERE = _region("here")
TOTALS = (
    parse_resources("cpus:4;mem:1024"),
    parse_resources("cpus:4;mem:1024;disk:100"),
    parse_resources("cpus:8;mem:64;ports:[1-10];disk:100"),
    parse_resources("cpus:0.003;mem:40;disk:0.001"),
    parse_resources("cpus:2;mem:512;cpus(a):1;mem(a/x):64;ephemeral_ports:[5-9]"),
    parse_resources("cpus(b):1;mem(b):100;disk(b):50;cpus(a):2"),
    parse_resources("cpus:4;mem:256;gpus:1;disk:100"),
    parse_resources("cpus:3;mem:64;disk:10")
    + _special("cpus", 2, revocable=Resource.RevocableInfo()),
    parse_resources("cpus:1;mem:64;disk:10") + _mount(1) + _mount(2),
)
SSD = Attribute(name="ssd", type=Value.Type.TEXT, text=Value.Text(value="yes"))
WITH_SSD = OfferConstraints.RoleConstraints(
    groups=[
        OfferConstraints.RoleConstraints.Group(
            attribute_constraints=[
                AttributeConstraint(
                    selector=AttributeConstraint.Selector(attribute_name="ssd"),
                    predicate=AttributeConstraint.Predicate(
                        exists=AttributeConstraint.Predicate.Exists()
                    ),
                )
            ]
        )
    ]
)
ABLE = FrameworkCapabilities(
    revocable_resources=True,
    gpu_resources=True,
    shared_resources=True,
    multi_role=True,
    reservation_refinement=True,
    region_aware=True,
)


def some_allocator_options(chance: Chance) -> AllocatorOptions:
    sorter = chance.choice(["drf", "drf", "drf", "random"])
    return AllocatorOptions(
        role_sorter=sorter,
        framework_sorter=sorter,
        minimum=chance.choice([AllocatorOptions().minimum, AllocatorOptions().minimum, ()]),
        fair_sharing_excluded=chance.choice([(), (), ("gpus", "disk")]),
        filter_gpu_resources=chance.below(3) > 0,
        domain=HERE,
    )


def _some(chance: Chance, items: Sequence[str]) -> tuple[str, ...]:
    return tuple(item for item in items if chance.below(2))


def _rarely(chance: Chance) -> bool:
    return chance.below(5) == 4


# -- frameworks --


def subscribe(cluster: Cluster, chance: Chance) -> None:
    roles = _some(chance, ROLES) or ("a",)
    capabilities = ABLE
    if _rarely(chance):
        capabilities = FrameworkCapabilities(
            revocable_resources=chance.below(2) == 0,
            gpu_resources=chance.below(2) == 0,
            shared_resources=chance.below(2) == 0,
            multi_role=chance.below(2) == 0,
            reservation_refinement=chance.below(2) == 0,
            region_aware=chance.below(2) == 0,
        )
    minimum = {}
    if _rarely(chance):
        minimum = {roles[0]: chance.choice([(), (Quantities(cpus=2000),)])}
    is_picky = _rarely(chance)
    options = FrameworkOptions(
        roles=roles,
        suppressed_roles=roles[:1] if _rarely(chance) else (),
        capabilities=capabilities,
        minimum=minimum,
        constraints=OfferConstraints(role_constraints={roles[-1]: WITH_SSD}) if is_picky else None,
    )
    cluster.subscribe(chance.choice(FRAMEWORKS), options)


def leave(cluster: Cluster, chance: Chance) -> None:
    cluster.leave(chance.choice(FRAMEWORKS))


def disconnect(cluster: Cluster, chance: Chance) -> None:
    cluster.disconnect(chance.choice(FRAMEWORKS))


def reconnect(cluster: Cluster, chance: Chance) -> None:
    cluster.reconnect(chance.choice(FRAMEWORKS))


def suppress(cluster: Cluster, chance: Chance) -> None:
    cluster.suppress(chance.choice(FRAMEWORKS), _some(chance, ROLES))


def revive(cluster: Cluster, chance: Chance) -> None:
    cluster.revive(chance.choice(FRAMEWORKS), _some(chance, ROLES))


# -- agents --


def register(cluster: Cluster, chance: Chance) -> None:
    description = AgentDescription(
        hostname=chance.choice(["h1", "h1", "h2"]),
        attributes=[SSD] if chance.below(2) else [],
        domain=chance.choice([None, HERE, HERE, _region("there")]),
        capabilities=AgentCapabilities(
            hierarchical_role=not _rarely(chance), multi_role=not _rarely(chance)
        ),
    )
    cluster.register(chance.choice(AGENTS), description, chance.choice(TOTALS))


def register_as_most_do(cluster: Cluster, chance: Chance) -> None:
    description = AgentDescription(hostname="h1", attributes=[SSD])
    cluster.register(chance.choice(AGENTS), description, chance.choice(TOTALS))


def lose(cluster: Cluster, chance: Chance) -> None:
    cluster.lose(chance.choice(AGENTS))


def drain(cluster: Cluster, chance: Chance) -> None:
    cluster.drain(chance.choice(AGENTS))


def reactivate(cluster: Cluster, chance: Chance) -> None:
    cluster.reactivate(chance.choice(AGENTS))


# -- operators --


def set_quota(cluster: Cluster, chance: Chance) -> None:
    guarantees, limits = {}, {}
    for name, unit in (("cpus", 1), ("mem", 32), ("disk", 20), ("gpus", 1)):
        guaranteed = chance.choice(UNITS) * unit
        if guaranteed:
            guarantees[name] = guaranteed
        if chance.below(3) == 0:
            limits[name] = guaranteed + chance.choice(UNITS) * unit
    quota = Quota(guarantees=Quantities(guarantees), limits=Quantities(limits))
    cluster.set_quota(chance.choice(TOP_ROLES), quota)


def remove_quota(cluster: Cluster, chance: Chance) -> None:
    cluster.set_quota(chance.choice(TOP_ROLES), Quota())


def set_weight(cluster: Cluster, chance: Chance) -> None:
    cluster.set_weight(chance.choice(ROLES), chance.choice([0.5, 1.0, 3.0]))


def set_whitelist(cluster: Cluster, chance: Chance) -> None:
    cluster.set_whitelist(chance.choice([None, None, ("h1",), ("h2",), ()]))


def operate(cluster: Cluster, chance: Chance) -> None:
    is_refined = chance.below(2) == 0
    role = chance.choice(RESERVABLE)
    cluster.operate(chance.choice(AGENTS), chance.below(6), role, is_refined=is_refined)


# -- offers --


def decline(cluster: Cluster, chance: Chance) -> None:
    cluster.decline(chance.below(9), chance.choice(REFUSALS))


def launch(cluster: Cluster, chance: Chance) -> None:
    cluster.launch(chance.below(9), chance.below(2) == 0, chance.choice(REFUSALS))


def rescind(cluster: Cluster, chance: Chance) -> None:
    offers = cluster.books.offers
    if offers:
        chosen = offers[chance.below(9) % len(offers)]
        cluster.rescind(lambda each: each is chosen)


def finish(cluster: Cluster, chance: Chance) -> None:
    cluster.finish(chance.below(9))


def convert(cluster: Cluster, chance: Chance) -> None:
    kinds = "reserve", "reserve", "refine", "unreserve", "create", "create shared", "destroy"
    cluster.convert(chance.below(9), chance.choice(kinds), is_used=_rarely(chance))


def create(cluster: Cluster, chance: Chance) -> None:
    """Reserve a disk, and make a volume of it."""
    at = chance.below(9)
    cluster.convert(at, "reserve", is_used=False)
    cluster.convert(at, chance.choice(["create", "create shared"]), is_used=False)


def refine(cluster: Cluster, chance: Chance) -> None:
    """Refine what an offer to a subrole holds of its parent's reservations."""
    refinable = [
        at
        for at, each in enumerate(cluster.books.offers)
        if "/" in each.role and any(key.role == "a" for key, _ in each.resources.entries())
    ]
    if refinable:
        cluster.convert(refinable[chance.below(9) % len(refinable)], "refine", is_used=False)


def use_twice(cluster: Cluster, chance: Chance) -> None:
    cluster.use_twice(chance.below(9))


# -- time, passes, failures --


def let_time_pass(cluster: Cluster, chance: Chance) -> None:
    cluster.pass_time(chance.choice([0.5, 1.0, 5.0]))


def come_to_the_periodic_pass(cluster: Cluster, chance: Chance) -> None:
    cluster.periodic()


def allocate_a_little(cluster: Cluster, chance: Chance) -> None:
    cluster.allocate_a_little(1 + chance.below(3))


def allocate(cluster: Cluster, chance: Chance) -> None:
    cluster.allocate()


def fail_over(cluster: Cluster, chance: Chance) -> None:
    cluster.fail_over(chance.below(5), Rng(chance.below(100)))


EVENTS: tuple[Event, ...] = (
    *[subscribe] * 3,
    leave,
    disconnect,
    reconnect,
    suppress,
    *[revive] * 2,
    *[register_as_most_do] * 3,
    register,
    lose,
    drain,
    *[reactivate] * 2,
    *[set_quota] * 3,
    remove_quota,
    set_weight,
    set_whitelist,
    *[operate] * 2,
    *[decline] * 3,
    *[launch] * 4,
    rescind,
    *[finish] * 3,
    *[convert] * 4,
    *[create] * 2,
    *[refine] * 2,
    use_twice,
    *[let_time_pass] * 2,
    come_to_the_periodic_pass,
    *[allocate_a_little] * 4,
    *[allocate] * 6,
    fail_over,
)
