"""What the master's flags mean to its core and its allocator."""

from __future__ import annotations

from tepui.allocator.interface import AllocatorOptions, Minimum
from tepui.base.flags import FlagError
from tepui.base.patterns import PatternLimits
from tepui.daemons.addresses import Addresses
from tepui.daemons.domains import domain_info
from tepui.master.core.config import MasterConfig
from tepui.master.flags import MasterFlags
from tepui.resources import Quantities


def master_config(flags: MasterFlags, addresses: Addresses, port: int) -> MasterConfig:
    """Return the core's configuration for a master that listens on ``port``.

    Raises:
        FlagError: A flag's text has not the form that its subject needs.
    """
    rate = flags.agent_removal_rate_limit
    return MasterConfig(
        hostname=addresses.hostname,
        ip=addresses.ip,
        port=addresses.advertise_port or port,
        cluster=flags.cluster,
        domain=domain_info(flags),
        agent_ping_timeout=flags.agent_ping_timeout,
        max_agent_ping_timeouts=flags.max_agent_ping_timeouts,
        agent_reregister_timeout=flags.agent_reregister_timeout,
        recovery_agent_removal_limit=flags.recovery_agent_removal_limit,
        agent_removal_interval=None if rate is None else rate.seconds / rate.times,
        registry_gc_interval=flags.registry_gc_interval,
        registry_max_agent_age=flags.registry_max_agent_age,
        registry_max_agent_count=flags.registry_max_agent_count,
        require_agent_domain=flags.require_agent_domain,
        offer_timeout=flags.offer_timeout,
        allocator=allocator_options(flags),
        allocator_agent_recovery_factor=flags.allocator_agent_recovery_factor,
        allocator_recovery_timeout=flags.allocator_recovery_timeout,
        roles=None if flags.roles is None else tuple(flags.roles.split(",")),
        max_operator_event_stream_subscribers=flags.max_operator_event_stream_subscribers,
        root_submissions=flags.root_submissions,
        max_completed_frameworks=flags.max_completed_frameworks,
        max_completed_tasks_per_framework=flags.max_completed_tasks_per_framework,
        max_unreachable_tasks_per_framework=flags.max_unreachable_tasks_per_framework,
    )


def allocator_options(flags: MasterFlags) -> AllocatorOptions:
    """Return the allocator's options.

    Raises:
        FlagError: A flag's text has not the form that its subject needs.
    """
    return AllocatorOptions(
        allocation_interval=flags.allocation_interval,
        minimum=minimum(flags),
        fair_sharing_excluded=tuple(
            name.strip()
            for name in (flags.fair_sharing_excluded_resource_names or "").split(",")
            if name.strip()
        ),
        filter_gpu_resources=flags.filter_gpu_resources,
        role_sorter=flags.role_sorter,
        framework_sorter=flags.framework_sorter,
        weights=weights(flags),
        domain=domain_info(flags),
        pattern_limits=PatternLimits(
            memory_bytes_max=flags.offer_constraints_re2_max_mem,
            program_size_max=flags.offer_constraints_re2_max_program_size,
        ),
    )


def weights(flags: MasterFlags) -> dict[str, float]:
    """Return ``--weights=role=weight,…`` as a mapping."""
    found: dict[str, float] = {}
    for part in (flags.weights or "").split(","):
        if not part:
            continue
        role, _, text = part.rpartition("=")
        try:
            weight = float(text)
        except ValueError:
            weight = 0.0
        if not role or not 0 < weight < float("inf"):
            raise FlagError(f"--weights: {part!r} is not role=weight with a weight above 0")
        found[role] = weight
    return found


def minimum(flags: MasterFlags) -> Minimum:
    """Return ``--min_allocatable_resources`` as sets of quantities; no text is no minimum."""
    sets: list[Quantities] = []
    for alternative in flags.min_allocatable_resources.split("|"):
        amounts: dict[str, int] = {}
        for part in alternative.split(";"):
            name, _, text = part.partition(":")
            if not part:
                continue
            try:
                amount = float(text)
            except ValueError:
                amount = -1.0
            if not name or not 0 <= amount < float("inf"):
                raise FlagError(
                    f"--min_allocatable_resources: {part!r} is not name:amount, of 0 or more"
                )
            amounts[name] = round(amount * 1000)
        if amounts:
            sets.append(Quantities(amounts))
    return tuple(sets)
