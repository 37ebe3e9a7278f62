"""The agent's flags, declared once."""

from __future__ import annotations

from typing import Annotated, Any

from tepui.agent.core.reconfiguration import Policy
from tepui.base.daemon_flags import MASTER, ZK_SESSION_TIMEOUT, DaemonFlags
from tepui.base.flags import (
    BOOL,
    OBJECT,
    PATH,
    PATH_OR_NOTHING,
    TEXT,
    Flag,
    duration,
    number,
    one_of,
    whole,
)


class AgentFlags(DaemonFlags, frozen=True, kw_only=True):
    """What an operator can say to ``tepui agent``, with Mesos' names and defaults."""

    port: Annotated[int, Flag("port to listen on; 0 picks a free one", whole(0, 65535))] = 5051
    master: Annotated[
        str | None,
        Flag("the master, as host:port, or where it is elected, as zk://…", MASTER, "zk"),
    ] = None
    zk_session_timeout: Annotated[
        float,
        Flag("how long the leader counts as known when ZooKeeper is silent", ZK_SESSION_TIMEOUT),
    ] = 10.0
    work_dir: Annotated[str | None, Flag("directory of sandboxes and checkpoints", PATH)] = None
    runtime_dir: Annotated[
        str | None,
        Flag("directory of sockets, shared or not; below --work_dir if not given", PATH),
    ] = None

    resources: Annotated[
        str | None, Flag("what the agent offers, text or JSON; the rest is detected", TEXT)
    ] = None
    default_role: Annotated[str, Flag("role of --resources that name none", TEXT)] = "*"
    attributes: Annotated[str | None, Flag("attributes: rack:r1;os:debian", TEXT)] = None

    isolation: Annotated[
        str,
        Flag("isolators, comma-separated", one_of("posix/cpu,posix/mem", "posix/mem,posix/cpu")),
    ] = "posix/cpu,posix/mem"
    launcher: Annotated[str, Flag("how containers are started", one_of("posix"))] = "posix"
    containerizers: Annotated[
        str,
        Flag(
            "containerizers; docker may be named, as in Mesos' examples, and is not there: tasks "
            "in DOCKER containers are refused",
            one_of("mesos", "mesos,docker", "docker,mesos"),
        ),
    ] = "mesos"
    switch_user: Annotated[bool, Flag("run tasks as the user that they name; needs root", BOOL)] = (
        True
    )
    frameworks_home: Annotated[str, Flag("where relative URIs begin", PATH_OR_NOTHING)] = ""
    fetcher_stall_timeout: Annotated[
        float, Flag("give up a download that has stood still for this long", duration(0.001))
    ] = 60.0
    executor_environment_variables: Annotated[
        dict[str, Any] | None,
        Flag("environment of executors as JSON, instead of the agent's own", OBJECT),
    ] = None

    registration_backoff_factor: Annotated[
        float, Flag("first bound of the wait between registrations; doubles to 1mins", duration())
    ] = 1.0
    executor_registration_timeout: Annotated[
        float, Flag("how long an executor may take to subscribe", duration(0.001))
    ] = 60.0
    executor_reregistration_timeout: Annotated[
        float,
        Flag("how long executors may take to come back to a restarted agent", duration(0.001, 15)),
    ] = 2.0
    executor_shutdown_grace_period: Annotated[
        float, Flag("time between an executor's shutdown and its end by force", duration())
    ] = 5.0
    recover: Annotated[
        str,
        Flag(
            "what a restarted agent does with old tasks: take them up, or end them and itself",
            one_of("reconnect", "cleanup"),
        ),
    ] = "reconnect"
    strict: Annotated[
        bool, Flag("do not start when a record of the checkpoint cannot be used", BOOL)
    ] = True
    reconfiguration_policy: Annotated[
        str,
        Flag(
            "what may differ after a restart: nothing, or only more than there was",
            one_of(*(policy.value for policy in Policy)),
        ),
    ] = "equal"
    recovery_timeout: Annotated[
        float, Flag("tasks end when no agent has returned for this long", duration(1))
    ] = 900.0
    max_completed_executors_per_framework: Annotated[
        int, Flag("completed executors kept for each framework", whole(0, 2**31 - 1))
    ] = 150

    gc_delay: Annotated[float, Flag("longest life of a sandbox after its end", duration())] = (
        604800.0
    )
    gc_disk_headroom: Annotated[
        float, Flag("share of the disk that sandboxes make way for", number(0, 1))
    ] = 0.1
    disk_watch_interval: Annotated[
        float, Flag("time between looks at the disk", duration(0.001))
    ] = 60.0

    resource_estimator: Annotated[
        str | None,
        Flag("what is lent: noop, fixed, usage, an entry point, or module:attribute", TEXT),
    ] = None
    resource_estimator_parameters: Annotated[
        dict[str, Any] | None,
        Flag("its parameters as a JSON object, in place of --modules", OBJECT, own=True),
    ] = None
    qos_controller: Annotated[
        str | None,
        Flag("who ends borrowers: noop, load, usage, an entry point, or module:attribute", TEXT),
    ] = None
    qos_controller_parameters: Annotated[
        dict[str, Any] | None,
        Flag("its parameters as a JSON object, in place of --modules", OBJECT, own=True),
    ] = None
    oversubscribed_resources_interval: Annotated[
        float, Flag("time between estimates of what may be lent", duration(0.001))
    ] = 15.0
    qos_correction_interval_min: Annotated[
        float, Flag("least time between looks at who has to go; 1secs if less", duration())
    ] = 0.0
    modules: Annotated[
        dict[str, Any] | None,
        Flag("parameters of estimator and controller, in the form that Mesos has", OBJECT),
    ] = None


FIXED: dict[str, str] = {
    "authenticate_http_readwrite": "false",
    "authenticate_http_readonly": "false",
    "authenticate_http_executors": "false",
    "http_executor_domain_sockets": "false",
    "http_command_executor": "false",
    "memory_profiling": "false",
    "logbufsecs": "0",
    "authenticatee": "crammd5",
    "authorizer": "local",
    "initialize_driver_logging": "true",
    "enforce_container_disk_quota": "false",
    "systemd_enable_support": "false",
    "gc_non_executor_container_sandboxes": "false",
    "cgroups_enable_cfs": "false",
    "cgroups_limit_swap": "false",
}
"""Mesos' flags of which we do what they say at this value, and nothing else so far."""

REFUSED: dict[str, str] = {
    "resource_provider_config_dir": "",
    "csi_plugin_config_dir": "",
    "disk_profile_adaptor": "",
    "image_providers": "",
    "image_provisioner_backend": "",
    "image_gc_config": "",
    "appc_simple_discovery_uri_prefix": "",
    "appc_store_dir": "",
    "docker_registry": "",
    "docker_store_dir": "",
    "docker_volume_checkpoint_dir": "",
    "docker_volume_chown": "",
    "docker_ignore_runtime": "",
    "fetcher_cache_size": "",
    "fetcher_cache_dir": "",
    "launcher_dir": "nothing of the agent lives outside its package",
    "hadoop_home": "fetch over http, https or file",
    "volume_gid_range": "",
    "http_heartbeat_interval": "",
    "authentication_backoff_factor": "",
    "authentication_timeout_min": "",
    "authentication_timeout_max": "",
    "executor_reregistration_retry_interval": "executors come back by themselves",
    "jwt_secret_key": "",
    "container_logger": "",
    "cgroups_destroy_timeout": "",
    "cgroups_hierarchy": "",
    "cgroups_root": "",
    "cgroups_cpu_enable_pids_and_tids_count": "",
    "cgroups_net_cls_primary_handle": "",
    "cgroups_net_cls_secondary_handles": "",
    "allowed_devices": "",
    "agent_subsystems": "",
    "host_path_volume_force_creation": "",
    "nvidia_gpu_devices": "",
    "perf_events": "",
    "perf_interval": "",
    "perf_duration": "",
    "revocable_cpu_low_priority": "",
    "systemd_runtime_directory": "",
    "effective_capabilities": "",
    "bounding_capabilities": "",
    "default_container_shm_size": "",
    "disallow_sharing_agent_ipc_namespace": "",
    "disallow_sharing_agent_pid_namespace": "",
    "agent_features": "",
    "firewall_rules": "",
    "credential": "there is no authentication",
    "acls": "there is no authorisation",
    "docker": "",
    "docker_remove_delay": "",
    "docker_kill_orphans": "",
    "docker_mesos_image": "",
    "docker_socket": "",
    "docker_config": "",
    "sandbox_directory": "",
    "domain_socket_location": "",
    "default_container_dns": "",
    "default_container_info": "",
    "docker_stop_timeout": "",
    "ephemeral_ports_per_container": "",
    "eth0_name": "",
    "lo_name": "",
    "egress_rate_limit_per_container": "",
    "egress_rate_per_cpu": "",
    "minimum_egress_rate_limit": "",
    "maximum_egress_rate_limit": "",
    "egress_ceil_limit": "",
    "egress_burst": "",
    "egress_unique_flow_per_container": "",
    "egress_flow_classifier_parent": "",
    "ingress_rate_limit_per_container": "",
    "ingress_rate_per_cpu": "",
    "minimum_ingress_rate_limit": "",
    "maximum_ingress_rate_limit": "",
    "ingress_ceil_limit": "",
    "ingress_burst": "",
    "ingress_isolate_existing_containers": "",
    "network_link_speed": "",
    "network_enable_socket_statistics_summary": "",
    "network_enable_socket_statistics_details": "",
    "network_enable_snmp_statistics": "",
    "network_enable_rate_statistics": "",
    "network_rate_statistics_window": "",
    "network_rate_statistics_interval": "",
    "container_ports_watch_interval": "",
    "check_agent_port_range_only": "",
    "enforce_container_ports": "",
    "container_ports_isolated_range": "",
    "network_cni_plugins_dir": "",
    "network_cni_config_dir": "",
    "network_cni_root_dir_persist": "",
    "network_cni_metrics": "",
    "container_disk_watch_interval": "",
    "modules_dir": "C++ modules cannot be loaded",
    "http_authenticators": "",
    "http_credentials": "there is no authentication",
    "hooks": "C++ modules cannot be loaded",
    "secret_resolver": "",
    "master_detector": "",
    "xfs_project_range": "",
    "xfs_kill_containers": "",
    "xfs_quota_headroom": "",
    "seccomp_config_dir": "",
    "seccomp_profile_name": "",
    "ip6": "",
    "ip_discovery_command": "",
    "ip6_discovery_command": "",
    "executor_secret_key": "",
    "slave_subsystems": "",
    "allowed_capabilities": "",
}
"""Mesos' flags whose subject does not exist here yet, with what to do instead."""
