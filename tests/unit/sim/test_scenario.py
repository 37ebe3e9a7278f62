"""Scenarios are read strictly, and written so that they can be read again."""

from __future__ import annotations

import pytest

from tepui.base.rng import Rng
from tepui.sim.faults import FAULTS_MAX, Fault, FaultKind, generate
from tepui.sim.scenario import ScenarioRefused, read_scenario, write_scenario
from tepui.sim.shipped import read_shipped, shipped


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hours = 3", "unknown field `hours`"),
        ("settle_after = -1.0", "settle_after=-1.0: expected a positive number"),
        ("[cluster]\nmasters = 0", "masters=0: expected 1 to 9"),
        ("[cluster.master]\nport = 'x'", "master.port='x': Expected `int`"),
        ("[cluster.master]\nagent_ping_timeout = 0.0", "pings need a positive timeout"),
        (
            "[cluster.master]\nagent_reregister_timeout = nan",
            "timeout=nan: expected a number from 0",
        ),
        (
            "[cluster.agent]\nrecovery_timeout_seconds = -5.0",
            "seconds=-5.0: expected a number from",
        ),
        ("[cluster.master]\nip = 'y'", "master.ip='y': there is no such value"),
        ("[cluster.agent]\nresources = []", "agent.resources=[]: there is no such value"),
        ("[cluster.agent]\nnope = 1", "agent.nope=1: there is no such value"),
        ("[[cluster.agents]]\nresources = 'cpus:x'", "'cpus:x' is not a resource"),
        ("[network]\nloss = 1.5", "loss=1.5: expected a share from 0 to 1"),
        ("[network]\nreordering = 0.1", "a stream keeps its order"),
        ("[[workloads]]\nrun_seconds = [5.0, 1.0]", "run_seconds=[5.0, 1.0]: expected a range"),
        ("[[workloads]]\nkill_rate = nan", "kill_rate=nan: expected a share"),
        ("[[quotas]]\nrole = '*'", "role='*': expected the name of a role"),
        ("[[quotas]]\nrole = 'a b'", "role='a b': role 'a b' contains white space"),
        ("[[quotas]]\nrole = 'a'\nlimit = 'ports:[1-2]'", "quota='ports:[1-2]': expected amounts"),
        (
            "[[quotas]]\nrole = 'a'\nguarantee = 'cpus:2'\nlimit = 'cpus:1'",
            "guarantee='cpus:2': cpus is above the limit",
        ),
        ("[weights]\n'a/../b' = 2.0", "weights='a/../b': role 'a/../b' has the part '..'"),
        ("[[workloads]]\ngroup_size = 20", "group_size=20: expected up to tasks=10"),
        ("[[workloads]]\noperations_per_hour = 9", "operations_per_hour=9.0: expected a role"),
        ("[[workloads]]\nroles = ['/']", "roles='/': role '/' starts with a slash"),
        ("[[workloads]]\nroles = ['a', 'a']", "roles=['a', 'a']: expected each role once"),
        ("[[workloads]]\nreconcile_seconds = 1e-6", "reconcile_seconds=1e-06: expected 0, or 0.1"),
        (
            "[cluster]\nagents = [{ count = 60000 }, { count = 60000 }]",
            "agents=120000: expected up to 100000 in all groups",
        ),
        ("[[chances]]\nkind = 'fire'\nper_hour = 1", "'fire'"),
        ("[[chances]]\nkind = 'gone'\nper_hour = -1", "per_hour=-1.0: expected a rate"),
        (
            "[[chances]]\nkind = 'gone'\nper_hour = 1\ntargets = ['master-0']",
            "chances[0].targets='master-0': expected whom gone can hit",
        ),
        (
            "[[chances]]\nkind = 'gone'\nper_hour = 1\ntargets = ['master']",
            "chances[0].targets='master': expected whom gone can hit",
        ),
        ("[[chances]]\nkind = 'gone'\nper_hour = 1\nseconds = [1.0, 2.0]", "gone has no length"),
        ("[[chances]]\nkind = 'pause'\nper_hour = 1\nto = 'master'", "pause has no other side"),
        (
            "[[chances]]\nkind = 'partition'\nper_hour = 1\nto = 'role'",
            "chances[0].to='role': expected the name of a node",
        ),
        (
            "[[chances]]\nkind = 'delay'\nper_hour = 1\namount = [2.0, 1.0]",
            "amount=[2.0, 1.0]: expected a range",
        ),
        ("[[faults]]\nat = 1\nkind = 'gone'\ntarget = 'agent-99'", "target='agent-99': expected"),
        ("[[faults]]\nat = 1\nkind = 'gone'\ntarget = 'agent'", "target='agent': expected"),
        (
            "[[faults]]\nat = 1\nkind = 'partition'\ntarget = 'agent-0'\nto = 'nobody'",
            "faults[0].to='nobody': expected the name of a node",
        ),
        ("[[faults]]\nat = 1\nkind = 'gone'\ntarget = 'agent-0'\nseconds = 3", "has no length"),
        (
            "[[faults]]\nat = 1\nkind = 'call loss'\ntarget = 'agent-0'\namount = 2",
            "call loss takes 0.0 to 1.0",
        ),
        ("a = " + "[" * 3000, "it is nested too deeply"),
        ("=", "bad"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_value(text: str, said: str) -> None:
    with pytest.raises(ScenarioRefused) as refused:
        read_scenario(text, "bad")
    assert said in str(refused.value)


@pytest.mark.parametrize("name", shipped())
def test_what_is_shipped_reads_and_is_the_same_when_written(name: str) -> None:
    scenario = read_shipped(name)
    assert scenario.about
    assert read_scenario(write_scenario(scenario, "a note\nof two lines"), name) == scenario


def test_a_name_that_nothing_has_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ScenarioRefused, match=r"no scenario 'none': expected calm, .*, or a file"):
        read_shipped("none")


def test_a_seed_gives_the_same_faults_in_order_and_within_time() -> None:
    scenario = read_shipped("everything")
    faults = generate(scenario, Rng(1))
    assert faults == generate(scenario, Rng(1))
    assert faults != generate(scenario, Rng(2))
    assert [each.at for each in faults] == sorted(each.at for each in faults)
    assert all(each.until <= scenario.settle_after + 0.001 for each in faults)
    assert {each.kind for each in faults} <= set(FaultKind)


def test_drawn_faults_can_be_written_down_and_are_the_same_then() -> None:
    scenario = read_shipped("partitions")
    faults = generate(scenario, Rng(1))
    explicit = scenario.with_parts(chances=(), faults=tuple(faults))
    read = read_scenario(write_scenario(explicit), "shrunk")
    assert generate(read, Rng(99)) == faults


def test_a_fault_at_a_certain_time_ends_with_the_others() -> None:
    """Or agents would never agree after it, and a law would seem to be broken."""
    text = "settle_after = 60.0\n[[faults]]\nat = 50.0\nkind = 'pause'\ntarget = 'agent-0'\n"
    [fault] = generate(read_scenario(text + "seconds = 5000.0", "long"), Rng(1))
    assert (fault.at, fault.until) == (50.0, 60.0)


def test_too_many_faults_are_refused() -> None:
    text = "settle_after = 1e6\n[[chances]]\nkind = 'gone'\nper_hour = 1e6"
    with pytest.raises(ValueError, match=f"gone brings more than {FAULTS_MAX} faults"):
        generate(read_scenario(text, "many"), Rng(1))


def test_fewer_agents_are_spared_the_faults_of_the_others() -> None:
    scenario = read_shipped("calm").with_parts(
        faults=tuple(
            Fault(at=1.0, kind=FaultKind.AGENT_CRASH, target=f"agent-{number}", seconds=1.0)
            for number in (0, 7)
        )
    )
    fewer = scenario.with_agents(2)
    assert fewer.agent_count == 2
    assert [each.target for each in fewer.faults] == ["agent-0"]


def test_agents_are_numbered_through_their_groups() -> None:
    scenario = read_shipped("everything")
    first, last = scenario.agent_config(0), scenario.agent_config(7)
    assert (first.hostname, last.hostname) == ("agent-0", "agent-7")
    assert first.ip != last.ip
    assert scenario.agent_total(0).quantities()["cpus"] == 8000
    assert scenario.agent_total(7).quantities()["cpus"] == 2000
    with pytest.raises(IndexError):
        scenario.agent_config(8)
