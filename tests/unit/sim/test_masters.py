"""A simulated master does what the real one's driver does."""

from __future__ import annotations

import typing
from typing import Any

from tepui.base.rng import Rng
from tepui.master.core import effects
from tepui.sim.clock import NodeClock
from tepui.sim.masters import MasterProcess
from tepui.sim.observations import (
    CoreStepped,
    Ending,
    LeadershipBegan,
    LeadershipEnded,
    ProcessEnded,
    RegistryWritten,
    StepCutShort,
)
from tepui.sim.scenario import Disk, Scenario, ZooKeeper
from tepui.sim.zookeeper import NAME, Ensemble


def master_of(net: Any) -> MasterProcess:
    settings = ZooKeeper()
    ensemble = Ensemble(net.clock, net.network, Rng(2), net.observed.append, settings, Disk())
    ensemble.start()
    master = MasterProcess(
        Scenario().master_config(0),
        net.clock,
        NodeClock(net.clock),
        net.network,
        ensemble,
        lambda life: Rng(life),
        net.observed.append,
        settings.session_timeout,
    )
    master.start()
    return master


def seen(net: Any, kind: type) -> list[Any]:
    return [each for each in net.observed if isinstance(each, kind)]


def test_every_effect_of_the_core_is_carried_out(new_net: Any) -> None:
    master = master_of(new_net())
    assert set(master._run) == set(typing.get_args(effects.AnyEffect))


def test_a_master_leads_once_it_has_read_the_registry(new_net: Any) -> None:
    net = new_net()
    master = master_of(net)
    assert not master.may_lead
    net.run(2.0)
    assert master.may_lead
    assert len(seen(net, LeadershipBegan)) == 1


def test_a_master_that_hears_nothing_of_zookeeper_ends_itself(new_net: Any) -> None:
    net = new_net()
    master = master_of(net)
    net.run(2.0)
    net.network.cut(NAME, master.name)
    net.run(30.0)
    assert not master.is_alive
    assert len(seen(net, LeadershipEnded)) == 1
    [ended] = seen(net, ProcessEnded)
    assert ended.ending is Ending.EXITED


def test_a_master_can_be_killed_within_a_step(new_net: Any) -> None:
    net = new_net()
    master = master_of(net)
    net.run(2.0)
    master.kill_in_step(1)
    net.run(2.0)
    [cut] = seen(net, StepCutShort)
    last = seen(net, CoreStepped)[-1]
    assert cut.undone == len(last.effects) - 1
    assert not master.is_alive
    assert seen(net, RegistryWritten) == []
