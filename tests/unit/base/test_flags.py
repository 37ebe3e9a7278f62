"""Flags: who wins, what is refused, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import pytest

from tepui.base import flags as f
from tepui.base.flags import Flag, FlagError, Flags, Sources, load


class Daemon(Flags, frozen=True, kw_only=True):
    port: Annotated[int, Flag("port to listen on", f.whole(0, 65535))] = 5050
    quiet: Annotated[bool, Flag("no log", f.BOOL)] = False
    agent_ping_timeout: Annotated[
        float, Flag("wait", f.duration(1, 900), alias="slave_ping_timeout")
    ] = 15.0
    work_dir: Annotated[str | None, Flag("directory", f.PATH)] = None
    resources: Annotated[str | None, Flag("what there is", f.TEXT)] = None
    config: Annotated[str | None, Flag("file", f.PATH, own=True)] = None
    size: Annotated[int, Flag("bytes", f.BYTES)] = 2 << 30
    labels: Annotated[dict[str, Any] | None, Flag("as JSON", f.OBJECT)] = None
    sorter: Annotated[str, Flag("policy", f.one_of("drf", "random"))] = "drf"


def read(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    files: Mapping[str, str] | None = None,
) -> Daemon:
    def read_file(path: str) -> str:
        try:
            return (files or {})[path]
        except KeyError:
            raise FileNotFoundError(f"no such file: {path}") from None

    return load(
        Daemon,
        Sources(
            arguments,
            environment or {},
            read_file,
            {"quorum": "one master needs none"},
            {"auth": "false"},
        ),
    )


def test_the_command_line_wins_over_the_environment_over_the_file_over_defaults() -> None:
    files = {"/c.toml": 'port = 3\nquiet = true\nagent_ping_timeout = "30secs"\n'}
    environment = {"MESOS_PORT": "2", "MESOS_AGENT_PING_TIMEOUT": "20secs", "MESOS_NONSENSE": "x"}
    assert read("--config=/c.toml", "--port=1", environment=environment, files=files) == Daemon(
        port=1, quiet=True, agent_ping_timeout=20.0, config="/c.toml"
    )


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--quiet"], Daemon(quiet=True)),
        (["--no-quiet"], Daemon(quiet=False)),
        (["--quiet=1"], Daemon(quiet=True)),
        (["--quiet=false"], Daemon(quiet=False)),
        (["--port", "7"], Daemon(port=7)),
        (["--work-dir=/var/x"], Daemon(work_dir="/var/x")),
        (["--slave_ping_timeout=1mins"], Daemon(agent_ping_timeout=60.0)),
        (["--size=512MB"], Daemon(size=512 << 20)),
        (["--auth=false", "--no-auth"], Daemon()),
        (["--resources=cpus:2"], Daemon(resources="cpus:2")),
    ],
)
def test_every_form_of_a_flag_is_understood(arguments: list[str], expected: Daemon) -> None:
    assert read(*arguments) == expected


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--prot=1"], "--prot: unknown flag; did you mean --port?"),
        (["--port=x"], "--port: 'x' is not a whole number"),
        (["--port=70000"], "--port: 70000 is not in 0..65535"),
        (["--port"], "--port: has no value; write --port=value"),
        (["--port=1", "--port=2"], "--port: given twice"),
        (["--agent_ping_timeout=1", "--port=1"], "'1' is not a duration"),
        (["--agent_ping_timeout=1weeks"], "1weeks is not in 1secs..15mins"),
        (["--agent_ping_timeout=2secs", "--slave_ping_timeout=2secs"], "given twice"),
        (["--quiet=maybe"], "'maybe' is not true, false, 1 or 0"),
        (["--sorter=fifo"], "'fifo' is not supported; supported: drf, random"),
        (["--size=5"], "'5' is not a size"),
        (["--work_dir="], "--work_dir: is empty: expected a path"),
        (["--work_dir=file://"], "--work_dir: is empty: expected a path"),
        (["--labels={x}"], "--labels: not JSON: unexpected 'x}' at character 1"),
        (['--labels={"a":'], "not JSON: it ends too early"),
        (["stray"], "'stray' is not a flag"),
        (["--quorum=2"], "does not support it yet; one master needs none"),
        (["--auth"], "--auth: Tepui does only 'false' of this flag so far, not 'true'"),
        (["--resources=file:///none"], "no such file: /none"),
    ],
)
def test_a_refusal_names_the_flag_and_what_would_be_right(
    arguments: list[str], complaint: str
) -> None:
    with pytest.raises(FlagError) as caught:
        read(*arguments)
    assert complaint in str(caught.value)


def test_a_known_but_unsupported_variable_is_refused_and_an_unknown_one_ignored() -> None:
    assert read(environment={"MESOS_WHATEVER": "1", "OTHER": "2"}) == Daemon()
    with pytest.raises(FlagError, match="MESOS_QUORUM"):
        read(environment={"MESOS_QUORUM": "2"})


def test_a_file_value_stands_for_its_content_except_where_a_path_is_meant() -> None:
    files = {"/r": "cpus:4;mem:8\n"}
    assert read("--resources=file:///r", files=files).resources == "cpus:4;mem:8"
    assert read("--work_dir=file:///r").work_dir == "/r"


def test_the_flags_endpoint_shows_mesos_names_as_text_without_unset_ones() -> None:
    shown = read("--config=/c", "--resources=cpus:1", files={"/c": ""}).as_mesos()
    assert shown == {
        "port": "5050",
        "quiet": "false",
        "agent_ping_timeout": "15secs",
        "resources": "cpus:1",
        "size": "2GB",
        "sorter": "drf",
    }


def test_the_help_names_every_flag_with_default_and_purpose() -> None:
    text = f.usage(Daemon, "mesos-agent")
    assert "--agent_ping_timeout=duration (default: 15secs)" in text
    assert "directory" in text


class Limited(Flags, frozen=True, kw_only=True):
    limit: Annotated[f.Rate | None, Flag("so many in so long", f.RATE)] = None


def test_a_rate_is_a_number_and_a_duration() -> None:
    sources = Sources(["--limit=1/10mins"], {}, str)
    limited = load(Limited, sources)
    assert limited.limit == f.Rate(1.0, 600.0)
    assert limited.as_mesos() == {"limit": "1/10mins"}


@pytest.mark.parametrize(
    "text", ["", "1", "/1mins", "0/1mins", "-1/1mins", "nan/1mins", "1/0secs", "1/10", "1e9/1secs"]
)
def test_what_is_no_rate_is_refused_by_name(text: str) -> None:
    with pytest.raises(FlagError, match="--limit"):
        load(Limited, Sources([f"--limit={text}"], {}, str))
