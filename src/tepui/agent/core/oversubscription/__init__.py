"""Lending what was given to tasks and is not used: what estimators and controllers decide."""

from tepui.agent.core.oversubscription.interface import (
    Correction,
    ExecutorReading,
    MachineReading,
    MakeController,
    MakeEstimator,
    QoSController,
    Reading,
    ResourceEstimator,
)

__all__ = [
    "Correction",
    "ExecutorReading",
    "MachineReading",
    "MakeController",
    "MakeEstimator",
    "QoSController",
    "Reading",
    "ResourceEstimator",
]
