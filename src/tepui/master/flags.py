"""The master's flags, declared once."""

from __future__ import annotations

from typing import Annotated

from tepui.base.daemon_flags import ZK_SESSION_TIMEOUT, ZOOKEEPER, DaemonFlags
from tepui.base.flags import (
    BOOL,
    BYTES,
    PATH,
    RATE,
    TEXT,
    Flag,
    Rate,
    duration,
    number,
    one_of,
    percentage,
    whole,
)

_COUNT = whole(0, 2**31 - 1)


class MasterFlags(DaemonFlags, frozen=True, kw_only=True):
    """What an operator can say to ``tepui master``, with Mesos' names and defaults."""

    port: Annotated[int, Flag("port to listen on; 0 picks a free one", whole(0, 65535))] = 5050
    work_dir: Annotated[str | None, Flag("directory of the registry", PATH)] = None
    registry: Annotated[
        str,
        Flag(
            "where promises are kept; replicated_log stands for the durable one: zookeeper with "
            "--zk, else sqlite",
            one_of("replicated_log", "zookeeper", "sqlite", "in_memory"),
        ),
    ] = "replicated_log"
    zk: Annotated[
        str | None,
        Flag(
            "ZooKeeper in which the leader of several masters is elected: "
            "zk://user:password@host1:2181,host2:2181/path",
            ZOOKEEPER,
        ),
    ] = None
    zk_session_timeout: Annotated[
        float,
        Flag("after how long without a word from a leader another is elected", ZK_SESSION_TIMEOUT),
    ] = 10.0
    quorum: Annotated[
        int | None,
        Flag(
            "taken for the sake of Mesos' command lines: ZooKeeper has its own quorum",
            whole(1, 2**31 - 1),
        ),
    ] = None
    registry_fetch_timeout: Annotated[
        float, Flag("longest wait for the registry at the start", duration(1))
    ] = 60.0
    registry_store_timeout: Annotated[
        float, Flag("longest wait for one write to the registry", duration(1))
    ] = 20.0
    journal: Annotated[
        str | None,
        Flag("directory in which all that happens is kept, for tepui replay", PATH, own=True),
    ] = None
    journal_max_bytes: Annotated[
        int, Flag("what the journal may take; the oldest goes first", BYTES, own=True)
    ] = 4 << 30
    cluster: Annotated[str | None, Flag("the cluster's name, for people", TEXT)] = None

    agent_ping_timeout: Annotated[
        float, Flag("how long an agent may take to answer", duration(1, 900), "slave_ping_timeout")
    ] = 15.0
    max_agent_ping_timeouts: Annotated[
        int,
        Flag(
            "unanswered pings after which an agent is unreachable",
            whole(1, 2**31 - 1),
            "max_slave_ping_timeouts",
        ),
    ] = 5
    agent_reregister_timeout: Annotated[
        float,
        Flag(
            "how long a lost agent may stay away before it is unreachable",
            duration(600),
            "slave_reregister_timeout",
        ),
    ] = 600.0
    recovery_agent_removal_limit: Annotated[
        float,
        Flag(
            "share of the known agents that may stay away after a failover; beyond it we end",
            percentage(),
            "recovery_slave_removal_limit",
        ),
    ] = 1.0
    agent_removal_rate_limit: Annotated[
        Rate | None,
        Flag(
            "how many agents may become unreachable in how long, such as 1/10mins",
            RATE,
            "slave_removal_rate_limit",
        ),
    ] = None
    registry_gc_interval: Annotated[
        float, Flag("time between prunings of the registry", duration(1))
    ] = 900.0
    registry_max_agent_age: Annotated[
        float, Flag("how long unreachable and gone agents are remembered", duration(1))
    ] = 1209600.0
    registry_max_agent_count: Annotated[
        int, Flag("how many unreachable and gone agents are remembered", _COUNT)
    ] = 102400
    require_agent_domain: Annotated[bool, Flag("refuse agents without --domain", BOOL)] = False

    allocation_interval: Annotated[
        float, Flag("time between allocations of everything", duration(0.001))
    ] = 1.0
    offer_timeout: Annotated[
        float | None, Flag("take offers back after this; never if not given", duration(0.001))
    ] = None
    role_sorter: Annotated[str, Flag("order of roles", one_of("drf", "random"), "user_sorter")] = (
        "drf"
    )
    framework_sorter: Annotated[
        str, Flag("order of frameworks within a role", one_of("drf", "random"))
    ] = "drf"
    weights: Annotated[str | None, Flag("weights of roles: role=weight,…", TEXT)] = None
    roles: Annotated[str | None, Flag("the only roles that may be used", TEXT)] = None
    filter_gpu_resources: Annotated[
        bool, Flag("offer agents with GPUs to GPU_RESOURCES frameworks only", BOOL)
    ] = True
    min_allocatable_resources: Annotated[
        str, Flag("smallest amounts worth an offer, one of several: a:1;b:2|c:3", TEXT)
    ] = "cpus:0.01|mem:32"
    fair_sharing_excluded_resource_names: Annotated[
        str | None, Flag("resources that do not count towards a share: name,…", TEXT)
    ] = None
    allocator: Annotated[
        str,
        Flag("hierarchical, the name of one that is installed, or module:attribute", TEXT),
    ] = "hierarchical"
    allocator_agent_recovery_factor: Annotated[
        float,
        Flag(
            "share of the known agents to wait for after a failover, if there is a quota",
            number(0, 1),
        ),
    ] = 0.8
    allocator_recovery_timeout: Annotated[
        float, Flag("longest wait for them before offers are made", duration(0.001))
    ] = 600.0
    whitelist: Annotated[
        str | None,
        Flag("file of the only host names whose agents are offered, one a line", PATH),
    ] = None
    offer_constraints_re2_max_mem: Annotated[
        int, Flag("memory that a pattern in offer constraints may take", BYTES)
    ] = 4096
    offer_constraints_re2_max_program_size: Annotated[
        int, Flag("instructions that such a pattern may compile to", whole(1, 2**31 - 1))
    ] = 100

    root_submissions: Annotated[bool, Flag("let frameworks run as root", BOOL)] = True
    max_completed_frameworks: Annotated[int, Flag("completed frameworks kept", _COUNT)] = 50
    max_completed_tasks_per_framework: Annotated[
        int, Flag("completed tasks kept for each framework", _COUNT)
    ] = 1000
    max_unreachable_tasks_per_framework: Annotated[
        int, Flag("unreachable tasks kept for each framework", _COUNT)
    ] = 1000
    max_operator_event_stream_subscribers: Annotated[
        int, Flag("streams of events for operators; beyond that the oldest ends", _COUNT)
    ] = 1000
    publish_per_framework_metrics: Annotated[
        bool, Flag("metrics of each framework as well", BOOL)
    ] = True


FIXED: dict[str, str] = {
    "authenticate_frameworks": "false",
    "authenticate_agents": "false",
    "authenticate_http_readwrite": "false",
    "authenticate_http_readonly": "false",
    "authenticate_http_frameworks": "false",
    "registry_strict": "false",
    "memory_profiling": "false",
    "log_auto_initialize": "true",
    "logbufsecs": "0",
    "authenticators": "crammd5",
    "authorizers": "local",
    "http_authenticators": "basic",
    "initialize_driver_logging": "true",
}
"""Mesos' flags of which we do what they say at this value, and nothing else so far."""

REFUSED: dict[str, str] = {
    "webui_dir": "the endpoints and the tepui command show what it would",
    "authentication_v0_timeout": "there is no authentication",
    "credentials": "there is no authentication",
    "acls": "there is no authorisation",
    "firewall_rules": "",
    "rate_limits": "",
    "max_executors_per_agent": "",
    "modules": "C++ modules cannot be loaded",
    "modules_dir": "C++ modules cannot be loaded",
    "hooks": "C++ modules cannot be loaded",
    "http_framework_authenticators": "",
    "master_contender": "C++ modules cannot be loaded; --zk elects the leader",
    "master_detector": "C++ modules cannot be loaded; --zk finds the leader",
    "ip_discovery_command": "",
    "max_executors_per_slave": "",
}
"""Mesos' flags whose subject does not exist here yet, with what to do instead."""
