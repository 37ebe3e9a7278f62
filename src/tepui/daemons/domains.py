"""The fault domain that a daemon is in, as its flags say."""

from __future__ import annotations

from tepui.base.daemon_flags import DaemonFlags
from tepui.base.flags import FlagError
from tepui.messages import DomainInfo


def domain_info(flags: DaemonFlags) -> DomainInfo | None:
    """Return the region and the zone that ``--domain`` names.

    Raises:
        FlagError: The JSON is not of the form of a DomainInfo.
    """
    if flags.domain is None:
        return None
    try:
        domain = flags.domain["fault_domain"]
        names = domain["region"]["name"], domain["zone"]["name"]
    except (KeyError, TypeError) as error:
        raise FlagError(
            f"--domain: {flags.domain!r} has no fault_domain region and zone"
        ) from error
    if not all(isinstance(name, str) and name for name in names):
        raise FlagError(f"--domain: region and zone need names, not {names!r}")
    region, zone = names
    fault = DomainInfo.FaultDomain
    return DomainInfo(
        fault_domain=fault(region=fault.RegionInfo(name=region), zone=fault.ZoneInfo(name=zone))
    )
