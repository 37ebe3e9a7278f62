"""Resources: quantities in fixed point, their algebra, their texts and formats."""

from tepui.resources.conversions import ReservationFormat
from tepui.resources.quantities import Quantities
from tepui.resources.resources import EMPTY, Resources

__all__ = ["EMPTY", "Quantities", "ReservationFormat", "Resources"]
