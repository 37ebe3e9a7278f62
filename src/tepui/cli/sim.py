"""``tepui sim``: simulated clusters, with faults, from a seed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tepui.cli.options import JsonOption

if TYPE_CHECKING:
    from tepui.sim.scenario import Scenario

commands = typer.Typer(
    help="Simulate clusters: the real code in virtual time, with faults, from a seed."
)

SEED_MAX = 2**63 - 1
SEEDS_MAX = 100_000
FRESH_SEEDS = 10**9
"""Seeds that nobody has tried are looked for below this number."""

_SEEDS = re.compile(r"([0-9]+)\.\.([0-9]+)")

ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name that `tepui sim list` shows, or a file.")
]
JobsOption = Annotated[int, typer.Option(min=1, max=256, help="Processes that run at once.")]
ShrinkOption = Annotated[
    bool, typer.Option("--shrink/--no-shrink", help="Search for a smaller run that fails as well.")
]
ShrunkDirOption = Annotated[
    Path, typer.Option("--shrunk-dir", help="Where the scenarios of shrunk runs are written.")
]


@commands.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the scenarios that come with tepui."""
    from tepui.cli.output import print_json, print_table
    from tepui.sim.shipped import read_shipped, shipped

    found = {name: read_shipped(name) for name in shipped()}
    if as_json:
        print_json([{"name": name, "about": each.about} for name, each in found.items()])
        return
    columns = ("SCENARIO", "AGENTS", "FRAMEWORKS", "ABOUT")
    print_table(
        columns,
        (
            (name, str(each.agent_count), str(each.framework_count), each.about)
            for name, each in found.items()
        ),
    )


@commands.command("run")
def run(
    scenario: ScenarioArgument,
    seed: Annotated[int, typer.Option(min=0, max=SEED_MAX, help="All chance comes from it.")] = 1,
    seeds: Annotated[
        str | None, typer.Option(metavar="M..N", help="All seeds from M to N, one after the other.")
    ] = None,
    agents: Annotated[
        int | None, typer.Option("--agents", "-n", min=1, max=100_000, help="How many agents.")
    ] = None,
    hours: Annotated[
        float | None, typer.Option(help="For how long things go wrong, in virtual hours.")
    ] = None,
    jobs: JobsOption = 1,
    shrink: ShrinkOption = True,
    shrunk_dir: ShrunkDirOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """Run a scenario under all laws; exit code 1 if one is broken.

    The real master, allocator and agent run in virtual time, with a network, disks and a
    ZooKeeper that fail as the scenario says. The same seed gives the same run.
    """
    from tepui.cli.simulating import Job, simulate

    chosen = _seeds(seed, seeds)
    changed = _changed(_read(scenario), agents, hours)
    asked = [scenario]
    asked += [f"--agents {agents}"] if agents is not None else []
    asked += [f"--hours {hours:g}"] if hours is not None else []
    found = [
        Job(name=scenario, asked=" ".join(asked), scenario=changed, seed=each) for each in chosen
    ]
    return simulate(iter(found), jobs, len(found), shrunk_dir if shrink else None, as_json=as_json)


@commands.command("fresh")
def fresh(
    minutes: Annotated[float, typer.Option(min=0.01, max=10_000.0, help="For how long.")] = 3.0,
    seed: Annotated[
        int | None,
        typer.Option(min=0, max=SEED_MAX, help="The first seed; by default one by chance."),
    ] = None,
    by_code: Annotated[
        bool,
        typer.Option(
            "--by-code",
            help="Draw the first seed from Tepui's own code: it is a check"
            " that can be repeated, and other code has other seeds.",
        ),
    ] = False,
    scenario: Annotated[
        list[str] | None, typer.Option(help="Only these; by default all but the calm one.")
    ] = None,
    jobs: JobsOption = 2,
    shrink: ShrinkOption = True,
    shrunk_dir: ShrunkDirOption = Path(),
    as_json: JsonOption = False,
) -> int:
    """Run scenarios from seeds that nobody has tried, for some minutes."""
    import secrets
    from itertools import count, cycle

    from tepui.cli.simulating import Job, simulate
    from tepui.sim.shipped import shipped

    if seed is not None:
        first = seed
    else:
        first = _seed_of_code() if by_code else secrets.randbelow(FRESH_SEEDS)
    names = scenario or [name for name in shipped() if name != "calm"]
    read = {name: _read(name) for name in names}
    if not as_json:
        print(f"seeds from {first}: {', '.join(names)}", flush=True)
    endless = (
        Job(name=name, asked=name, scenario=read[name], seed=each)
        for each, name in zip(count(first), cycle(names))
    )
    return simulate(
        endless,
        jobs,
        None,
        shrunk_dir if shrink else None,
        as_json=as_json,
        seconds=minutes * 60,
        is_printed=True,
    )


def _seed_of_code() -> int:
    """Return a number that the files of this package give: code, and scenarios."""
    import hashlib

    import tepui

    top = Path(tepui.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(each for each in top.rglob("*") if each.suffix in (".py", ".toml")):
        digest.update(str(path.relative_to(top)).encode() + b"\0" + path.read_bytes() + b"\0")
    return int.from_bytes(digest.digest()[:8]) % FRESH_SEEDS


def _seeds(seed: int, seeds: str | None) -> range:
    from tepui.cli.errors import EX_USAGE, CommandFailed

    if seeds is None:
        return range(seed, seed + 1)
    found = _SEEDS.fullmatch(seeds)
    if found is None or not int(found[1]) <= int(found[2]) <= SEED_MAX:
        raise CommandFailed(f"--seeds={seeds}: expected M..N, as in 1..100", EX_USAGE)
    chosen = range(int(found[1]), int(found[2]) + 1)
    if len(chosen) > SEEDS_MAX:
        raise CommandFailed(f"--seeds={seeds}: more than {SEEDS_MAX} of them", EX_USAGE)
    return chosen


def _read(name: str) -> Scenario:
    from tepui.cli.errors import EX_USAGE, CommandFailed
    from tepui.sim.scenario import ScenarioRefused, read_scenario
    from tepui.sim.shipped import read_shipped

    path = Path(name)
    try:
        if path.suffix or path.is_file():
            return read_scenario(path.read_text(encoding="utf-8"), name)
        return read_shipped(name)
    except ScenarioRefused as error:
        raise CommandFailed(str(error), EX_USAGE) from error
    except UnicodeDecodeError as error:
        raise CommandFailed(f"{name}: is no text", EX_USAGE) from error
    except OSError as error:
        raise CommandFailed(f"{name}: {error.strerror}", EX_USAGE) from error


def _changed(scenario: Scenario, agents: int | None, hours: float | None) -> Scenario:
    from tepui.cli.errors import EX_USAGE, CommandFailed

    try:
        if agents is not None:
            scenario = scenario.with_agents(agents)
        if hours is not None:
            scenario = scenario.with_parts(settle_after=hours * 3600)
    except ValueError as error:
        raise CommandFailed(str(error), EX_USAGE) from error
    return scenario
