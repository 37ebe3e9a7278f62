"""Who wants offers in which roles, and whose filters end with it: rules 66 to 75."""

from __future__ import annotations

from tepui.allocator import AllocatorOptions, FrameworkOptions, HierarchicalAllocator
from tepui.allocator.laws import Rehearsal
from tepui.base.rng import Rng


def cluster_of(*agents: str) -> Rehearsal:
    """Return a cluster with these agents, and framework ``f`` in roles ``dev`` and ``ops``."""
    options = AllocatorOptions()
    cluster = Rehearsal(HierarchicalAllocator(options, Rng(1)), options)
    for name in agents:
        cluster.agent(name, "cpus:1;mem:64")
    cluster.framework("f", "dev", "ops")
    return cluster


def roles(cluster: Rehearsal) -> list[str]:
    """Let the allocator run; return the roles that were offered something."""
    return sorted(each.role for each in cluster.run())


def decline_all(cluster: Rehearsal) -> None:
    """Decline until nothing is offered any more."""
    while made := cluster.run():
        for offer in made:
            cluster.decline(offer, 60)


def test_rule_66_filters_go_with_their_agent() -> None:
    cluster = cluster_of("a")
    decline_all(cluster)
    assert cluster.allocator.next_deadline() == 60.0
    cluster.remove_agent("a")
    assert cluster.allocator.next_deadline() is None
    cluster.agent("a", "cpus:1;mem:64")
    assert len(cluster.run()) == 1


def test_rule_67_revive_clears_the_filters_of_the_roles_that_it_names() -> None:
    cluster = cluster_of("a")
    decline_all(cluster)
    cluster.revive("f", "ops")
    assert roles(cluster) == ["ops"]


def test_rule_67_leaving_a_role_clears_its_filters() -> None:
    cluster = cluster_of("a")
    decline_all(cluster)
    cluster.update_framework("f", "dev")
    cluster.update_framework("f", "dev", "ops")
    assert roles(cluster) == ["ops"]


def test_rule_67_leaving_a_role_clears_its_filters_even_while_tasks_run_in_it() -> None:
    """They keep the role's books open, and would keep what was refused with them."""
    cluster = cluster_of("a", "b")
    task, other = cluster.run()
    cluster.launch(task)
    cluster.rescind(other)
    decline_all(cluster)
    kept = "ops" if task.role == "dev" else "dev"
    cluster.update_framework("f", kept)
    assert cluster.run() == []
    cluster.update_framework("f", "dev", "ops")
    assert roles(cluster) == [task.role]


def test_rule_70_without_roles_all_are_suppressed() -> None:
    cluster = cluster_of("a", "b")
    cluster.suppress("f")
    assert cluster.run() == []
    cluster.framework("g", "dev")
    assert roles(cluster) == ["dev", "dev"]


def test_rule_70_offers_that_are_outstanding_stay_valid() -> None:
    cluster = cluster_of("a")
    [offer] = cluster.run()
    cluster.suppress("f")
    cluster.launch(offer)
    assert cluster.run() == []


def test_rule_71_revive_without_roles_is_about_all_of_them() -> None:
    cluster = cluster_of("a", "b")
    decline_all(cluster)
    cluster.suppress("f")
    cluster.revive("f")
    assert cluster.allocator.next_deadline() is None
    assert roles(cluster) == ["dev", "ops"]


def test_rule_71_a_role_that_is_not_named_stays_suppressed() -> None:
    cluster = cluster_of("a", "b")
    cluster.suppress("f")
    cluster.revive("f", "ops")
    assert roles(cluster) == ["ops", "ops"]


def test_rule_72_a_role_that_an_update_suppresses_gets_nothing_more() -> None:
    cluster = cluster_of("a", "b")
    cluster.update_framework("f", "dev", "ops", suppressed_roles=("dev",))
    assert roles(cluster) == ["ops", "ops"]


def test_rules_72_and_73_what_an_update_does_not_list_is_revived_and_its_filters_cleared() -> None:
    cluster = cluster_of("a")
    decline_all(cluster)
    cluster.suppress("f", "dev")
    cluster.update_framework("f", "dev", "ops")
    assert roles(cluster) == ["dev"]  # the filter of the other role, never suppressed, is kept


def test_rule_74_a_role_that_an_update_adds_is_served_at_once() -> None:
    cluster = cluster_of("a", "b")
    cluster.suppress("f")
    assert cluster.run() == []
    cluster.update_framework("f", "dev", "ops", "web", suppressed_roles=("dev", "ops"))
    assert roles(cluster) == ["web", "web"]


def test_rule_75_suppressing_and_reviving_wait_for_activation() -> None:
    cluster = cluster_of("a", "b")
    cluster.allocator.deactivate_framework("f")
    cluster.suppress("f")
    cluster.revive("f", "dev")
    assert cluster.allocator.allocate_slice(cluster.now, agents_max=9, offers_max=9).is_done
    assert cluster.offers == []
    cluster.allocator.activate_framework("f")
    assert roles(cluster) == ["dev", "dev"]


def test_rule_75_a_framework_may_be_added_inactive() -> None:
    cluster = cluster_of("a")
    cluster.remove_framework("f")
    options = FrameworkOptions(roles=("dev",))
    cluster.allocator.add_framework("f", options, is_active=False)
    cluster.pass_time(1.0)
    assert cluster.run() == []
