from __future__ import annotations

import json

import pytest

from tepui.base.daemon_flags import DaemonFlags
from tepui.base.flags import FlagError, Sources, load
from tepui.codec.json import to_builtins
from tepui.daemons.domains import domain_info


def flags_of(domain: str) -> DaemonFlags:
    return load(DaemonFlags, Sources([f"--domain={domain}"], {}, read_file=lambda path: ""))


@pytest.mark.parametrize(
    "domain",
    [
        "{}",
        '{"fault_domain": 1}',
        '{"fault_domain": {"region": {"name": "r"}, "zone": {}}}',
        '{"fault_domain": {"region": {"name": "r"}, "zone": {"name": ""}}}',
        '{"fault_domain": {"region": {"name": 1}, "zone": {"name": "z"}}}',
    ],
)
def test_a_domain_without_region_and_zone_is_refused(domain: str) -> None:
    with pytest.raises(FlagError, match="region and zone"):
        domain_info(flags_of(domain))


def test_a_domain_names_its_region_and_zone() -> None:
    text = '{"fault_domain": {"region": {"name": "r"}, "zone": {"name": "z"}}}'
    domain = domain_info(flags_of(text))
    assert domain is not None
    assert to_builtins(domain) == json.loads(text)
    assert domain_info(DaemonFlags()) is None
