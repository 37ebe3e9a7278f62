"""Resources and attributes as people and the legacy endpoints read them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from tepui.messages import Attribute, Value
from tepui.resources import ranges
from tepui.resources.conversions import Amount, ReservationType
from tepui.resources.keys import Key
from tepui.resources.resources import Resources, scalar_of, sum_of
from tepui.resources.scalars import format_millis, from_millis

ALWAYS_SHOWN = ("cpus", "gpus", "mem", "disk")
_DESCRIBED_MAX = 8
_DESCRIBED_CHARS_MAX = 128


def format_resources(resources: Resources) -> str:
    """Return the text form that ``parse_resources`` reads, without allocations.

    Raises:
        ValueError: A resource is more than the text form can say.
    """
    return ";".join(f"{_label(key)}:{_amount_text(amount)}" for key, amount in resources.entries())


def describe_resources(resources: Resources) -> str:
    """Return resources as messages about them name them: nothing reads this back."""
    # An agent may have thousands, and an ACCEPT thousands of operations that lack something.
    first = islice(resources.entries(), _DESCRIBED_MAX)
    shown = [_description(key, amount) for key, amount in first]
    if len(resources) > _DESCRIBED_MAX:
        shown.append(f"{len(resources) - _DESCRIBED_MAX} more")
    return "; ".join(shown)


def legacy_resources(resources: Resources) -> dict[str, float | str]:
    """Return the object of the legacy endpoints, summed over all reservations."""
    scalars = dict.fromkeys(ALWAYS_SHOWN, 0)
    others: dict[str, Amount] = {}
    for key, amount in resources.entries():
        name = f"{key.name}_revocable" if key.revocable else key.name
        if isinstance(amount, int):
            scalars[name] = scalars.get(name, 0) + scalar_of(key, amount)
        else:
            held = others.get(name, amount)
            # Nothing forbids ranges and a set of one name; there is room to show one of them.
            others[name] = sum_of(held, amount) if type(held) is type(amount) else amount
    shown: dict[str, float | str] = {name: from_millis(each) for name, each in scalars.items()}
    for name, amount in others.items():
        shown[name] = _legacy_text(amount)
    return shown


def legacy_attributes(attributes: Iterable[Attribute]) -> list[tuple[str, float | str]]:
    """Return names and values as the legacy endpoints show them; names may repeat."""
    return [(attribute.name, _legacy_value(attribute)) for attribute in attributes]


def _label(key: Key) -> str:
    if not key.reservations and key.disk is None and not key.revocable:
        return key.name
    is_static = [each.type for each in key.reservations] == [ReservationType.STATIC]
    if not is_static or key.disk is not None or key.revocable:
        raise ValueError(f"{key!r} has no text form")
    return f"{key.name}({key.role})"


def _description(key: Key, amount: Amount) -> str:
    marks = [f"reserved for {_clipped(key.role)!r}"] if key.reservations else []
    if key.persistence_id is not None:
        marks.append(f"volume {_clipped(key.persistence_id)!r}")
    elif key.disk is not None and key.disk.source is not None:
        marks.append(f"{key.disk.source.type.value} disk")
    marks += [name for name in ("revocable", "shared") if getattr(key, name)]
    size = scalar_of(key, amount) if isinstance(amount, int) else amount
    text = f"{_clipped(key.name)}:{_clipped(_amount_text(size))}"
    return f"{text} ({', '.join(marks)})" if marks else text


def _clipped(text: str) -> str:
    return text if len(text) <= _DESCRIBED_CHARS_MAX else text[:_DESCRIBED_CHARS_MAX] + "…"


def _amount_text(amount: Amount) -> str:
    match amount:
        case int():
            return format_millis(amount)
        case tuple():
            return ranges.format_ranges(amount).replace(" ", "")
        case frozenset():
            return "{" + ",".join(sorted(amount)) + "}"


def _legacy_text(amount: Amount) -> str:
    match amount:
        case int():
            return format_millis(amount)
        case tuple():
            return ranges.format_ranges(amount)
        case frozenset():
            return "{" + ", ".join(sorted(amount)) + "}"


def _legacy_value(attribute: Attribute) -> float | str:
    match attribute.type:
        case Value.Type.SCALAR:
            return 0.0 if attribute.scalar is None else attribute.scalar.value
        case Value.Type.RANGES:
            pairs = [] if attribute.ranges is None else attribute.ranges.range
            return ranges.format_ranges(ranges.normalize((each.begin, each.end) for each in pairs))
        case Value.Type.SET:
            items = [] if attribute.set is None else attribute.set.item
            return "{" + ", ".join(items) + "}"
        case Value.Type.TEXT:
            return "" if attribute.text is None else attribute.text.value
