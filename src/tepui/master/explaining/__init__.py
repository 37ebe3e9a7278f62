"""Answer people who ask why their tasks wait: from the allocator's counts to words."""

from tepui.master.explaining.endpoint import Explainer

__all__ = ["Explainer"]
