"""How reservations are written towards whom."""

import pytest

from tepui.messages import Label, Labels, Resource, Value
from tepui.resources import ReservationFormat, Resources, parse_resources
from tepui.resources.conversions import convert, convert_all

Info = Resource.ReservationInfo
POST = ReservationFormat.POST_REFINEMENT
PRE = ReservationFormat.PRE_REFINEMENT
ENDPOINT = ReservationFormat.ENDPOINT

STATIC = Info(type=Info.Type.STATIC, role="ops")
DYNAMIC = Info(
    type=Info.Type.DYNAMIC, role="ops", principal="p", labels=Labels(labels=[Label(key="k")])
)
REFINED = Info(type=Info.Type.DYNAMIC, role="ops/db")


def cpus(**fields: object) -> Resource:
    return Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=1.0),
        **fields,  # type: ignore[arg-type]
    )


FORMS = {
    "unreserved": {POST: cpus(), PRE: cpus(role="*"), ENDPOINT: cpus(role="*")},
    "static": {
        POST: cpus(reservations=[STATIC]),
        PRE: cpus(role="ops"),
        ENDPOINT: cpus(role="ops", reservations=[STATIC]),
    },
    "dynamic": {
        POST: cpus(reservations=[DYNAMIC]),
        PRE: cpus(role="ops", reservation=Info(principal="p", labels=DYNAMIC.labels)),
        ENDPOINT: cpus(
            role="ops",
            reservation=Info(principal="p", labels=DYNAMIC.labels),
            reservations=[DYNAMIC],
        ),
    },
    "refined": {
        POST: cpus(reservations=[STATIC, REFINED]),
        ENDPOINT: cpus(reservations=[STATIC, REFINED]),
    },
}


@pytest.mark.parametrize("forms", FORMS.values(), ids=FORMS.keys())
def test_every_form_says_the_same_and_converts_to_every_other(
    forms: dict[ReservationFormat, Resource],
) -> None:
    for source in forms.values():
        for style, expected in forms.items():
            assert convert(source, style) == expected
            assert Resources.from_messages([source]).to_messages(format=style) == [expected]


def test_the_old_format_cannot_say_a_refinement() -> None:
    with pytest.raises(ValueError, match="ops/db"):
        convert_all([FORMS["refined"][POST]], PRE)


def test_allocation_provider_and_revocability_survive() -> None:
    message = Resource(
        name="ports",
        type=Value.Type.RANGES,
        ranges=Value.Ranges(range=[Value.Range(begin=1, end=2)]),
        allocation_info=Resource.AllocationInfo(role="web"),
        revocable=Resource.RevocableInfo(),
    )
    assert Resources.from_messages([message]).to_messages() == [message]


def test_labels_are_the_same_in_any_order() -> None:
    def reserved(*keys: str) -> Resources:
        labels = Labels(labels=[Label(key=key, value="v") for key in keys])
        info = Info(type=Info.Type.DYNAMIC, role="ops", labels=labels)
        return Resources.from_messages([cpus(reservations=[info])])

    assert reserved("a", "b") == reserved("b", "a")
    assert reserved("a", "b") != reserved("a")


def test_static_and_dynamic_reservations_for_one_role_differ() -> None:
    assert Resources.from_messages([cpus(reservations=[DYNAMIC])]) != parse_resources("cpus(ops):1")
