"""What containers may be given of Linux: capabilities, limits, namespaces, cgroups, terminals."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import (
    DEPRECATED,
    Message,
    ProtoEnum,
    UInt32,
    UInt64,
    WholeUInt64,
    explicit,
    within_64_bits,
)
from tepui.messages.devices import Device


class CapabilityInfo(Message, kw_only=True):
    """A set of Linux capabilities."""

    class Capability(ProtoEnum):
        """The capabilities of capabilities(7), numbered from 1000."""

        UNKNOWN = 0
        CHOWN = 1000
        DAC_OVERRIDE = 1001
        DAC_READ_SEARCH = 1002
        FOWNER = 1003
        FSETID = 1004
        KILL = 1005
        SETGID = 1006
        SETUID = 1007
        SETPCAP = 1008
        LINUX_IMMUTABLE = 1009
        NET_BIND_SERVICE = 1010
        NET_BROADCAST = 1011
        NET_ADMIN = 1012
        NET_RAW = 1013
        IPC_LOCK = 1014
        IPC_OWNER = 1015
        SYS_MODULE = 1016
        SYS_RAWIO = 1017
        SYS_CHROOT = 1018
        SYS_PTRACE = 1019
        SYS_PACCT = 1020
        SYS_ADMIN = 1021
        SYS_BOOT = 1022
        SYS_NICE = 1023
        SYS_RESOURCE = 1024
        SYS_TIME = 1025
        SYS_TTY_CONFIG = 1026
        MKNOD = 1027
        LEASE = 1028
        AUDIT_WRITE = 1029
        AUDIT_CONTROL = 1030
        SETFCAP = 1031
        MAC_OVERRIDE = 1032
        MAC_ADMIN = 1033
        SYSLOG = 1034
        WAKE_ALARM = 1035
        BLOCK_SUSPEND = 1036
        AUDIT_READ = 1037
        PERFMON = 1038
        BPF = 1039
        CHECKPOINT_RESTORE = 1040

    capabilities: Annotated[list[Capability], 1] = []


class SeccompInfo(Message, kw_only=True):
    """Which seccomp profile a container runs under, if not unconfined."""

    profile_name: Annotated[str | None, 1] = None
    unconfined: Annotated[bool | None, 2] = None


class RLimitInfo(Message, kw_only=True):
    """Resource limits of a process."""

    class RLimit(Message, kw_only=True):
        """One limit as in setrlimit(2); with neither bound given it is unlimited."""

        class Type(ProtoEnum):
            """The limits of setrlimit(2)."""

            UNKNOWN = 0
            RLMT_AS = 1
            RLMT_CORE = 2
            RLMT_CPU = 3
            RLMT_DATA = 4
            RLMT_FSIZE = 5
            RLMT_LOCKS = 6
            RLMT_MEMLOCK = 7
            RLMT_MSGQUEUE = 8
            RLMT_NICE = 9
            RLMT_NOFILE = 10
            RLMT_NPROC = 11
            RLMT_RSS = 12
            RLMT_RTPRIO = 13
            RLMT_RTTIME = 14
            RLMT_SIGPENDING = 15
            RLMT_STACK = 16

        type: Annotated[Type | None, 1] = None
        hard: Annotated[WholeUInt64 | None, 2] = None
        soft: Annotated[WholeUInt64 | None, 3] = None

        def __post_init__(self) -> None:
            within_64_bits(self.hard, self.soft)

    rlimits: Annotated[list[RLimit], 1] = []


class LinuxInfo(Message, kw_only=True):
    """What of Linux a container shares or is restricted to; ``shm_size`` counts megabytes."""

    class IpcMode(ProtoEnum):
        """Whether System V IPC and /dev/shm are the container's own or its parent's."""

        UNKNOWN = 0
        PRIVATE = 1
        SHARE_PARENT = 2

    capability_info: Annotated[CapabilityInfo | None, 1, DEPRECATED] = None
    bounding_capabilities: Annotated[CapabilityInfo | None, 2] = None
    effective_capabilities: Annotated[CapabilityInfo | None, 3] = None
    share_pid_namespace: Annotated[bool | None, 4] = None
    seccomp: Annotated[SeccompInfo | None, 5] = None
    ipc_mode: Annotated[IpcMode | None, 6] = None
    shm_size: Annotated[UInt32 | None, 7] = None
    share_cgroups: Annotated[bool, 8] = explicit(True)


class TTYInfo(Message, kw_only=True):
    """Asks for a terminal."""

    class WindowSize(Message, kw_only=True):
        """The size of a terminal in characters."""

        rows: Annotated[UInt32, 1]
        columns: Annotated[UInt32, 2]

    window_size: Annotated[WindowSize | None, 1] = None


class CgroupInfo(Message, kw_only=True):
    """What the cgroups of a container tell."""

    class Blkio(Message, kw_only=True):
        """The counters of the blkio controller."""

        class Operation(ProtoEnum):
            """Which operations a counter counts."""

            UNKNOWN = 0
            TOTAL = 1
            READ = 2
            WRITE = 3
            SYNC = 4
            ASYNC = 5
            DISCARD = 6

        class Value(Message, kw_only=True):
            """A counter of one kind of operation."""

            op: Annotated[CgroupInfo.Blkio.Operation | None, 1] = None
            value: Annotated[UInt64 | None, 2] = None

        class CFQ(Message, kw_only=True):
            """What the CFQ I/O scheduler counts."""

            class Statistics(Message, kw_only=True):
                """Counters of one device, or of all.

                Times are in nanoseconds, but ``time`` is in milliseconds.
                """

                device: Annotated[Device.Number | None, 1] = None
                sectors: Annotated[UInt64 | None, 2] = None
                time: Annotated[UInt64 | None, 3] = None
                io_serviced: Annotated[list[CgroupInfo.Blkio.Value], 4] = []
                io_service_bytes: Annotated[list[CgroupInfo.Blkio.Value], 5] = []
                io_service_time: Annotated[list[CgroupInfo.Blkio.Value], 6] = []
                io_wait_time: Annotated[list[CgroupInfo.Blkio.Value], 7] = []
                io_merged: Annotated[list[CgroupInfo.Blkio.Value], 8] = []
                io_queued: Annotated[list[CgroupInfo.Blkio.Value], 9] = []

        class Throttling(Message, kw_only=True):
            """What the throttling policy counts."""

            class Statistics(Message, kw_only=True):
                """Counters of one device, or of all."""

                device: Annotated[Device.Number | None, 1] = None
                io_serviced: Annotated[list[CgroupInfo.Blkio.Value], 2] = []
                io_service_bytes: Annotated[list[CgroupInfo.Blkio.Value], 3] = []

        class Statistics(Message, kw_only=True):
            """All counters of the controller."""

            cfq: Annotated[list[CgroupInfo.Blkio.CFQ.Statistics], 1] = []
            cfq_recursive: Annotated[list[CgroupInfo.Blkio.CFQ.Statistics], 2] = []
            throttling: Annotated[list[CgroupInfo.Blkio.Throttling.Statistics], 3] = []

    class NetCls(Message, kw_only=True):
        """The handle that net_cls puts on a container's packets."""

        classid: Annotated[UInt32 | None, 1] = None

    net_cls: Annotated[NetCls | None, 1] = None
