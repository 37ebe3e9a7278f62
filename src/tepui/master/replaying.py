"""Execute a journal anew, with the core of today, and find the first step that goes another way.

The core and the allocator are made as they were when the run began: of the same configuration,
and with the same chance. Each input is then handed to them at the time at which it came, and what
comes out is compared with what is recorded. Nothing is sent, stored or waited for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from tepui.allocator import Allocator, AllocatorOptions
from tepui.base.rng import Rng
from tepui.master import journal
from tepui.master.core.effects import AnyEffect
from tepui.master.core.master import Master
from tepui.master.journal import (
    Digest,
    End,
    Header,
    Input,
    JournalError,
    Raised,
    Record,
    Step,
)
from tepui.master.recording import segments

MakeAllocator = Callable[[AllocatorOptions, Rng], Allocator]


class Run:
    """The recorded life of one leading master.

    Args:
        path: The directory of its segments, or one segment by itself.

    Attributes:
        header: Of the first segment that is there.
        ending: What is known of the end, once `steps` has come to it.

    Raises:
        JournalError: It is no journal, or not one for this program to read.
        OSError: It cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._segments = segments(path) if path.is_dir() else [path]
        if not self._segments:
            raise JournalError(f"{path} holds no segment of a journal")
        self.header = self._first_header(self._segments[0])
        self.ending = ""
        self._unwritten_bytes = self._drop_unwritten()

    @property
    def is_whole(self) -> bool:
        """Whether the beginning is there, without which nothing can be executed."""
        return self.header.segment == 1

    def steps(self) -> Iterator[Step]:
        """Yield the steps in order.

        Raises:
            JournalError: A segment is missing or damaged; what was yielded is sound.
            OSError: A segment cannot be read.
        """
        number = self.header.steps_before
        taken: Input | None = None
        self.ending = "the journal ends without a word, as that of a master that was killed does"
        for record in self._records():
            if taken is not None:
                outcome = record if isinstance(record, Digest | Raised) else None
                yield Step(number, taken.now, taken.event, outcome)
                taken = None
            if isinstance(record, Input):
                number += 1
                taken = record
            elif isinstance(record, End):
                self.ending = f"the journal was closed: {record.reason}"
        if taken is not None:
            yield Step(number, taken.now, taken.event, None)

    def _records(self) -> Iterator[Record]:
        steps = self.header.steps_before
        for index, path in enumerate(self._segments):
            is_last = index == len(self._segments) - 1
            data = path.read_bytes()
            try:
                for record in journal.records(data, is_last=is_last):
                    if isinstance(record, Header):
                        self._check_place(record, index, steps)
                        continue
                    steps += isinstance(record, Input)
                    yield record
            except JournalError as error:
                raise JournalError(f"{path}: {error}, after step {steps}") from None
            if is_last and (torn := journal.torn_bytes(data) + self._unwritten_bytes):
                self.ending += f"; {torn} bytes at its end are half a record, and were left out"

    def _check_place(self, header: Header, index: int, steps: int) -> None:
        expected = self.header.segment + index
        if (header.run, header.master_id) != (self.header.run, self.header.master_id):
            raise JournalError(f"it belongs to run {header.run}, not to {self.header.run}")
        if header.segment != expected or header.steps_before != steps:
            raise JournalError(f"segment {expected} is missing: this is segment {header.segment}")

    def _drop_unwritten(self) -> int:
        """Leave out a last segment without a whole header, as a loss of power leaves it.

        Returns:
            How many bytes it had.
        """
        data = self._segments[-1].read_bytes()
        if len(self._segments) == 1 or not journal.is_unwritten(data):
            return 0
        self._segments.pop()
        return len(data)

    def _first_header(self, path: Path) -> Header:
        try:
            # The rest of the segment has its turn when the steps are read.
            found = next(journal.records(path.read_bytes()), None)
        except JournalError as error:
            raise JournalError(f"{path}: {error}") from None
        if not isinstance(found, Header):
            raise JournalError(f"{path}: it ends before its header does")
        return found


class Divergence(msgspec.Struct, frozen=True):
    """A step that goes another way than is recorded.

    Attributes:
        effects: What comes out now; nothing if the core raises.
        error: What it raises now.
    """

    step: Step
    effects: Sequence[AnyEffect] | None
    error: Exception | None = None

    def __str__(self) -> str:
        if self.effects is None:
            now = f"the core raises {self.error!r}"
        else:
            now = f"{journal.digest(self.effects)}"
        outcome = self.step.outcome
        was = f"the core raised {outcome.text}" if isinstance(outcome, Raised) else f"{outcome}"
        return f"step {self.step.number} is not as it was: recorded is {was}, now it is {now}"


class Replay:
    """A core that is led through the steps of a run.

    Args:
        header: Of the run.
        make_allocator: Where the name of the header's allocator leads.

    Attributes:
        core: To be looked at between steps.
        effects: What came out of the last step.
        error: What the core raised in the last step, as it is recorded to have done.

    Raises:
        JournalError: The core cannot be made as it was.
    """

    def __init__(self, header: Header, make_allocator: MakeAllocator) -> None:
        rng = Rng(int(header.seed, 16))
        self.core: Master = journal.make_core(
            header, make_allocator(header.config.allocator, rng), rng
        )
        self.effects: Sequence[AnyEffect] = []
        self.error: Exception | None = None
        if self.core.state.master_id != header.master_id:
            raise JournalError(
                f"the master's id comes out as {self.core.state.master_id} and was "
                f"{header.master_id}: the journal's seed leads elsewhere in this version"
            )

    def take(self, step: Step) -> Divergence | None:
        """Execute a step; return how it differs from what is recorded, if it does."""
        self.effects = []
        try:
            self.effects = self.core.handle(step.event, step.now)
        except Exception as error:  # whatever a broken core raises is what is looked for
            self.error = error
            is_same = isinstance(step.outcome, Raised) and step.outcome.is_like(error)
            return None if is_same else Divergence(step, None, error)
        # The master did not live to say how it went: there is nothing to compare.
        if step.outcome is None or step.outcome == journal.digest(self.effects):
            return None
        return Divergence(step, self.effects)
