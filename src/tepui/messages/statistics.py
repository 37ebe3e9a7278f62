"""What containers use of their machine."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Message, UInt32, UInt64
from tepui.messages.executors import ExecutorInfo
from tepui.messages.ids import ContainerID, TaskID
from tepui.messages.linux import CgroupInfo
from tepui.messages.network_statistics import SNMPStatistics, TrafficControlStatistics
from tepui.messages.resources import Resource
from tepui.messages.values import Labels, Value


class DiskStatistics(Message, kw_only=True):
    """How much of a disk, or of a persistent volume on it, is used."""

    source: Annotated[Resource.DiskInfo.Source | None, 1] = None
    persistence: Annotated[Resource.DiskInfo.Persistence | None, 2] = None
    limit_bytes: Annotated[UInt64 | None, 3] = None
    used_bytes: Annotated[UInt64 | None, 4] = None


class PerfStatistics(Message, kw_only=True):
    """Events that perf(1) counted during ``duration`` seconds."""

    timestamp: Annotated[float, 1]
    duration: Annotated[float, 2]
    cycles: Annotated[UInt64 | None, 3] = None
    stalled_cycles_frontend: Annotated[UInt64 | None, 4] = None
    stalled_cycles_backend: Annotated[UInt64 | None, 5] = None
    instructions: Annotated[UInt64 | None, 6] = None
    cache_references: Annotated[UInt64 | None, 7] = None
    cache_misses: Annotated[UInt64 | None, 8] = None
    branches: Annotated[UInt64 | None, 9] = None
    branch_misses: Annotated[UInt64 | None, 10] = None
    bus_cycles: Annotated[UInt64 | None, 11] = None
    ref_cycles: Annotated[UInt64 | None, 12] = None
    cpu_clock: Annotated[float | None, 13] = None
    task_clock: Annotated[float | None, 14] = None
    page_faults: Annotated[UInt64 | None, 15] = None
    minor_faults: Annotated[UInt64 | None, 16] = None
    major_faults: Annotated[UInt64 | None, 17] = None
    context_switches: Annotated[UInt64 | None, 18] = None
    cpu_migrations: Annotated[UInt64 | None, 19] = None
    alignment_faults: Annotated[UInt64 | None, 20] = None
    emulation_faults: Annotated[UInt64 | None, 21] = None
    l1_dcache_loads: Annotated[UInt64 | None, 22] = None
    l1_dcache_load_misses: Annotated[UInt64 | None, 23] = None
    l1_dcache_stores: Annotated[UInt64 | None, 24] = None
    l1_dcache_store_misses: Annotated[UInt64 | None, 25] = None
    l1_dcache_prefetches: Annotated[UInt64 | None, 26] = None
    l1_dcache_prefetch_misses: Annotated[UInt64 | None, 27] = None
    l1_icache_loads: Annotated[UInt64 | None, 28] = None
    l1_icache_load_misses: Annotated[UInt64 | None, 29] = None
    l1_icache_prefetches: Annotated[UInt64 | None, 30] = None
    l1_icache_prefetch_misses: Annotated[UInt64 | None, 31] = None
    llc_loads: Annotated[UInt64 | None, 32] = None
    llc_load_misses: Annotated[UInt64 | None, 33] = None
    llc_stores: Annotated[UInt64 | None, 34] = None
    llc_store_misses: Annotated[UInt64 | None, 35] = None
    llc_prefetches: Annotated[UInt64 | None, 36] = None
    llc_prefetch_misses: Annotated[UInt64 | None, 37] = None
    dtlb_loads: Annotated[UInt64 | None, 38] = None
    dtlb_load_misses: Annotated[UInt64 | None, 39] = None
    dtlb_stores: Annotated[UInt64 | None, 40] = None
    dtlb_store_misses: Annotated[UInt64 | None, 41] = None
    dtlb_prefetches: Annotated[UInt64 | None, 42] = None
    dtlb_prefetch_misses: Annotated[UInt64 | None, 43] = None
    itlb_loads: Annotated[UInt64 | None, 44] = None
    itlb_load_misses: Annotated[UInt64 | None, 45] = None
    branch_loads: Annotated[UInt64 | None, 46] = None
    branch_load_misses: Annotated[UInt64 | None, 47] = None
    node_loads: Annotated[UInt64 | None, 48] = None
    node_load_misses: Annotated[UInt64 | None, 49] = None
    node_stores: Annotated[UInt64 | None, 50] = None
    node_store_misses: Annotated[UInt64 | None, 51] = None
    node_prefetches: Annotated[UInt64 | None, 52] = None
    node_prefetch_misses: Annotated[UInt64 | None, 53] = None


class ResourceStatistics(Message, kw_only=True):
    """What a container has used by ``timestamp`` seconds of the epoch.

    Names say the units; those in ``_secs`` and all counters count from the container's start.
    """

    class RatePercentiles(Message, kw_only=True):
        """Percentiles of a rate over a window."""

        min: Annotated[UInt64 | None, 1] = None
        max: Annotated[UInt64 | None, 2] = None
        p50: Annotated[UInt64 | None, 3] = None
        p90: Annotated[UInt64 | None, 4] = None
        p95: Annotated[UInt64 | None, 5] = None
        p99: Annotated[UInt64 | None, 6] = None
        p999: Annotated[UInt64 | None, 7] = None
        p9999: Annotated[UInt64 | None, 8] = None
        samples: Annotated[UInt64 | None, 9] = None

    class RateStatistics(Message, kw_only=True):
        """The rates of packets and bytes over a sliding window, in both directions."""

        rx_rate: Annotated[ResourceStatistics.RatePercentiles | None, 1] = None
        rx_packet_rate: Annotated[ResourceStatistics.RatePercentiles | None, 2] = None
        rx_drop_rate: Annotated[ResourceStatistics.RatePercentiles | None, 3] = None
        rx_error_rate: Annotated[ResourceStatistics.RatePercentiles | None, 4] = None
        tx_rate: Annotated[ResourceStatistics.RatePercentiles | None, 5] = None
        tx_packet_rate: Annotated[ResourceStatistics.RatePercentiles | None, 6] = None
        tx_drop_rate: Annotated[ResourceStatistics.RatePercentiles | None, 7] = None
        tx_error_rate: Annotated[ResourceStatistics.RatePercentiles | None, 8] = None
        sampling_window_secs: Annotated[float | None, 9] = None
        sampling_interval_secs: Annotated[float | None, 10] = None

    timestamp: Annotated[float, 1]
    processes: Annotated[UInt32 | None, 30] = None
    threads: Annotated[UInt32 | None, 31] = None
    cpus_user_time_secs: Annotated[float | None, 2] = None
    cpus_system_time_secs: Annotated[float | None, 3] = None
    cpus_limit: Annotated[float | None, 4] = None
    cpus_soft_limit: Annotated[float | None, 45] = None
    cpus_nr_periods: Annotated[UInt32 | None, 7] = None
    cpus_nr_throttled: Annotated[UInt32 | None, 8] = None
    cpus_throttled_time_secs: Annotated[float | None, 9] = None
    mem_total_bytes: Annotated[UInt64 | None, 36] = None
    mem_total_memsw_bytes: Annotated[UInt64 | None, 37] = None
    mem_kmem_usage_bytes: Annotated[UInt64 | None, 52] = None
    mem_kmem_tcp_usage_bytes: Annotated[UInt64 | None, 53] = None
    mem_limit_bytes: Annotated[UInt64 | None, 6] = None
    mem_soft_limit_bytes: Annotated[UInt64 | None, 38] = None
    mem_file_bytes: Annotated[UInt64 | None, 10] = None
    mem_anon_bytes: Annotated[UInt64 | None, 11] = None
    mem_cache_bytes: Annotated[UInt64 | None, 39] = None
    mem_rss_bytes: Annotated[UInt64 | None, 5] = None
    mem_mapped_file_bytes: Annotated[UInt64 | None, 12] = None
    mem_swap_bytes: Annotated[UInt64 | None, 40] = None
    mem_unevictable_bytes: Annotated[UInt64 | None, 41] = None
    mem_low_pressure_counter: Annotated[UInt64 | None, 32] = None
    mem_medium_pressure_counter: Annotated[UInt64 | None, 33] = None
    mem_critical_pressure_counter: Annotated[UInt64 | None, 34] = None
    disk_limit_bytes: Annotated[UInt64 | None, 26] = None
    disk_used_bytes: Annotated[UInt64 | None, 27] = None
    disk_statistics: Annotated[list[DiskStatistics], 43] = []
    blkio_statistics: Annotated[CgroupInfo.Blkio.Statistics | None, 44] = None
    perf: Annotated[PerfStatistics | None, 13] = None
    net_rx_packets: Annotated[UInt64 | None, 14] = None
    net_rx_bytes: Annotated[UInt64 | None, 15] = None
    net_rx_errors: Annotated[UInt64 | None, 16] = None
    net_rx_dropped: Annotated[UInt64 | None, 17] = None
    net_tx_packets: Annotated[UInt64 | None, 18] = None
    net_tx_bytes: Annotated[UInt64 | None, 19] = None
    net_tx_errors: Annotated[UInt64 | None, 20] = None
    net_tx_dropped: Annotated[UInt64 | None, 21] = None
    net_tx_rate_limit: Annotated[UInt64 | None, 46] = None
    net_tx_burst_rate_limit: Annotated[UInt64 | None, 47] = None
    net_tx_burst_size: Annotated[UInt64 | None, 48] = None
    net_rx_rate_limit: Annotated[UInt64 | None, 49] = None
    net_rx_burst_rate_limit: Annotated[UInt64 | None, 50] = None
    net_rx_burst_size: Annotated[UInt64 | None, 51] = None
    net_rate_statistics: Annotated[RateStatistics | None, 54] = None
    net_ephemeral_ports: Annotated[Value.Range | None, 55] = None
    net_tcp_rtt_microsecs_p50: Annotated[float | None, 22] = None
    net_tcp_rtt_microsecs_p90: Annotated[float | None, 23] = None
    net_tcp_rtt_microsecs_p95: Annotated[float | None, 24] = None
    net_tcp_rtt_microsecs_p99: Annotated[float | None, 25] = None
    net_tcp_active_connections: Annotated[float | None, 28] = None
    net_tcp_time_wait_connections: Annotated[float | None, 29] = None
    net_traffic_control_statistics: Annotated[list[TrafficControlStatistics], 35] = []
    net_snmp_statistics: Annotated[SNMPStatistics | None, 42] = None


class ResourceUsage(Message, kw_only=True):
    """What executors are allocated and use, for estimators of what could be lent on."""

    class Executor(Message, kw_only=True):
        """One executor and its tasks."""

        class Task(Message, kw_only=True):
            """A task of the executor."""

            name: Annotated[str, 1]
            id: Annotated[TaskID, 2]
            resources: Annotated[list[Resource], 3] = []
            labels: Annotated[Labels | None, 4] = None

        executor_info: Annotated[ExecutorInfo, 1]
        allocated: Annotated[list[Resource], 2] = []
        statistics: Annotated[ResourceStatistics | None, 3] = None
        container_id: Annotated[ContainerID, 4]
        tasks: Annotated[list[Task], 5] = []

    executors: Annotated[list[Executor], 1] = []
    total: Annotated[list[Resource], 2] = []
