"""Counters of the kernel's network stack, under the kernel's own names."""

from __future__ import annotations

from typing import Annotated

from tepui.messages.base import Int64, Message, UInt64


class TrafficControlStatistics(Message, kw_only=True):
    """What traffic control counts of one queueing discipline."""

    id: Annotated[str, 1]
    backlog: Annotated[UInt64 | None, 2] = None
    bytes: Annotated[UInt64 | None, 3] = None
    drops: Annotated[UInt64 | None, 4] = None
    overlimits: Annotated[UInt64 | None, 5] = None
    packets: Annotated[UInt64 | None, 6] = None
    qlen: Annotated[UInt64 | None, 7] = None
    ratebps: Annotated[UInt64 | None, 8] = None
    ratepps: Annotated[UInt64 | None, 9] = None
    requeues: Annotated[UInt64 | None, 10] = None


class IpStatistics(Message, kw_only=True):
    """The Ip line of /proc/net/snmp."""

    Forwarding: Annotated[Int64 | None, 1] = None
    DefaultTTL: Annotated[Int64 | None, 2] = None
    InReceives: Annotated[Int64 | None, 3] = None
    InHdrErrors: Annotated[Int64 | None, 4] = None
    InAddrErrors: Annotated[Int64 | None, 5] = None
    ForwDatagrams: Annotated[Int64 | None, 6] = None
    InUnknownProtos: Annotated[Int64 | None, 7] = None
    InDiscards: Annotated[Int64 | None, 8] = None
    InDelivers: Annotated[Int64 | None, 9] = None
    OutRequests: Annotated[Int64 | None, 10] = None
    OutDiscards: Annotated[Int64 | None, 11] = None
    OutNoRoutes: Annotated[Int64 | None, 12] = None
    ReasmTimeout: Annotated[Int64 | None, 13] = None
    ReasmReqds: Annotated[Int64 | None, 14] = None
    ReasmOKs: Annotated[Int64 | None, 15] = None
    ReasmFails: Annotated[Int64 | None, 16] = None
    FragOKs: Annotated[Int64 | None, 17] = None
    FragFails: Annotated[Int64 | None, 18] = None
    FragCreates: Annotated[Int64 | None, 19] = None


class IcmpStatistics(Message, kw_only=True):
    """The Icmp line of /proc/net/snmp."""

    InMsgs: Annotated[Int64 | None, 1] = None
    InErrors: Annotated[Int64 | None, 2] = None
    InCsumErrors: Annotated[Int64 | None, 3] = None
    InDestUnreachs: Annotated[Int64 | None, 4] = None
    InTimeExcds: Annotated[Int64 | None, 5] = None
    InParmProbs: Annotated[Int64 | None, 6] = None
    InSrcQuenchs: Annotated[Int64 | None, 7] = None
    InRedirects: Annotated[Int64 | None, 8] = None
    InEchos: Annotated[Int64 | None, 9] = None
    InEchoReps: Annotated[Int64 | None, 10] = None
    InTimestamps: Annotated[Int64 | None, 11] = None
    InTimestampReps: Annotated[Int64 | None, 12] = None
    InAddrMasks: Annotated[Int64 | None, 13] = None
    InAddrMaskReps: Annotated[Int64 | None, 14] = None
    OutMsgs: Annotated[Int64 | None, 15] = None
    OutErrors: Annotated[Int64 | None, 16] = None
    OutDestUnreachs: Annotated[Int64 | None, 17] = None
    OutTimeExcds: Annotated[Int64 | None, 18] = None
    OutParmProbs: Annotated[Int64 | None, 19] = None
    OutSrcQuenchs: Annotated[Int64 | None, 20] = None
    OutRedirects: Annotated[Int64 | None, 21] = None
    OutEchos: Annotated[Int64 | None, 22] = None
    OutEchoReps: Annotated[Int64 | None, 23] = None
    OutTimestamps: Annotated[Int64 | None, 24] = None
    OutTimestampReps: Annotated[Int64 | None, 25] = None
    OutAddrMasks: Annotated[Int64 | None, 26] = None
    OutAddrMaskReps: Annotated[Int64 | None, 27] = None


class TcpStatistics(Message, kw_only=True):
    """The Tcp line of /proc/net/snmp."""

    RtoAlgorithm: Annotated[Int64 | None, 1] = None
    RtoMin: Annotated[Int64 | None, 2] = None
    RtoMax: Annotated[Int64 | None, 3] = None
    MaxConn: Annotated[Int64 | None, 4] = None
    ActiveOpens: Annotated[Int64 | None, 5] = None
    PassiveOpens: Annotated[Int64 | None, 6] = None
    AttemptFails: Annotated[Int64 | None, 7] = None
    EstabResets: Annotated[Int64 | None, 8] = None
    CurrEstab: Annotated[Int64 | None, 9] = None
    InSegs: Annotated[Int64 | None, 10] = None
    OutSegs: Annotated[Int64 | None, 11] = None
    RetransSegs: Annotated[Int64 | None, 12] = None
    InErrs: Annotated[Int64 | None, 13] = None
    OutRsts: Annotated[Int64 | None, 14] = None
    InCsumErrors: Annotated[Int64 | None, 15] = None


class UdpStatistics(Message, kw_only=True):
    """The Udp line of /proc/net/snmp."""

    InDatagrams: Annotated[Int64 | None, 1] = None
    NoPorts: Annotated[Int64 | None, 2] = None
    InErrors: Annotated[Int64 | None, 3] = None
    OutDatagrams: Annotated[Int64 | None, 4] = None
    RcvbufErrors: Annotated[Int64 | None, 5] = None
    SndbufErrors: Annotated[Int64 | None, 6] = None
    InCsumErrors: Annotated[Int64 | None, 7] = None
    IgnoredMulti: Annotated[Int64 | None, 8] = None


class SNMPStatistics(Message, kw_only=True):
    """/proc/net/snmp of a container's network namespace."""

    ip_stats: Annotated[IpStatistics | None, 1] = None
    icmp_stats: Annotated[IcmpStatistics | None, 2] = None
    tcp_stats: Annotated[TcpStatistics | None, 3] = None
    udp_stats: Annotated[UdpStatistics | None, 4] = None
