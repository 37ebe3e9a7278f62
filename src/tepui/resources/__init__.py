"""Resources: quantities in fixed point, their algebra, their texts and formats."""

from tepui.resources.conversions import ReservationFormat
from tepui.resources.formatting import (
    describe_resources,
    format_resources,
    legacy_attributes,
    legacy_resources,
)
from tepui.resources.parsing import ParseError, parse_attributes, parse_resources
from tepui.resources.quantities import Quantities
from tepui.resources.resources import EMPTY, Resources

__all__ = [
    "EMPTY",
    "ParseError",
    "Quantities",
    "ReservationFormat",
    "Resources",
    "describe_resources",
    "format_resources",
    "legacy_attributes",
    "legacy_resources",
    "parse_attributes",
    "parse_resources",
]
