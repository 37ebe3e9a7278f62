"""An allocator with the simplest of policies: whoever subscribed first is served first.

It keeps the laws of `tepui.allocator.Allocator` (filters, reservations, limits, …) with parts of
that package. What is its own is one loop, `FirstComeAllocator._share`. Being fair is not its
policy: weights are shown and change nothing, and nothing is set aside for guarantees.
"""

from .allocator import FirstComeAllocator

__all__ = ["FirstComeAllocator"]
