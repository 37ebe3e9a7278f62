"""The scenarios that come with the package, and how a file is found by what people call it."""

from __future__ import annotations

from importlib import resources

from tepui.sim.scenario import Scenario, ScenarioRefused, read_scenario

SCENARIOS = "scenarios"
SUFFIX = ".toml"


def shipped() -> list[str]:
    """Return the names of the scenarios that come with the package."""
    files = resources.files("tepui.sim").joinpath(SCENARIOS).iterdir()
    found = [each.name for each in files if each.name.endswith(SUFFIX)]
    return sorted(name.removesuffix(SUFFIX) for name in found)


def read_shipped(name: str) -> Scenario:
    """Return a scenario that comes with the package.

    Raises:
        ScenarioRefused: There is none of this name.
    """
    if name not in shipped():
        known = ", ".join(shipped())
        raise ScenarioRefused(f"there is no scenario {name!r}: expected {known}, or a file")
    file = resources.files("tepui.sim").joinpath(SCENARIOS, name + SUFFIX)
    return read_scenario(file.read_text(encoding="utf-8"), name)
