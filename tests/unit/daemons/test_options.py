"""What flags mean to the cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.agent.flags import AgentFlags
from tepui.base.flags import FlagError, Rate
from tepui.base.patterns import PatternLimits
from tepui.daemons.addresses import Addresses, resolve
from tepui.daemons.agent_options import agent_config, executor_environment
from tepui.daemons.master_options import allocator_options, master_config
from tepui.master.flags import MasterFlags

ADDRESSES = Addresses(listen="", ip="127.0.0.1", hostname="host", advertise_port=None)
DOMAIN = {"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}


def test_addresses_follow_the_flags() -> None:
    flags = MasterFlags(ip="127.0.0.1", hostname_lookup=False)
    assert resolve(flags) == Addresses(
        listen="127.0.0.1", ip="127.0.0.1", hostname="127.0.0.1", advertise_port=None
    )
    told = MasterFlags(ip="0.0.0.0", advertise_ip="127.9.9.9", advertise_port=99, hostname="me")
    assert resolve(told) == Addresses(
        listen="0.0.0.0", ip="127.9.9.9", hostname="me", advertise_port=99
    )


@pytest.mark.parametrize("flags", [MasterFlags(ip="::1"), MasterFlags(advertise_ip="host")])
def test_what_is_no_address_is_refused(flags: MasterFlags) -> None:
    with pytest.raises(FlagError, match="is not an IPv4 address"):
        resolve(flags)


def test_the_masters_flags_reach_its_core() -> None:
    flags = MasterFlags(weights="dev=2,prod/web=0.5", roles="dev,prod", domain=DOMAIN, port=0)
    config = master_config(flags, ADDRESSES, 1234)
    assert config.port == 1234
    assert config.roles == ("dev", "prod")
    assert config.domain is not None
    assert allocator_options(flags).weights == {"dev": 2.0, "prod/web": 0.5}


def test_what_surrounds_the_allocator_reaches_it() -> None:
    flags = MasterFlags(
        fair_sharing_excluded_resource_names="gpus, disk,",
        offer_constraints_re2_max_mem=1 << 20,
        offer_constraints_re2_max_program_size=500,
        allocator_agent_recovery_factor=0.5,
        allocator_recovery_timeout=60.0,
    )
    options = allocator_options(flags)
    assert options.fair_sharing_excluded == ("gpus", "disk")
    assert options.pattern_limits == PatternLimits(memory_bytes_max=1 << 20, program_size_max=500)
    config = master_config(flags, ADDRESSES, 1234)
    assert config.allocator == options
    assert config.allocator_agent_recovery_factor == 0.5
    assert config.allocator_recovery_timeout == 60.0
    assert allocator_options(MasterFlags()).pattern_limits == PatternLimits()


@pytest.mark.parametrize("text", ["dev", "dev=", "dev=0", "dev=-1", "=1", "dev=inf", "dev=x"])
def test_a_weight_that_is_none_is_refused_by_name(text: str) -> None:
    with pytest.raises(FlagError, match="--weights"):
        allocator_options(MasterFlags(weights=text))


def test_the_least_offers_are_sets_of_which_one_suffices() -> None:
    assert allocator_options(MasterFlags()).minimum == ({"cpus": 10}, {"mem": 32000})
    assert allocator_options(MasterFlags(min_allocatable_resources="")).minimum == ()
    both = MasterFlags(min_allocatable_resources="cpus:1;mem:2")
    assert allocator_options(both).minimum == ({"cpus": 1000, "mem": 2000},)


@pytest.mark.parametrize("text", ["cpus", "cpus:x", ":1", "cpus:-1", "cpus:inf", "cpus:nan"])
def test_a_least_offer_that_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(FlagError, match=f"'{text}' is not name:amount"):
        allocator_options(MasterFlags(min_allocatable_resources=text))


def test_the_agents_flags_reach_its_core(tmp_path: Path) -> None:
    flags = AgentFlags(
        work_dir=str(tmp_path), resources="cpus:2;mem:64", attributes="rack:r1", domain=DOMAIN
    )
    config = agent_config(flags, ADDRESSES, 77)
    assert (config.hostname, config.port) == ("host", 77)
    amounts = {resource.name: resource for resource in config.resources}
    assert amounts["cpus"].scalar is not None
    assert amounts["cpus"].scalar.value == 2.0
    assert {"cpus", "mem", "disk", "ports"} == set(amounts)
    assert [attribute.name for attribute in config.attributes] == ["rack"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (AgentFlags(work_dir="/tmp", resources="cpus=1"), "--resources"),
        (AgentFlags(work_dir="/tmp", attributes="rack"), "--attributes"),
        (
            AgentFlags(work_dir="/tmp", executor_environment_variables={"A": 1}),
            "--executor_environment_variables: A is 1",
        ),
    ],
)
def test_a_flag_that_cannot_be_understood_is_named(flags: AgentFlags, named: str) -> None:
    with pytest.raises(FlagError, match=named):
        agent_config(flags, ADDRESSES, 1)


def test_tasks_do_not_see_the_agents_own_settings() -> None:
    own = {"PATH": "/bin", "MESOS_WORK_DIR": "/x", "LIBPROCESS_IP": "1", "TEPUI_MASTER": "y"}
    assert executor_environment(AgentFlags(), own) == {"PATH": "/bin"}
    given = AgentFlags(executor_environment_variables={"A": "1"})
    assert executor_environment(given, own) == {"A": "1"}


def test_a_rate_of_removals_is_the_time_between_two() -> None:
    flags = MasterFlags(agent_removal_rate_limit=Rate(2.0, 60.0))
    assert master_config(flags, ADDRESSES, 1234).agent_removal_interval == 30.0
    assert master_config(MasterFlags(), ADDRESSES, 1234).agent_removal_interval is None
