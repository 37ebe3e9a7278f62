"""The laws that every allocator and every sorter keeps, as tests that anybody can run.

Inherit from `AllocatorLaws` or `SorterLaws` in a test module, under a name that begins with
``Test``, and say how yours is made. They need no test framework: each law is a method whose name
begins with ``test_`` and that asserts.
"""

from tepui.allocator.laws.allocators import AllocatorLaws
from tepui.allocator.laws.rehearsal import Rehearsal
from tepui.allocator.laws.sorters import SorterLaws

__all__ = ["AllocatorLaws", "Rehearsal", "SorterLaws"]
