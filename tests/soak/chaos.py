"""What is done to the cluster: a plan that follows from the seed, and its execution."""

from __future__ import annotations

import asyncio
import enum
import random
import signal
from collections.abc import Sequence
from typing import NamedTuple

from tests.soak.pace import ask_until, pause
from tests.soak.world import SESSION_SECONDS, Agent, Program, World


class Kind(enum.Enum):
    """What can be done, by the words that tell of it."""

    LEADER = "kill the leading master"
    STANDBY = "kill a standby"
    PAUSE = "pause the leading master beyond its session"
    AGENT = "kill an agent"
    SUPERVISOR = "kill a supervisor"
    AGENT_AND_SUPERVISOR = "kill an agent and its supervisor"
    FRAMEWORK = "kill a framework"


WEIGHTS = {
    Kind.AGENT: 30,
    Kind.FRAMEWORK: 25,
    Kind.LEADER: 12,
    Kind.STANDBY: 8,
    Kind.SUPERVISOR: 6,
    Kind.PAUSE: 6,
    Kind.AGENT_AND_SUPERVISOR: 4,
}
DOWN_SECONDS = {Kind.AGENT: (0.0, 8.0), Kind.FRAMEWORK: (0.0, 4.0)}
DOWN_SECONDS_ELSE = (0.0, 3.0)
TARGET_SECONDS_MAX = 30.0
PAUSE_SECONDS = (SESSION_SECONDS + 0.5, SESSION_SECONDS + 3.0)


class Act(NamedTuple):
    """One thing that is done.

    Attributes:
        gap: How many seconds after the one before.
        pick: Who of those that there are, as a share.
        down: How many seconds it lasts.
    """

    kind: Kind
    gap: float
    pick: float
    down: float


def plan(rng: random.Random, seconds: float, gap_seconds: float) -> list[Act]:
    """Return what to do within so many seconds: each kind once, and then by chance."""
    kinds = list(Kind)
    rng.shuffle(kinds)
    # Once each, however short the time.
    gap_seconds = min(gap_seconds, seconds / len(kinds))
    acts: list[Act] = []
    passed = 0.0
    while kinds or passed < seconds:
        kind = kinds.pop() if kinds else rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        gap = rng.uniform(0.3, 1.7) * gap_seconds
        passed += gap
        low, high = DOWN_SECONDS.get(kind, DOWN_SECONDS_ELSE)
        if kind is Kind.PAUSE:
            low, high = PAUSE_SECONDS
        acts.append(Act(kind, gap, rng.random(), rng.uniform(low, high)))
    return acts


class Chaos:
    """Carries a plan out.

    Attributes:
        done: How often each kind was done.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        self.done: dict[Kind, int] = dict.fromkeys(Kind, 0)

    async def run(self, acts: Sequence[Act]) -> None:
        """Do one after the other, without waiting for what was done to be over; then wait."""
        async with asyncio.TaskGroup() as group:
            for act in acts:
                await pause(act.gap)
                group.create_task(self._do(act))

    async def _do(self, act: Act) -> None:
        world = self.world

        async def ask() -> Program | None:
            return self._one_of(act, self._candidates(act.kind))

        # Who leads may be open at the moment.
        program = await ask_until(ask, lambda found: found is not None, TARGET_SECONDS_MAX)
        if program is None:
            world.say(f"{act.kind.value}: there is nobody")
            return
        self.done[act.kind] += 1
        if act.kind is Kind.SUPERVISOR:
            world.say(f"{act.kind.value}: {program.name}'s")
            assert isinstance(program, Agent)
            program.kill_supervisor()
            return
        world.say(f"{act.kind.value}: {program.name} for {act.down:.1f} s")
        program.is_busy = True
        if act.kind is Kind.PAUSE:
            await self._pause(program, act.down)
        else:
            if act.kind is Kind.AGENT_AND_SUPERVISOR:
                assert isinstance(program, Agent)
                program.kill_supervisor()
            await self._kill(program, act.down)
        program.is_busy = False

    def _candidates(self, kind: Kind) -> Sequence[Program]:
        leader = self.world.leader()
        match kind:
            case Kind.LEADER | Kind.PAUSE:
                return [] if leader is None else [leader]
            case Kind.STANDBY:
                return [each for each in self.world.masters if each is not leader]
            case Kind.AGENT | Kind.AGENT_AND_SUPERVISOR | Kind.SUPERVISOR:
                return self.world.agents
            case Kind.FRAMEWORK:
                return self.world.frameworks

    def _one_of(self, act: Act, programs: Sequence[Program]) -> Program | None:
        """Choose who of those that run, and to which nothing is being done."""
        free = [each for each in programs if each.is_running and not each.is_busy]
        return free[int(act.pick * len(free))] if free else None

    async def _kill(self, program: Program, seconds: float) -> None:
        self.world.hold(program)
        program.send(signal.SIGKILL, "SIGKILL")
        await pause(seconds)
        self.world.allow(program)

    async def _pause(self, program: Program, seconds: float) -> None:
        pid = program.pid
        program.send(signal.SIGSTOP, "SIGSTOP")
        try:
            await pause(seconds)
        finally:
            if program.pid == pid:
                program.send(signal.SIGCONT, "SIGCONT")
