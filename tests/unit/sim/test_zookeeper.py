"""Who leads by when, and what the registry takes from whom."""

from __future__ import annotations

from typing import Any

from tepui.base.rng import Rng
from tepui.ha.store import StoreBatch, StoreError
from tepui.ha.zookeeper import renewal
from tepui.sim import zookeeper
from tepui.sim.clock import NodeClock
from tepui.sim.network import Network
from tepui.sim.observations import Ending
from tepui.sim.processes import Process
from tepui.sim.scenario import Disk, ZooKeeper
from tepui.sim.zookeeper import NAME, Candidacy, Ensemble, RegistryClient

TIMEOUT = 10.0


class Candidate(Process):
    """A process that only wants to lead."""

    def __init__(self, name: str, net: Any, ensemble: Ensemble) -> None:
        super().__init__(name, net.clock, NodeClock(net.clock), net.observed.append)
        self.network: Network = net.network
        self.ensemble = ensemble
        self.told: list[str] = []

    def on_start(self) -> None:
        self.registry = RegistryClient(self, self.network, self.ensemble, 10.0)
        self.candidacy = Candidacy(
            self, self.network, TIMEOUT, lambda: self.told.append("elected"), self.told.append
        )
        self.candidacy.ask()

    @property
    def leads(self) -> bool:
        return self.is_alive and self.times.monotonic < self.candidacy.lease_until

    def open(self) -> None:
        self.registry.open(lambda: True, lambda records: None, self.told.append)

    def write(self, **puts: bytes) -> list[StoreError | None]:
        answers: list[StoreError | None] = []
        self.registry.submit(StoreBatch(puts=dict(puts)), answers.append)
        return answers


def ensemble_of(net: Any, *names: str) -> tuple[Ensemble, list[Candidate]]:
    settings = ZooKeeper(session_timeout=TIMEOUT)
    ensemble = Ensemble(
        net.clock, net.network, Rng(2), net.observed.append, settings, Disk(latency=(0.01, 0.01))
    )
    ensemble.start()
    candidates = []
    for name in names:
        candidate = Candidate(name, net, ensemble)
        candidate.start()
        net.run(0.5)
        candidates.append(candidate)
    return ensemble, candidates


def test_whoever_came_first_leads(new_net: Any) -> None:
    net = new_net()
    _, (first, second) = ensemble_of(net, "first", "second")
    net.run(60.0)
    assert (first.told, second.told) == (["elected"], [])


def test_a_leader_that_is_cut_off_has_stopped_before_another_leads(new_net: Any) -> None:
    net = new_net()
    _, (first, second) = ensemble_of(net, "first", "second")
    net.network.cut(NAME, "first")
    for _ in range(300):
        net.run(0.1)
        assert not (first.leads and second.leads)
    assert first.told == ["elected", "ZooKeeper has not answered in time"]
    assert second.leads


def test_a_killed_leader_keeps_its_place_until_its_session_expires(new_net: Any) -> None:
    net = new_net()
    ensemble, (first, second) = ensemble_of(net, "first", "second")
    first.end(Ending.KILLED, "killed")
    net.run(TIMEOUT * 0.7)
    assert ensemble.leader == "first"
    net.run(TIMEOUT)
    assert second.leads


def test_a_leader_that_leaves_in_good_order_is_followed_at_once(new_net: Any) -> None:
    net = new_net()
    ensemble, (first, _) = ensemble_of(net, "first", "second")
    first.candidacy.leave()
    net.run(0.1)
    assert ensemble.leader == "second"


def test_sessions_outlive_an_ensemble_that_was_away(new_net: Any) -> None:
    net = new_net()
    ensemble, (first, _) = ensemble_of(net, "first", "second")
    ensemble.end(Ending.KILLED, "the majority is gone")
    net.run(5.0)
    ensemble.start()
    net.run(60.0)
    assert ensemble.leader == "first"
    assert first.told == ["elected"]


def test_who_opened_the_registry_last_writes_it(new_net: Any) -> None:
    net = new_net()
    ensemble, (first, second) = ensemble_of(net, "first", "second")
    first.open()
    net.run(1.0)
    kept = first.write(a=b"1")
    net.run(1.0)
    first.candidacy.leave()
    net.run(1.0)
    second.open()
    net.run(1.0)
    refused = first.write(a=b"2")
    net.run(1.0)
    assert kept == [None]
    assert isinstance(refused[0], StoreError)
    assert ensemble.content.records == {"a": b"1"}


def test_who_does_not_lead_opens_no_registry(new_net: Any) -> None:
    net = new_net()
    ensemble, (_, second) = ensemble_of(net, "first", "second")
    second.open()
    net.run(10.0)
    assert ensemble.content.epoch == 0


def test_a_write_of_which_the_answer_is_lost_is_done_once_and_told_later(new_net: Any) -> None:
    net = new_net()
    ensemble, (first,) = ensemble_of(net, "first")
    first.open()
    net.run(1.0)
    net.network.cut(NAME, "first")
    told = first.write(a=b"1")
    net.run(1.0)
    assert (ensemble.content.records, told) == ({"a": b"1"}, [])
    net.network.heal(NAME, "first")
    net.run(5.0)
    assert told == [None]


def test_a_write_that_cannot_be_made_fails_after_its_time(new_net: Any) -> None:
    net = new_net()
    ensemble, (first,) = ensemble_of(net, "first")
    first.open()
    net.run(1.0)
    ensemble.write_seconds_more["first"] = 60.0
    told = first.write(a=b"1")
    net.run(30.0)
    assert isinstance(told[0], StoreError)
    net.run(60.0)
    assert ensemble.content.records == {"a": b"1"}  # all the same: nobody knew


def test_what_comes_while_a_commit_is_under_way_shares_the_next(new_net: Any) -> None:
    net = new_net()
    _, (first,) = ensemble_of(net, "first")
    first.open()
    net.run(1.0)
    answers = [first.write(**{f"k{number}": b""}) for number in range(5)]
    assert not first.registry.is_idle
    net.run(1.0)
    assert answers == [[None]] * 5
    assert first.registry.is_idle


def test_leases_are_what_they_are_with_a_real_zookeeper() -> None:
    """The simulator may not import those, which know kazoo."""
    assert (zookeeper.LEASE_SHARE, zookeeper.RENEWALS) == (renewal.LEASE_SHARE, renewal.RENEWALS)
