"""What an update of weights may be, beside the rules that ``test_rules.py`` holds."""

from __future__ import annotations

from tepui.master.validation.weights import ROLE_BYTES_MAX, WEIGHTS_MAX, validate_weights
from tepui.messages import WeightInfo


def test_one_call_names_only_so_many_roles() -> None:
    many = [WeightInfo(role=f"r{number}", weight=2.0) for number in range(WEIGHTS_MAX + 1)]
    assert validate_weights(many[:-1], None) is None
    found = validate_weights(many, None)
    assert found is not None
    assert found.message == "weight_infos 10001 are more than the 10000 that one call may have"


def test_the_name_of_a_role_is_only_so_long() -> None:
    assert validate_weights([WeightInfo(role="r" * ROLE_BYTES_MAX, weight=2.0)], None) is None
    found = validate_weights([WeightInfo(role="r" * (ROLE_BYTES_MAX + 1), weight=2.0)], None)
    assert found is not None
    assert (found.status, found.field) == (400, "weight_infos[0].role")
    assert len(found.message) < 300
