"""The tree of roles keeps itself tidy."""

from tepui.allocator.quota import Quotas
from tepui.allocator.roles import RoleTree
from tepui.allocator.sorters import DrfSorter
from tepui.allocator.views import views_of
from tepui.resources import EMPTY, parse_resources


def tree(**weights: float) -> RoleTree:
    return RoleTree(
        make_role_sorter=DrfSorter,
        make_framework_sorter=DrfSorter,
        weights=weights,
        excluded=(),
        quotas=Quotas(()),
    )


def names(roles: RoleTree) -> list[str]:
    return [view.name for view in views_of(roles)]


def test_roles_come_with_their_ancestors_and_go_with_their_last_client() -> None:
    roles = tree()
    deep = roles.add_client("f", "a/b/c", 1)
    own = roles.add_client("g", "a", 2)
    assert names(roles) == ["a", "a/b", "a/b/c"]
    assert roles.clients_below("a") == 3
    assert roles.clients_in("a") == 2
    roles.remove_client(deep)
    assert names(roles) == ["a"]
    roles.remove_client(own)
    assert names(roles) == []
    assert roles.clients_below("a") == 0
    assert roles.first(-1) is None


def test_a_reservation_keeps_its_role_known() -> None:
    roles = tree()
    total = parse_resources("cpus:1;cpus(a/b):2")
    roles.change_total(added=total, removed=EMPTY)
    assert names(roles) == ["a", "a/b"]
    roles.change_total(added=EMPTY, removed=total)
    assert names(roles) == []


def test_only_eligible_clients_get_their_turn() -> None:
    roles = tree()
    clients = {name: roles.add_client(name, "a", 1 << at) for at, name in enumerate("xyz")}
    assert roles.first(0b111) is clients["x"]
    assert roles.first(0b110) is clients["y"]
    assert roles.first(0b1000) is None


def test_shares_are_measured_anew_when_the_total_changed() -> None:
    roles = tree(b=1.0)
    roles.change_total(added=parse_resources("cpus:10;mem:10"), removed=EMPTY)
    one, two = roles.add_client("f", "a", 1), roles.add_client("g", "b", 2)
    roles.charge(one, "s", parse_resources("cpus:5"))
    roles.charge(two, "s", parse_resources("mem:4"))
    assert roles.first(0b11) is two
    roles.change_total(added=parse_resources("cpus:90"), removed=EMPTY)
    roles.refresh()
    assert roles.first(0b11) is one


def test_weights_take_effect_at_once() -> None:
    roles = tree()
    roles.change_total(added=parse_resources("cpus:10"), removed=EMPTY)
    one, two = roles.add_client("f", "a", 1), roles.add_client("g", "b", 2)
    roles.charge(one, "s", parse_resources("cpus:2"))
    roles.charge(two, "s", parse_resources("cpus:1"))
    assert roles.first(0b11) is two
    roles.set_weight("a", 4.0)
    assert roles.first(0b11) is one
    roles.discharge(two, "s", parse_resources("cpus:1"))
    assert roles.first(0b11) is two
