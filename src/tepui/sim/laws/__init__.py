"""The laws: what has to hold of every simulated run, one module for each kind."""

from __future__ import annotations

from tepui.sim.laws.absence import FailoverTimeout
from tepui.sim.laws.agreement import Agreement
from tepui.sim.laws.headroom import HeadroomKept
from tepui.sim.laws.kills import KillsKept, ShutdownsKept
from tepui.sim.laws.law import Law, LawBroken
from tepui.sim.laws.leadership import OneLeader
from tepui.sim.laws.memory import BoundedMemory
from tepui.sim.laws.offers import FitOffers
from tepui.sim.laws.presence import KnownRegistry, SilentAgents
from tepui.sim.laws.registry import DurableBeforeVisible, DurableRegistry
from tepui.sim.laws.restarts import DurableAgents
from tepui.sim.laws.sharing import GuaranteesKept, NoStarvation, QuotaKept
from tepui.sim.laws.soundness import SoundCores
from tepui.sim.laws.spending import NoDoubleSpending
from tepui.sim.laws.streams import OneStream
from tepui.sim.laws.tasks import OneContainer, OneEnd, TrueEnd
from tepui.sim.laws.truth import NeverRan, NoEarlyEnd, TrueAnswers, TrueTotals
from tepui.sim.laws.updates import HeardUpdates, OrderedUpdates
from tepui.sim.laws.watching import Watching
from tepui.sim.scenario import Scenario

LAWS: tuple[type[Law], ...] = (
    SoundCores,
    OneLeader,
    DurableRegistry,
    DurableBeforeVisible,
    NoDoubleSpending,
    OneContainer,
    OneEnd,
    TrueEnd,
    OrderedUpdates,
    HeardUpdates,
    NoEarlyEnd,
    NeverRan,
    TrueAnswers,
    TrueTotals,
    KillsKept,
    ShutdownsKept,
    DurableAgents,
    FitOffers,
    OneStream,
    SilentAgents,
    KnownRegistry,
    FailoverTimeout,
    QuotaKept,
    GuaranteesKept,
    HeadroomKept,
    NoStarvation,
    BoundedMemory,
    Agreement,
)
"""All of them; what happens is told to each in this order."""

__all__ = ["LAWS", "Law", "LawBroken", "Watching", "all_laws"]


def all_laws(scenario: Scenario) -> list[Law]:
    """Return every law, new, for one run."""
    return [law(scenario) for law in LAWS]
