"""Where the names of estimators and controllers lead, and where their parameters come from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tepui.agent.core.oversubscription.fixed import FixedEstimator
from tepui.agent.core.oversubscription.load import LoadController
from tepui.agent.core.oversubscription.noop import NoopController, NoopEstimator
from tepui.agent.core.oversubscription.usage_controller import UsageController
from tepui.agent.core.oversubscription.usage_estimator import UsageEstimator
from tepui.agent.flags import FIXED, REFUSED, AgentFlags
from tepui.base.flags import FlagError, Sources, load
from tepui.daemons.oversubscription import make_controller, make_estimator

MODULES = {
    "libraries": [
        {
            "file": "/usr/lib/mesos/modules/libfixed_resource_estimator.so",
            "modules": {
                "name": "org_apache_mesos_FixedResourceEstimator",
                "parameters": {"key": "resources", "value": "cpus:14"},
            },
        },
        {
            "file": "/usr/lib/mesos/modules/libload_qos_controller.so",
            "modules": [
                {
                    "name": "org_apache_mesos_LoadQoSController",
                    "parameters": [
                        {"key": "load_threshold_5min", "value": "6"},
                        {"key": "load_threshold_15min", "value": "4"},
                    ],
                }
            ],
        },
    ]
}


def flags(*arguments: str) -> AgentFlags:
    sources = Sources(arguments, {}, lambda path: Path(path).read_text(), REFUSED, FIXED)
    return load(AgentFlags, sources)


def modules(name: Any, *parameters: Any) -> str:
    module = {"name": name, "parameters": list(parameters)}
    return "--modules=" + json.dumps({"libraries": [{"modules": [module]}]})


def test_nothing_is_lent_and_nobody_is_ended_without_a_word() -> None:
    assert isinstance(make_estimator(flags()), NoopEstimator)
    assert make_controller(flags()) is None
    assert flags().as_mesos()["oversubscribed_resources_interval"] == "15secs"
    assert flags().as_mesos()["qos_correction_interval_min"] == "0ns"
    assert "resource_estimator" not in flags().as_mesos()


@pytest.mark.parametrize(
    ("name", "parameters", "kind"),
    [
        ("noop", {}, NoopEstimator),
        ("fixed", {"resources": "cpus:14"}, FixedEstimator),
        ("usage", {"percentile": 0.9, "window": "1mins"}, UsageEstimator),
    ],
)
def test_ours_are_known_by_name(name: str, parameters: dict[str, Any], kind: type) -> None:
    given = flags(
        f"--resource_estimator={name}",
        f"--resource_estimator_parameters={json.dumps(parameters)}",
    )
    assert isinstance(make_estimator(given), kind)


@pytest.mark.parametrize(
    ("name", "parameters", "kind"),
    [
        ("noop", {}, NoopController),
        ("load", {"load_threshold_5min": 6}, LoadController),
        ("usage", {"order": "youngest"}, UsageController),
    ],
)
def test_so_are_our_controllers(name: str, parameters: dict[str, Any], kind: type) -> None:
    given = flags(
        f"--qos_controller={name}", f"--qos_controller_parameters={json.dumps(parameters)}"
    )
    assert isinstance(make_controller(given), kind)


def test_a_command_line_of_mesos_means_here_what_it_means_there(tmp_path: Path) -> None:
    path = tmp_path / "modules.json"
    path.write_text(json.dumps(MODULES))
    given = flags(
        f"--modules=file://{path}",
        "--resource_estimator=org_apache_mesos_FixedResourceEstimator",
        "--qos_controller=org_apache_mesos_LoadQoSController",
    )
    assert isinstance(make_estimator(given), FixedEstimator)
    assert isinstance(make_controller(given), LoadController)


def test_a_plugin_of_somebody_elses_is_found_by_its_place_and_by_its_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "spare.py").write_text(
        "from tepui.resources import Resources\n"
        "class Estimator:\n"
        "    is_measuring = False\n"
        "    def __init__(self, parameters): self.parameters = parameters\n"
        "    def estimate(self, reading, now): return Resources()\n"
    )
    metadata = tmp_path / "spare-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: spare\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[tepui.resource_estimators]\nspare = spare:Estimator\nfixed = spare:Estimator\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = '--resource_estimator_parameters={"a": 1}'
    for name in ("spare", "spare:Estimator"):
        made: Any = make_estimator(flags(f"--resource_estimator={name}", own))
        assert made.parameters == {"a": "1"}
    given = flags("--resource_estimator=spare", modules("spare", {"key": "a", "value": "b"}))
    found: Any = make_estimator(given)
    assert found.parameters == {"a": "b"}
    with pytest.raises(FlagError, match="no parameter 'a'"):
        make_estimator(flags("--resource_estimator=fixed", own))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--resource_estimator=none"], "--resource_estimator: 'none' is neither"),
        (["--resource_estimator=fixed"], "--resource_estimator=fixed: resources: has to say"),
        (
            ['--resource_estimator_parameters={"resources":"cpus:1"}'],
            "--resource_estimator_parameters: there is no --resource_estimator",
        ),
        (
            ["--resource_estimator=usage", '--resource_estimator_parameters={"names":["cpus"]}'],
            "names is .* neither a text nor a number",
        ),
        (["--qos_controller=os:getpid"], "--qos_controller=os:getpid: .*argument"),
        (["--qos_controller=load"], "--qos_controller=load: load_threshold_5min or"),
        ([modules("org_example_Hook")], "'org_example_Hook' cannot be loaded"),
        ([modules(None)], "None cannot be loaded"),
        ([modules("fixed", {"key": "resources"})], "a parameter of 'fixed' is"),
        ([modules("fixed", "resources")], "parameters holds 'resources'"),
        (
            [
                "--resource_estimator=fixed",
                '--resource_estimator_parameters={"resources":"cpus:1"}',
                modules("fixed", {"key": "resources", "value": "cpus:2"}),
            ],
            "--modules gives parameters of 'fixed', too",
        ),
    ],
)
def test_what_leads_nowhere_is_refused(arguments: list[str], reason: str) -> None:
    given = flags(*arguments)
    with pytest.raises(FlagError, match=reason):
        [make_estimator(given), make_controller(given)]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("odd:Mute", "--resource_estimator=odd:Mute: .* is no estimator: it lacks estimate$"),
        ("odd:Failing", "--resource_estimator=odd:Failing: OSError: no sensor$"),
        ("odd:Choosy", "^--resource_estimator=odd:Choosy: there is no parameter$"),
        ("sad:Estimator", "--resource_estimator: 'sad:Estimator' cannot be loaded: OSError: gone"),
    ],
)
def test_a_stranger_that_fails_is_refused_by_name(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.py").write_text(
        "class Mute:\n"
        "    is_measuring = False\n"
        "    def __init__(self, parameters): pass\n"
        "def Failing(parameters): raise OSError('no sensor')\n"
        "def Choosy(parameters): raise ValueError('there is no parameter')\n"
    )
    (tmp_path / "sad.py").write_text("raise OSError('gone')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(FlagError, match=reason):
        make_estimator(flags(f"--resource_estimator={name}"))
