"""Who is offered what: pure, deterministic under a seed."""

from tepui.allocator.explanation import Explaining, Explanation, Question, RoleReason, Told
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
    "Explaining",
    "Explanation",
    "FrameworkCapabilities",
    "FrameworkOptions",
    "HierarchicalAllocator",
    "InverseAllocation",
    "Minimum",
    "Question",
    "Quota",
    "RoleReason",
    "RoleView",
    "Slice",
    "Told",
]
