"""The laws of estimators and controllers, held by ours."""

from __future__ import annotations

from tepui.agent.core.oversubscription import QoSController, ResourceEstimator
from tepui.agent.core.oversubscription.fixed import FixedEstimator
from tepui.agent.core.oversubscription.laws import ControllerLaws, EstimatorLaws
from tepui.agent.core.oversubscription.load import LoadController
from tepui.agent.core.oversubscription.noop import NoopController, NoopEstimator
from tepui.agent.core.oversubscription.usage_controller import UsageController
from tepui.agent.core.oversubscription.usage_estimator import UsageEstimator


class TestNoopEstimator(EstimatorLaws):
    def make(self) -> ResourceEstimator:
        return NoopEstimator({})


class TestFixedEstimator(EstimatorLaws):
    def make(self) -> ResourceEstimator:
        return FixedEstimator({"resources": "cpus:14;mem:100;ports:[1-9]"})


class TestUsageEstimator(EstimatorLaws):
    def make(self) -> ResourceEstimator:
        return UsageEstimator({})


class TestNoopController(ControllerLaws):
    def make(self) -> QoSController:
        return NoopController({})


class TestLoadController(ControllerLaws):
    def make(self) -> QoSController:
        return LoadController({"load_threshold_5min": "6"})


class TestUsageController(ControllerLaws):
    def make(self) -> QoSController:
        return UsageController({})


class TestUsageControllerByAge(ControllerLaws):
    def make(self) -> QoSController:
        return UsageController({"order": "youngest"})
