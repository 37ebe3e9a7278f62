"""The reference in docs/ says what the code does."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tepui.agent.flags import AgentFlags
from tepui.allocator.hierarchical import HierarchicalAllocator
from tepui.base.flags import Sources, load
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.daemons import agent, master
from tepui.daemons.addresses import Addresses
from tepui.daemons.agent_options import agent_config
from tepui.daemons.master_options import allocator_options, master_config
from tepui.ha.memory import MemoryStore
from tepui.ha.writer import RegistryWriter
from tepui.http.routes import Router
from tepui.master.core.master import Master
from tepui.master.driver import MasterDriver
from tepui.master.flags import MasterFlags

DOCS = Path(__file__).resolve().parents[2] / "docs"
ROOT = DOCS.parent
ADDRESSES = Addresses(listen="127.0.0.1", ip="127.0.0.1", hostname="host", advertise_port=None)
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")


def load_generator() -> Any:
    spec = importlib.util.spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


@pytest.mark.parametrize("page", GENERATOR.pages(), ids=lambda page: page.name)
def test_a_page_is_what_the_code_says_now(page: Path) -> None:
    assert page.read_text() == GENERATOR.pages()[page], "run make reference"


def paths_of(router: Router, actor: str) -> set[str]:
    return {path.removeprefix(f"/{actor}") for path in router._routes}


def test_the_masters_endpoints_are_those_it_serves() -> None:
    async def router() -> Router:
        flags = MasterFlags(registry="in_memory")
        rng = Rng(0)
        core = Master(
            master_config(flags, ADDRESSES, 5050),
            HierarchicalAllocator(allocator_options(flags), rng),
            rng,
            Instant(0, 0),
        )
        driver = MasterDriver(core, RegistryWriter(MemoryStore()))
        return master._router(flags, driver, lambda: None)

    documented = {*GENERATOR.MASTER_PATHS, *GENERATOR.COMMON_PATHS}
    assert paths_of(asyncio.run(router()), "master") == documented


def test_the_agents_endpoints_are_those_it_serves(tmp_path: Path) -> None:
    async def router() -> Router:
        flags = AgentFlags(work_dir=str(tmp_path), resources="cpus:1;mem:64;disk:64;ports:[1-2]")
        config = agent_config(flags, ADDRESSES, 5051)
        async with agent._composed(flags, config, "127.0.0.1:1") as (driver, containerizer, told):
            return agent._router(flags, driver, containerizer, told)

    documented = {*GENERATOR.AGENT_PATHS, *GENERATOR.COMMON_PATHS}
    assert paths_of(asyncio.run(router()), "slave(1)") == documented


def test_links_between_documents_lead_somewhere() -> None:
    pages = [*ROOT.glob("*.md"), *DOCS.rglob("*.md")]
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert dead == []


def test_every_document_is_in_the_index() -> None:
    index = (DOCS / "README.md").read_text()
    named = {(DOCS / target).resolve() for target in LINK.findall(index) if "://" not in target}
    missing = [
        page.relative_to(DOCS).as_posix()
        for page in DOCS.rglob("*.md")
        if page.name != "README.md" and named.isdisjoint({page.resolve(), page.parent.resolve()})
    ]
    assert missing == []


def commands_in(page: Path) -> list[list[str]]:
    """Return the command lines of master and agent that a page shows."""
    line = re.compile(r"(?:tepui |mesos-)(master|agent) (--.*)")
    blocks = re.findall(r"^```\w*\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    found = [line.search(text) for block in blocks for text in block.splitlines()]
    return [[match[1], *shlex.split(match[2])] for match in found if match]


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "README.md",
        DOCS / "how-to" / "run-on-several-machines.md",
        DOCS / "how-to" / "run-three-masters.md",
        DOCS / "how-to" / "oversubscribe-agents.md",
    ],
    ids=lambda page: page.stem,
)
def test_command_lines_that_are_shown_are_taken(page: Path) -> None:
    kinds = {"master": MasterFlags, "agent": AgentFlags}
    shown = commands_in(page)
    assert shown
    for kind, *arguments in shown:
        given = [each for each in arguments if not each.startswith("--config=")]
        load(kinds[kind], Sources(given, {}, lambda path: path))
