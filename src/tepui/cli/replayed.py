"""What ``tepui replay`` says: lines for people, or a line of JSON for each thing."""

from __future__ import annotations

import base64
import enum
import json
import time
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from tepui.cli.times import NANOSECONDS, format_span
from tepui.codec import json as codec
from tepui.master.core.model import State
from tepui.master.journal import Digest, Raised, Step
from tepui.master.replaying import Divergence, Replay, Run
from tepui.messages import Message


class Report(Protocol):
    """Hears how a replay goes."""

    is_printing: bool

    def begin(self, run: Run) -> None:
        """A run begins."""

    def tell(self, step: Step, replay: Replay | None) -> None:
        """A step was executed, or only read."""

    def diverge(self, divergence: Divergence) -> None:
        """The step that was told of last goes another way: nothing follows."""

    def end(self, run: Run, replay: Replay | None) -> None:
        """A run is over."""


class JsonReport:
    """Each run, and each step if they are wanted, is a line of JSON."""

    def __init__(self, *, is_printing: bool) -> None:
        self.is_printing = is_printing
        self._clock = Clock()

    def begin(self, run: Run) -> None:
        """A run begins."""
        self._clock = Clock()

    def tell(self, step: Step, replay: Replay | None) -> None:
        """Print the step, if steps are wanted."""
        self._clock.on_step(step)
        if self.is_printing:
            _print(_step(step) | _now(replay))

    def diverge(self, divergence: Divergence) -> None:
        """Print where it parts from what is recorded."""
        told = _step(divergence.step)
        if divergence.effects is not None:
            told["effects"] = [described(each) for each in divergence.effects]
        if divergence.error is not None:
            told["error"] = repr(divergence.error)
        _print({"diverged": str(divergence), **told})

    def end(self, run: Run, replay: Replay | None) -> None:
        """Print what there is to say of the whole run."""
        header = run.header
        told: dict[str, Any] = {
            "run": header.run,
            "master_id": header.master_id,
            "tepui": header.tepui,
            "allocator": header.allocator,
            "started": _time(header.started.wall),
            "steps": self._clock.steps,
            "seconds": round(self._clock.seconds, 3),
            "ending": run.ending,
            "is_executed": replay is not None,
        }
        if replay is not None:
            told |= {"raised": None if replay.error is None else repr(replay.error)}
            told |= _counts(replay.core.state)
        _print(told)


class TextReport:
    """Lines for people."""

    def __init__(self, *, is_printing: bool) -> None:
        self.is_printing = is_printing
        self._clock = Clock()

    def begin(self, run: Run) -> None:
        """Say what is replayed."""
        header = run.header
        print(
            f"run {header.run}: master {header.master_id}, Tepui {header.tepui}, started "
            f"{_time(header.started.wall)}, allocator {header.allocator}"
        )
        self._clock = Clock()

    def tell(self, step: Step, replay: Replay | None) -> None:
        """Print the step, if steps are wanted."""
        self._clock.on_step(step)
        if self.is_printing:
            _print_step(step)
            for effect in replay.effects if replay is not None else []:
                print(f"    -> {_line(effect)}")

    def diverge(self, divergence: Divergence) -> None:
        """Print the step, and what comes out of it now."""
        print(f"{divergence}")
        if not self.is_printing:
            _print_step(divergence.step)
            for effect in divergence.effects or []:
                print(f"    -> {_line(effect)}")
        if divergence.error is not None:
            _print_error(divergence.error)

    def end(self, run: Run, replay: Replay | None) -> None:
        """Print what there is to say of the whole run."""
        spent = format_span(round(self._clock.seconds * NANOSECONDS))
        took = format_span(round(self._clock.taken() * NANOSECONDS))
        if replay is None:
            print(f"read {self._clock.steps} steps; they were not executed: the beginning is gone")
        else:
            print(
                f"{self._clock.steps} steps over {spent} went as they did, in {took}: "
                + _words(replay.core.state)
            )
            if replay.error is not None:
                print("the last step raised, and does so again:")
                _print_error(replay.error)
        print(run.ending)


class Clock:
    """How many steps there were, how long they took a master, and how long they take us."""

    def __init__(self) -> None:
        self.steps = 0
        self._first: float | None = None
        self._last = 0.0
        self._began = time.monotonic()

    def on_step(self, step: Step) -> None:
        """Count a step."""
        self.steps += 1
        self._last = step.now.monotonic
        if self._first is None:
            self._first = self._last

    @property
    def seconds(self) -> float:
        """From the first step to the last."""
        return 0.0 if self._first is None else self._last - self._first

    def taken(self) -> float:
        """From the beginning of the replay until now."""
        return time.monotonic() - self._began


def described(value: Any) -> Any:
    """Return what JSON can say of an event or an effect, with the names of the types."""
    match value:
        case Message():
            return codec.to_builtins(value)
        case msgspec.Struct():
            fields = {name: getattr(value, name) for name in value.__struct_fields__}
            return {"type": type(value).__name__} | {
                name: described(each) for name, each in fields.items() if each is not None
            }
        case enum.Enum():
            return value.value
        case bytes():
            try:
                return value.decode()
            except UnicodeDecodeError:
                return base64.b64encode(value).decode()
        case Mapping():
            return {str(key): described(each) for key, each in value.items()}
        case list() | tuple():
            return [described(each) for each in value]
        case str() | int() | float() | None:
            return value
        case _:
            return str(value)


def _counts(state: State) -> dict[str, int]:
    counters = state.counters
    return {
        "agents": len(state.agents),
        "frameworks": len(state.frameworks),
        "tasks": sum(len(each.tasks) for each in state.frameworks.values()),
        "tasks_over": sum(counters.task_states.values()),
        "offers_made": state.offers_made,
        "registry_writes": state.writes_made,
    }


def _words(state: State) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in _counts(state).items())


def _step(step: Step) -> dict[str, Any]:
    told = {"step": step.number, "time": _time(step.now.wall), "event": described(step.event)}
    match step.outcome:
        case Digest(count=count, size=size, checksum=checksum):
            told["recorded"] = {"effects": count, "bytes": size, "checksum": f"{checksum:08x}"}
        case Raised(text=text):
            told["recorded"] = {"raised": text}
        case None:
            told["recorded"] = None
    return told


def _now(replay: Replay | None) -> dict[str, Any]:
    return {} if replay is None else {"effects": [described(each) for each in replay.effects]}


def _print_step(step: Step) -> None:
    print(f"step {step.number}  {_time(step.now.wall)}  {_line(step.event)}")


def _line(value: Any) -> str:
    told = described(value)
    name = told.pop("type")
    return f"{name} {json.dumps(told, ensure_ascii=False)}" if told else str(name)


def _print_error(error: Exception) -> None:
    print("".join(traceback.format_exception(error)).rstrip())


def _print(told: dict[str, Any]) -> None:
    print(json.dumps(told, ensure_ascii=False))


def _time(wall: float) -> str:
    try:
        return datetime.fromtimestamp(wall, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError, OSError):
        return f"{wall} s after 1970"
