"""Answer people who ask why their tasks wait: from the allocator's counts to words."""

from tepui.master.explaining.endpoint import Explainer
from tepui.master.explaining.exclusions import Exclusions

__all__ = ["Exclusions", "Explainer"]
