"""JSON as Mesos reads and writes it; the rules are those of the quirks page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tepui.codec import json as json_codec
from tepui.codec import protobuf
from tepui.codec.errors import DecodeError
from tepui.messages import (
    Address,
    AgentID,
    Attribute,
    CommandInfo,
    ContainerID,
    Environment,
    Filters,
    FrameworkID,
    FrameworkInfo,
    Image,
    Label,
    MasterInfo,
    OfferFilters,
    Resource,
    TaskID,
    TaskState,
    TaskStatus,
    Value,
    agent,
    executor,
    master,
    registry,
    scheduler,
)
from tepui.messages.base import Message

Call = scheduler.Call
ExecutorMessage = executor.Call.Message
F = FrameworkID(value="f")
RECORDED: list[dict[str, Any]] = json.loads(
    Path(__file__, "../../../data/mesos/recorded-v1.json").resolve().read_text()
)
MODULES = {"agent": agent, "executor": executor, "master": master, "scheduler": scheduler}


def parsed(message: Message) -> Any:
    return json.loads(json_codec.encode(message))


def refused(cls: type[Message], text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    with pytest.raises(DecodeError) as caught:
        json_codec.decode(cls, data)
    return str(caught.value)


# Writing.


def test_fields_are_written_when_set_or_when_their_default_is_declared() -> None:
    assert parsed(FrameworkInfo(user="u", name="n")) == {
        "user": "u",
        "name": "n",
        "failover_timeout": 0.0,
        "checkpoint": False,
    }


def test_keys_come_in_the_order_of_the_proto() -> None:
    info = FrameworkInfo(user="u", name="n", roles=["r"], hostname="h", id=FrameworkID(value="f"))
    assert list(parsed(info)) == [
        "user", "name", "id", "failover_timeout", "checkpoint", "roles", "hostname",
    ]  # fmt: skip


def test_whole_doubles_keep_their_point() -> None:
    assert json_codec.encode(Value.Scalar(value=15.0)) == b'{"value":15.0}'


def test_enums_are_names() -> None:
    status = TaskStatus(task_id=TaskID(value="t"), state=TaskState.TASK_LOST)
    assert parsed(status) == {"task_id": {"value": "t"}, "state": "TASK_LOST"}


def test_bytes_are_base64() -> None:
    assert parsed(executor.Call.Message(data=b"\xff\xfe\xfd\x00")) == {"data": "//79AA=="}


def test_64_bit_numbers_are_numbers() -> None:
    assert parsed(Value.Range(begin=0, end=2**64 - 1)) == {"begin": 0, "end": 2**64 - 1}


@pytest.mark.parametrize(
    ("number", "text"), [(math.inf, "Infinity"), (-math.inf, "-Infinity"), (math.nan, "NaN")]
)
def test_what_is_no_number_in_json_is_a_string(number: float, text: str) -> None:
    """Also below lists and maps, and beside text that looks like what gave it away."""
    scalar = Value.Scalar(value=number)
    resource = Resource(name=":null", type=Value.Type.SCALAR, scalar=scalar)
    quantities = OfferFilters.ResourceQuantities(quantities={"cpus": scalar})
    assert parsed(scalar) == {"value": text}
    assert parsed(Call.Accept(filters=Filters(refuse_seconds=number)))["filters"] == {
        "refuse_seconds": text
    }
    assert parsed(resource) == {"name": ":null", "type": "SCALAR", "scalar": {"value": text}}
    assert parsed(quantities) == {"quantities": {"cpus": {"value": text}}}


def test_text_that_says_null_is_left_alone() -> None:
    command = CommandInfo(value='echo {"x":null} >/dev/null')
    assert json_codec.decode(CommandInfo, json_codec.encode(command)) == command


def test_some_answers_have_their_lists_even_when_empty() -> None:
    response = master.Response(
        type=master.Response.Type.GET_STATE,
        get_state=master.Response.GetState(
            get_tasks=master.Response.GetTasks(),
            get_agents=master.Response.GetAgents(),
            get_executors=master.Response.GetExecutors(),
            get_frameworks=master.Response.GetFrameworks(),
        ),
    )
    expected: dict[str, Any] = {
        "get_tasks": {"tasks": [], "unreachable_tasks": [], "completed_tasks": []},
        "get_executors": {"executors": []},
        "get_frameworks": {"frameworks": [], "completed_frameworks": []},
        "get_agents": {"agents": [], "recovered_agents": []},
    }
    event = master.Event(
        type=master.Event.Type.SUBSCRIBED,
        subscribed=master.Event.Subscribed(get_state=response.get_state),
    )
    assert json.loads(json_codec.encode_lists(response))["get_state"] == expected
    assert json.loads(json_codec.encode_lists(event))["subscribed"]["get_state"] == expected
    assert json_codec.encode(response) == (
        b'{"type":"GET_STATE","get_state":'
        b'{"get_tasks":{},"get_executors":{},"get_frameworks":{},"get_agents":{}}}'
    )


def test_an_agent_names_all_its_task_lists() -> None:
    tasks = agent.Response.GetTasks()
    assert json.loads(json_codec.encode_lists(tasks)) == {
        "pending_tasks": [],
        "queued_tasks": [],
        "launched_tasks": [],
        "terminated_tasks": [],
        "completed_tasks": [],
    }


def test_infinities_are_written_in_those_answers_too() -> None:
    Agent = master.Response.GetAgents.Agent
    info = json_codec.from_builtins(
        master.Response.GetAgents,
        {
            "agents": {
                "agent_info": {"hostname": "h"},
                "active": True,
                "version": "1.11.0",
                "total_resources": {
                    "name": "cpus", "type": "SCALAR", "scalar": {"value": "Infinity"},
                },
            }
        },
    )  # fmt: skip
    assert isinstance(info.agents[0], Agent)
    written = json.loads(json_codec.encode_lists(info))
    assert written["recovered_agents"] == []
    assert written["agents"][0]["total_resources"][0]["scalar"] == {"value": "Infinity"}


# Reading, forgivingly.


@pytest.mark.parametrize(
    ("cls", "text", "expected"),
    [
        (Call, '{"type":"NOPE"}', Call()),
        (Call, '{"type":null}', Call()),
        (Call, '{"type":"SUBSCRIBE","wibble":{"a":[1]}}', Call(type=Call.Type.SUBSCRIBE)),
        (Call, '{"frameworkId":{"value":"camel"}}', Call()),
        (Call, '{"framework_id":null}', Call()),
        (Call, '{"framework_id":{"value":"f","x":null}}', Call(framework_id=F)),
        (CommandInfo, '{"shell":"true","value":"x"}', CommandInfo(shell=True, value="x")),
        (CommandInfo, '{"shell":"false"}', CommandInfo(shell=False)),
        (CommandInfo, '{"shell":null}', CommandInfo(shell=True)),
        (Filters, '{"refuse_seconds":"1e3"}', Filters(refuse_seconds=1000.0)),
        (Filters, '{"refuse_seconds":"15"}', Filters(refuse_seconds=15.0)),
        (Filters, '{"refuse_seconds":15}', Filters(refuse_seconds=15.0)),
        (Filters, '{"refuse_seconds":"Infinity"}', Filters(refuse_seconds=math.inf)),
        (Filters, '{"refuse_seconds":"-Infinity"}', Filters(refuse_seconds=-math.inf)),
        (Filters, '{"refuse_seconds":null}', Filters(refuse_seconds=5.0)),
        (Filters, '{"refuse_seconds":0}', Filters(refuse_seconds=0.0)),
        (Value.Range, '{"begin":"1","end":2}', Value.Range(begin=1, end=2)),
        (Value.Range, '{"begin":1.0,"end":"2.0"}', Value.Range(begin=1, end=2)),
        (
            Value.Range,
            '{"begin":0,"end":18446744073709551615}',
            Value.Range(begin=0, end=2**64 - 1),
        ),
        (Address, '{"port":"-1"}', Address(port=-1)),
        (Call.Revive, '{"roles":"a"}', Call.Revive(roles=["a"])),
        (Call.Revive, '{"roles":["a",null]}', Call.Revive(roles=["a"])),
        (Call.Revive, '{"roles":null}', Call.Revive()),
        (
            FrameworkInfo,
            '{"user":"u","name":"n","capabilities":[{"type":"NEWER"},{"type":"MULTI_ROLE"}]}',
            FrameworkInfo(
                user="u",
                name="n",
                capabilities=[
                    FrameworkInfo.Capability(),
                    FrameworkInfo.Capability(type=FrameworkInfo.Capability.Type.MULTI_ROLE),
                ],
            ),
        ),
        (
            Environment.Variable,
            '{"name":"A","value":"b","type":"NOPE"}',
            Environment.Variable(name="A", value="b", type=Environment.Variable.Type.VALUE),
        ),
        (
            OfferFilters.ResourceQuantities,
            '{"quantities":{"cpus":{"value":"1"},"mem":null}}',
            OfferFilters.ResourceQuantities(quantities={"cpus": Value.Scalar(value=1.0)}),
        ),
        (ExecutorMessage, '{"data":"//79AA=="}', ExecutorMessage(data=b"\xff\xfe\xfd\0")),
        (Label, '{"key":"\\u00e9\\ud83d\\ude00"}', Label(key="é😀")),
    ],
)  # fmt: skip
def test_input_is_mended_as_mesos_mends_it(
    cls: type[Message], text: str, expected: Message
) -> None:
    assert json_codec.decode(cls, text.encode()) == expected
    assert json_codec.from_builtins(cls, json.loads(text)) == expected


def test_unknown_names_in_a_list_of_enums_are_dropped() -> None:
    cls = registry.message_named("mesos.v1.CapabilityInfo")
    message = json_codec.decode(cls, b'{"capabilities":["KILL","NEWER","CHOWN"]}')
    assert parsed(message) == {"capabilities": ["KILL", "CHOWN"]}


def test_a_duration_is_an_object() -> None:
    drain = master.Call.DrainAgent
    message = json_codec.decode(
        drain, b'{"agent_id":{"value":"a"},"max_grace_period":{"seconds":10,"nanos":5}}'
    )
    assert parsed(message)["max_grace_period"] == {"seconds": 10, "nanos": 5}
    assert refused(drain, '{"agent_id":{"value":"a"},"max_grace_period":"10s"}') == (
        "max_grace_period: expected an object, got '10s'"
    )


# Refusing.


@pytest.mark.parametrize(
    ("cls", "text", "said"),
    [
        (Call, "[]", "expected an object, got []"),
        (Call, "null", "expected an object, got None"),
        (Call, '"x"', "expected an object, got 'x'"),
        (Call, '{"type":3}', "type: expected a name, got 3"),
        (Call, '{"framework_id":"f"}', "framework_id: expected an object, got 'f'"),
        (Call, '{"framework_id":[{"value":"f"}]}', "framework_id: expected one object, got a list"),
        (Call, '{"framework_id":{}}', "framework_id.value: is required"),
        (Call, '{"framework_id":{"value":null}}', "framework_id.value: is required"),
        (Call, '{"framework_id":{"value":7}}', "framework_id.value: expected a string, got 7"),
        (
            Call,
            '{"accept":{"operations":[{},{"launch":{"task_infos":{"name":"x"}}}]}}',
            "accept.operations[1].launch.task_infos[0].task_id: is required",
        ),
        (Call.Revive, '{"roles":[["a"]]}', "roles[0]: expected one string, got a list"),
        (Call.Revive, '{"roles":[1]}', "roles[0]: expected a string, got 1"),
        (TaskStatus, '{"task_id":{"value":"t"},"state":"NOPE"}', "state: 'NOPE' is not one of its"),
        (Image, '{"type":1}', "type: expected a name, got 1"),
        (CommandInfo, '{"shell":1}', "shell: expected true or false, got 1"),
        (CommandInfo, '{"shell":"yes"}', "shell: expected true or false, got 'yes'"),
        (Address, '{"port":2147483648}', "port: 2147483648 is outside -2147483648..2147483647"),
        (Address, '{"port":"1.5"}', "port: expected a whole number, got '1.5'"),
        (Address, '{"port":1.5}', "port: expected a whole number, got 1.5"),
        (Address, '{"port":true}', "port: expected a whole number, got True"),
        (Address, '{"port":"0x10"}', "port: expected a whole number, got '0x10'"),
        (Address, '{"port":"1_0"}', "port: expected a whole number, got '1_0'"),
        (Address, '{"port":" 1"}', "port: expected a whole number, got ' 1'"),
        (Address, '{"port":"\\u0661"}', "port: expected a whole number, got '\u0661'"),
        (Address, '{"port":""}', "port: expected a whole number, got ''"),
        (Address, '{"port":"Infinity"}', "port: expected a whole number, got 'Infinity'"),
        (MasterInfo, '{"id":"m","ip":-1,"port":1}', "ip: -1 is outside 0..4294967295"),
        (Value.Range, '{"begin":-1,"end":1}', "begin: -1 is outside 0..18446744073709551615"),
        (
            Value.Range,
            '{"begin":1,"end":18446744073709551616}',
            "end: 18446744073709551616 is outside 0..18446744073709551615",
        ),
        (Filters, '{"refuse_seconds":"infinity"}', "refuse_seconds: expected a number, got 'inf"),
        (Filters, '{"refuse_seconds":"1e999"}', "refuse_seconds: '1e999' is beyond the range"),
        (Filters, '{"refuse_seconds":true}', "refuse_seconds: expected a number, got True"),
        (Filters, '{"refuse_seconds":{}}', "refuse_seconds: expected a number, got {}"),
        (ExecutorMessage, '{"data":"A-_="}', "data: expected base64, got 'A-_='"),
        (ExecutorMessage, '{"data":"é"}', "data: expected base64, got 'é'"),
        (
            OfferFilters.ResourceQuantities,
            '{"quantities":[]}',
            "quantities: expected an object, got []",
        ),
        (
            OfferFilters.ResourceQuantities,
            '{"quantities":{"cpus":{}}}',
            "quantities['cpus'].value: is required",
        ),
        (
            scheduler.AttributeConstraint,
            '{"selector":{"attribute_name":"a","pseudoattribute_type":"ZONE"},"predicate":{}}',
            "selector: at most one of pseudoattribute_type, attribute_name may be set",
        ),
    ],
)
def test_a_refusal_says_where_and_what(cls: type[Message], text: str, said: str) -> None:
    assert refused(cls, text).startswith(said)
    with pytest.raises(DecodeError):
        json_codec.from_builtins(cls, json.loads(text))


def test_the_path_of_a_refusal_is_there_for_programs() -> None:
    with pytest.raises(DecodeError) as caught:
        json_codec.decode(Call, b'{"acknowledge":{"agent_id":{"value":"a"}}}')
    assert (caught.value.path, caught.value.problem) == ("acknowledge.task_id", "is required")


def test_a_refused_value_is_cut_when_it_is_long() -> None:
    assert len(refused(Call, json.dumps({"type": ["x" * 10_000]}))) < 200


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b'{"type":}', b"\xff\xfe", b'{"refuse_seconds":"\xff"}',
     b'{"refuse_seconds":"\\ud800"}', b"{}{}", b"NaN",
     b'{"refuse_seconds":1e999}', b'{"refuse_seconds":' + b"9" * 10_000 + b"}",
     b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_not_json_is_said_to_be_so(data: bytes) -> None:
    assert refused(Filters, data).startswith("is not JSON: ")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "it ends too early, after 0 bytes"),
        (b'{"refuse_seconds":', "it ends too early, after 18 bytes"),
        (b'{"refuse_seconds":NaN}', "near byte 18, in b'_seconds\":NaN}'"),
        (b"{} and more", "near byte 4, in b'{} and more'"),
        (b'{"refuse_seconds":"\xff"}', "byte 19 is not UTF-8"),
        (b'{"refuse_seconds":1e999}', "a number is out of range"),
    ],
)
def test_where_it_ceases_to_be_json_is_said_in_our_words(data: bytes, problem: str) -> None:
    assert refused(Filters, data) == f"is not JSON: {problem}"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"{}", "expected a list, got {}"),
        (b'[{"refuse_seconds":1},1]', "[1]: expected an object, got 1"),
        (b'[{"refuse_seconds":"x"}]', "[0].refuse_seconds: expected a number, got 'x'"),
    ],
)
def test_a_list_of_something_else_is_refused_by_its_item(data: bytes, problem: str) -> None:
    with pytest.raises(DecodeError) as error:
        json_codec.decode_list(Filters, data)
    assert str(error.value) == problem


def test_a_list_of_messages_is_read() -> None:
    assert json_codec.decode_list(Filters, b"[]") == ()
    read = json_codec.decode_list(Filters, b'[{"refuse_seconds":1}]')
    assert read == (Filters(refuse_seconds=1.0),)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        b'{"unknown":' * 100_000,
        b'{"unknown":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_depth_is_bounded(data: bytes) -> None:
    refused(Call, data)


def test_containers_nest_to_a_bound_whichever_way_they_are_read() -> None:
    nested = b'{"value":"c","parent":' * 40 + b'{"value":"c"}' + b"}" * 40
    assert "containers nest at most 32 deep" in refused(ContainerID, nested)
    in_mended = b'{"value":"c","x":null,"parent":' * 90 + b'{"value":"c"}' + b"}" * 90
    assert "containers nest at most 32 deep" in refused(ContainerID, in_mended)


def test_a_message_too_deep_for_any_schema_is_refused_before_it_is_walked() -> None:
    too_deep: object = {"value": "c"}
    for _ in range(200):
        too_deep = {"value": "c", "parent": too_deep}
    with pytest.raises(DecodeError, match="is nested too deeply"):
        json_codec.from_builtins(ContainerID, too_deep)


def test_half_a_character_is_no_text_whoever_parsed_it() -> None:
    with pytest.raises(DecodeError, match="is not text"):
        json_codec.from_builtins(FrameworkID, json.loads('{"value":"\\ud800"}'))


# What a real Mesos and its clients sent.


def without_checkpoint(value: Any) -> Any:
    """Take out what the master adds to the agents in its answers, which no v1 proto knows."""
    match value:
        case dict():
            kept = {key: without_checkpoint(inner) for key, inner in value.items()}
            if isinstance(agent_info := kept.get("agent_info"), dict):
                agent_info.pop("checkpoint", None)
            return kept
        case list():
            return [without_checkpoint(inner) for inner in value]
        case _:
            return value


def recorded_class(row: dict[str, Any]) -> type[Message]:
    module, _, name = row["message"].partition(".")
    cls: type[Message] = getattr(MODULES[module], name)
    return cls


WRITTEN_BY_MESOS = [row for row in RECORDED if not row["message"].endswith(".Call")]
CALLS = [row for row in RECORDED if row["message"].endswith(".Call")]
# Calls that clients got wrong on purpose.
MALFORMED = {
    "agent_executor_err_no_framework/request": "framework_id",
    "scheduler_err_acknowledge_missing_uuid/request": "acknowledge.uuid",
    "scheduler_err_subscribe_missing_framework_info/request": "subscribe.framework_info",
    "scheduler_err_subscribe_missing_name/request": "subscribe.framework_info.name",
    "scheduler_err_subscribe_missing_user/request": "subscribe.framework_info.user",
    "scheduler_err_wrong_field_type/request": "framework_id",
}


@pytest.mark.parametrize("row", WRITTEN_BY_MESOS, ids=lambda row: row["name"])
def test_what_mesos_wrote_comes_out_as_it_went_in(row: dict[str, Any]) -> None:
    message = json_codec.decode(recorded_class(row), json.dumps(row["body"]).encode())
    assert json.loads(json_codec.encode_lists(message)) == without_checkpoint(row["body"])


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row["name"])
def test_calls_are_read_alike_by_both_paths_and_both_codecs(row: dict[str, Any]) -> None:
    cls = recorded_class(row)
    data = json.dumps(row["body"]).encode()
    if row["name"] in MALFORMED:
        with pytest.raises(DecodeError) as caught:
            json_codec.decode(cls, data)
        assert caught.value.path == MALFORMED[row["name"]]
        return
    message = json_codec.decode(cls, data)
    assert json_codec.from_builtins(cls, row["body"]) == message
    assert json_codec.from_builtins(cls, json_codec.to_builtins(message)) == message
    assert json_codec.decode(cls, json_codec.encode(message)) == message
    assert protobuf.decode(cls, protobuf.encode(message)) == message


def test_attributes_read_in_the_fast_path_are_those_of_the_lenient_one() -> None:
    text = b'{"name":"rack","type":"TEXT","text":{"value":"r1"}}'
    mended = b'{"name":"rack","type":"TEXT","text":{"value":"r1"},"scalar":null}'
    assert json_codec.decode(Attribute, text) == json_codec.decode(Attribute, mended)
    assert json_codec.decode(AgentID, msgspec.json.encode({"value": "a"})) == AgentID(value="a")
