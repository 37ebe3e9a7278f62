"""``--resource_estimator`` and ``--qos_controller``: where their names lead, with parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from tepui.agent.core.oversubscription import (
    MakeController,
    MakeEstimator,
    QoSController,
    ResourceEstimator,
)
from tepui.agent.core.oversubscription.fixed import FixedEstimator
from tepui.agent.core.oversubscription.load import LoadController
from tepui.agent.core.oversubscription.noop import NoopController, NoopEstimator
from tepui.agent.core.oversubscription.usage_controller import UsageController
from tepui.agent.core.oversubscription.usage_estimator import UsageEstimator
from tepui.agent.flags import AgentFlags
from tepui.base.flags import FlagError
from tepui.daemons.plugins import find_plugin

ESTIMATORS = "tepui.resource_estimators"
CONTROLLERS = "tepui.qos_controllers"
"""The entry point groups in which distributions name theirs."""

# Mesos' own by the names of their modules, too.
_ESTIMATORS: dict[str, MakeEstimator] = {
    "noop": NoopEstimator,
    "fixed": FixedEstimator,
    "org_apache_mesos_FixedResourceEstimator": FixedEstimator,
    "usage": UsageEstimator,
}
_CONTROLLERS: dict[str, MakeController] = {
    "noop": NoopController,
    "load": LoadController,
    "org_apache_mesos_LoadQoSController": LoadController,
    "usage": UsageController,
}

Texts = Mapping[str, str]


def make_estimator(flags: AgentFlags) -> ResourceEstimator:
    """Return the estimator that ``flags`` name; without a name one that lends nothing.

    Raises:
        FlagError: There is none of this name, or it refuses its parameters.
    """
    made = _make(
        flags,
        flag="resource_estimator",
        given=flags.resource_estimator_parameters,
        find=lambda name: find_plugin(
            name,
            flag="resource_estimator",
            group=ESTIMATORS,
            ours=_ESTIMATORS,
            makes="estimator",
            protocol=ResourceEstimator,
        ),
    )
    return NoopEstimator({}) if made is None else cast(ResourceEstimator, made)


def make_controller(flags: AgentFlags) -> QoSController | None:
    """Return the controller that ``flags`` name, if they do.

    Raises:
        FlagError: There is none of this name, or it refuses its parameters.
    """
    made = _make(
        flags,
        flag="qos_controller",
        given=flags.qos_controller_parameters,
        find=lambda name: find_plugin(
            name,
            flag="qos_controller",
            group=CONTROLLERS,
            ours=_CONTROLLERS,
            makes="controller",
            protocol=QoSController,
        ),
    )
    return None if made is None else cast(QoSController, made)


def _make(
    flags: AgentFlags,
    *,
    flag: str,
    given: Mapping[str, Any] | None,
    find: Callable[[str], Callable[[Texts], Any]],
) -> Any:
    name: str | None = getattr(flags, flag)
    modules = _modules(flags)
    if name is None:
        if given is not None:
            raise FlagError(f"--{flag}_parameters: there is no --{flag} to take them")
        return None
    if given is not None and modules.get(name):
        raise FlagError(f"--{flag}_parameters: --modules gives parameters of {name!r}, too")
    parameters = _texts(f"--{flag}_parameters", given or {}) or modules.get(name, {})
    make = find(name)
    try:
        return make(parameters)
    except FlagError:
        raise
    except (ValueError, TypeError) as error:
        raise FlagError(f"--{flag}={name}: {error}") from error


def _texts(flag: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return parameters as the plug-ins take them: numbers may stand without quotes."""
    for name, value in given.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise FlagError(f"{flag}: {name} is {value!r}, neither a text nor a number")
    return {name: str(value) for name, value in given.items()}


def _modules(flags: AgentFlags) -> dict[str, dict[str, str]]:
    """Return the parameters that ``--modules`` gives, by the names of modules.

    Raises:
        FlagError: It names a module that is neither of ours nor chosen: nothing could come of it.
    """
    found: dict[str, dict[str, str]] = {}
    chosen = {flags.resource_estimator, flags.qos_controller, *_ESTIMATORS, *_CONTROLLERS}
    for library in _listed(flags.modules or {}, "libraries"):
        for module in _listed(library, "modules"):
            name = module.get("name")
            if not isinstance(name, str) or name not in chosen:
                raise FlagError(
                    f"--modules: {name!r} cannot be loaded, as no C++ module can; here it gives "
                    "parameters of --resource_estimator and --qos_controller only"
                )
            found[name] = {}
            for parameter in _listed(module, "parameters"):
                key, value = parameter.get("key"), parameter.get("value")
                if not isinstance(key, str) or not isinstance(value, str):
                    raise FlagError(
                        f"--modules: a parameter of {name!r} is {parameter!r}, not a key and a "
                        "value that are texts"
                    )
                found[name][key] = value
    return found


def _listed(container: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the objects under ``name``; Mesos takes one that is in no list, too."""
    value = container.get(name, [])
    entries = value if isinstance(value, list) else [value]
    for each in entries:
        if not isinstance(each, dict):
            raise FlagError(f"--modules: {name} holds {each!r}, which is no object")
    return entries
