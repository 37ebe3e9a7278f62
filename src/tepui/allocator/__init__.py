"""Who is offered what: pure, deterministic under a seed."""

from tepui.allocator.hierarchical import HierarchicalAllocator
from tepui.allocator.interface import (
    AgentCapabilities,
    AgentDescription,
    Allocation,
    Allocator,
    AllocatorOptions,
    AllocatorStatistics,
    FrameworkCapabilities,
    FrameworkOptions,
    InverseAllocation,
    Minimum,
    Quota,
    RoleView,
    Slice,
)

__all__ = [
    "AgentCapabilities",
    "AgentDescription",
    "Allocation",
    "Allocator",
    "AllocatorOptions",
    "AllocatorStatistics",
    "FrameworkCapabilities",
    "FrameworkOptions",
    "HierarchicalAllocator",
    "InverseAllocation",
    "Minimum",
    "Quota",
    "RoleView",
    "Slice",
]
