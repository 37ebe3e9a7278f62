"""The laws of allocators, held by ours and by the one in examples/."""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec
import pytest

from tepui.allocator import Allocator, AllocatorOptions, HierarchicalAllocator
from tepui.allocator.laws import AllocatorLaws
from tepui.base.rng import Rng
from tepui.daemons.allocators import GROUP, find_allocator

FIRST_COME = Path(__file__).parents[2] / "examples" / "first_come"


class TestHierarchical(AllocatorLaws):
    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        return HierarchicalAllocator(options, rng)


class TestHierarchicalByChance(AllocatorLaws):
    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        return HierarchicalAllocator(
            msgspec.structs.replace(options, role_sorter="random", framework_sorter="random"), rng
        )


class TestFirstCome(AllocatorLaws):
    @pytest.fixture(autouse=True)
    def importable(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(FIRST_COME)

    def make(self, options: AllocatorOptions, rng: Rng) -> Allocator:
        project = tomllib.loads((FIRST_COME / "pyproject.toml").read_text())["project"]
        return find_allocator(project["entry-points"][GROUP]["first-come"])(options, rng)

    def test_whoever_came_first_is_served_first_however_much_it_has(self) -> None:
        cluster = self.rehearse(weights={"late": 1000.0})
        cluster.framework("f", "early")
        cluster.framework("g", "late")
        for name in "abc":
            cluster.agent(name, "cpus:1;mem:64")
        assert [each.framework_id for each in cluster.run()] == ["f"] * 3
