"""What estimators and controllers are shown, and what they answer.

Both are plug-ins. They decide and do nothing else: the agent measures, asks, tells the master,
and ends what has to go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from tepui.base.time import Instant
from tepui.messages import ResourceStatistics
from tepui.resources import Resources


class ExecutorReading(msgspec.Struct, frozen=True, kw_only=True):
    """An executor, with what it and its tasks were given and what they use.

    Attributes:
        container_id: Of this run: the same executor may have another later.
        allocated: What the executor and its live tasks hold.
        used: By container that has a process, the executor's own and those nested in it; empty
            if nothing could be measured, or nobody asked for it.
        is_ending: It has been told to end, or is being ended.
    """

    framework_id: str
    executor_id: str
    container_id: str
    allocated: Resources
    used: Mapping[str, ResourceStatistics] = {}
    is_ending: bool = False


class MachineReading(msgspec.Struct, frozen=True, kw_only=True):
    """The machine as a whole, with all that runs on it beside the agent.

    Attributes:
        load_averages: Over 1, 5 and 15 minutes.
        mem_total: Bytes.
        mem_available: Bytes that new programs could have without swapping.
        cpu_pressure: The share of the last 10 seconds in which something waited for a CPU;
            ``None`` if the kernel does not tell.
        mem_pressure: The same for memory.
    """

    cpus: int = 1
    load_averages: tuple[float, float, float] = (0.0, 0.0, 0.0)
    mem_total: int = 0
    mem_available: int = 0
    cpu_pressure: float | None = None
    mem_pressure: float | None = None


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One look at an agent.

    Attributes:
        total: What the agent has without what it lends.
    """

    total: Resources
    executors: tuple[ExecutorReading, ...] = ()
    machine: MachineReading = MachineReading()

    def lent(self) -> Resources:
        """Return what is revocable and in use."""
        held = Resources()
        for executor in self.executors:
            held += executor.allocated.revocable()
        return held


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """An executor to be ended, with all its tasks.

    Attributes:
        container_id: The run that is meant; ``None`` for whichever there is.
        reason: What the framework and the operator are told.
    """

    framework_id: str
    executor_id: str
    container_id: str | None = None
    reason: str = ""


class ResourceEstimator(Protocol):
    """Says what of an agent may be lent, to be taken back at any time.

    The laws, which `tepui.agent.core.oversubscription.laws.EstimatorLaws` tests:

    - What is returned is revocable, reserved to nobody and allocated to nobody.
    - It comes on top of what is lent already: the master is told the sum of both. What was
      estimated before and is in use by now is therefore left out.
    - Nothing may depend on anything but the readings and their times: no clock, no chance, no
      input of its own. The same readings give the same estimates.
    - A reading may lack anything: no executor, nothing measured, an executor that comes back
      under its old id. It is an answer that is wanted, not an exception.
    - What is remembered of executors is bounded by those of the last reading.

    An estimator that raises is logged, and the estimate before stays.

    Attributes:
        is_measuring: Whether it looks at what containers use. That costs a look at every process
            of the machine, which is saved otherwise.
    """

    is_measuring: bool

    def estimate(self, reading: Reading, now: Instant) -> Resources:
        """Return what may be lent beyond what is.

        Called every ``--oversubscribed_resources_interval``.
        """


class QoSController(Protocol):
    """Says which executors have to go so that the others get what they were promised.

    The laws, which `tepui.agent.core.oversubscription.laws.ControllerLaws` tests:

    - Only executors of the reading are named, each once, and only such as hold something
      revocable and are not ending. The agent carries out nothing else.
    - On a machine that has plenty of everything nobody has to go.
    - The same readings give the same corrections; what is remembered is bounded, as above.

    A controller that raises is logged, and nothing is corrected.

    Attributes:
        is_measuring: Whether it looks at what containers use.
    """

    is_measuring: bool

    def corrections(self, reading: Reading, now: Instant) -> list[Correction]:
        """Return whom to end now.

        Called every ``--qos_correction_interval_min``, but not more than once a second.
        """


MakeEstimator = Callable[[Mapping[str, str]], ResourceEstimator]
"""What a name leads to: makes an estimator of parameters, or raises ``ValueError``."""

MakeController = Callable[[Mapping[str, str]], QoSController]
"""The same for controllers."""
