"""What of the record is left for later issues, and where our answers may differ, with reasons."""

from __future__ import annotations

import re
from dataclasses import dataclass

from golden import record

_CONTAINERS = "operators run and attach to containers with the issue on containers"
_PROVIDERS = "resource providers come with an issue of their own"
_CONSOLE = "the console comes with an issue of its own"
_LIBPROCESS = "a page of the library below Mesos, which no tool that we know of reads"

LATER: dict[str, str] = {
    "empty_master_GET_": _CONSOLE,
    "master_GET_system_stats_json": _LIBPROCESS,
    "agent_GET_system_stats_json": _LIBPROCESS,
    "master_GET_processes": _LIBPROCESS,
    "agent_GET_processes": _LIBPROCESS,
    "master_GET_profiler_start": _LIBPROCESS,
    "agent_v1_LAUNCH_CONTAINER": _CONTAINERS,
    "agent_v1_LAUNCH_CONTAINER_again": _CONTAINERS,
    "agent_v1_GET_CONTAINERS_standalone": _CONTAINERS,
    "agent_v1_LAUNCH_NESTED_CONTAINER": _CONTAINERS,
    "agent_v1_LAUNCH_NESTED_CONTAINER_SESSION": _CONTAINERS,
    "agent_v1_KILL_NESTED_CONTAINER": _CONTAINERS,
    "agent_v1_KILL_NESTED_CONTAINER_unknown": _CONTAINERS,
    "agent_v1_WAIT_NESTED_CONTAINER": _CONTAINERS,
    "agent_v1_WAIT_NESTED_CONTAINER_unknown": _CONTAINERS,
    "agent_v1_REMOVE_NESTED_CONTAINER": _CONTAINERS,
    "agent_v1_ATTACH_CONTAINER_OUTPUT_unknown": _CONTAINERS,
    "agent_v1_KILL_CONTAINER": _CONTAINERS,
    "agent_v1_KILL_CONTAINER_unknown": _CONTAINERS,
    "agent_v1_WAIT_CONTAINER": _CONTAINERS,
    "agent_v1_REMOVE_CONTAINER_unknown": _CONTAINERS,
    "agent_v1_PRUNE_IMAGES": _CONTAINERS,
    "agent_v1_ADD_RESOURCE_PROVIDER_CONFIG": _PROVIDERS,
}
"""The exchanges and events that are not replayed, each with the reason."""

REPLAYED: frozenset[str] = frozenset([*record.ROWS, *record.EVENTS]) - LATER.keys()


@dataclass(frozen=True)
class Allowance:
    """A difference that is right.

    Attributes:
        names: Matches the exchanges where it is.
        difference: Matches its path and what is there, as ``.flags.x: missing in ours``.
        reason: Why it is right.
        is_by_chance: Whether some runs are without it.
    """

    names: str
    difference: str
    reason: str
    is_by_chance: bool = False

    def covers(self, name: str, difference: str) -> bool:
        """Whether this is about that difference."""
        return bool(re.fullmatch(self.names, name) and re.fullmatch(self.difference, difference))


ALLOWED = (
    Allowance(
        r".*",
        r"\.flags\.\w+: missing in ours",
        "flags of what is not there yet are refused, and not shown",
    ),
    Allowance(
        r".*",
        r"(\..*)?\.git_(sha|branch): missing in ours",
        "they are there when known, and an installed package does not know them",
    ),
    Allowance(
        r".*",
        r".*\.container_status\.executor_pid: missing in (ours|some of ours)",
        "a command task has no process before its own, so there is none yet when it is STARTING",
    ),
    Allowance(
        r"agent.*_GET_(CONTAINERS|containers).*",
        r"(\.get_containers\.containers)?\[\](\.container_status|\.status)\.executor_pid: "
        r"missing in some of ours",
        "the agent plays the executor of a pod: the pod's container has no process of its own",
    ),
    Allowance(
        r"agent_v1_GET_(EXECUTORS|STATE)",
        r".*executors\[\]\.executor_info\.command\.arguments: missing in ours",
        "the agent plays the executor of a command: there is no program to give arguments to",
    ),
    Allowance(
        r"agent_(GET_state|GET_slave_1_state|state_for_paths|v1_GET_STATE|v1_GET_FRAMEWORKS)",
        r".*completed_frameworks\[\]\.(framework_info\.)?(role: missing in|roles: only in) ours",
        "our mesos-execute is MULTI_ROLE, and Mesos' is not",
    ),
    Allowance(
        r"agent_v1_GET_OPERATIONS",
        r"\.get_operations\.operations\[\]\."
        r"(info\.reserve\.resources\[\]\.allocation_info: missing in"
        r"|(latest_status|statuses\[\])\.converted_resources: only in) ours",
        "an agent's total is allocated to nobody, and it tells what came of whatever it did",
    ),
    Allowance(
        r"after_gone_master_GET_registrar_1_registry",
        r"\.(machines|schedules): missing in ours",
        "our registry has a record of each machine of the schedule: an emptied one leaves no trace",
    ),
    Allowance(
        r"agent_GET_files_debug",
        r".*: (missing in ours|only in ours)",
        "its keys are paths, and ours attach whole directories at once",
    ),
    Allowance(
        r"master_.*(state|frameworks).*",
        r"\.frameworks\[\]\.offers\[\]\.resources\.ports: missing in some of ours",
        "which of its roles is offered an agent first is chance: if it is not the one with the "
        "reservation, that comes alone, without ports",
        is_by_chance=True,
    ),
    Allowance(
        r"master_alias_GET_tasks_(order_asc|offset_1)_.*",
        r"\.tasks\[\]\.(discovery|labels|statuses\[\]\..*): .*",
        "which of the tasks came when is chance",
        is_by_chance=True,
    ),
    Allowance(
        r"master_.*metrics_snapshot.*",
        r"\.registrar/log/recovered: only in ours",
        "recorded without the replicated log that this is about, which ours stands for",
    ),
)
