"""What operators write after --resources and --attributes."""

import pytest

from tepui.messages import Value
from tepui.resources import ParseError, format_resources, parse_attributes, parse_resources


def test_the_text_form_has_scalars_ranges_sets_and_roles() -> None:
    text = "cpus:4;mem:1024;ports:[31000-32000,33000-34000];disk(role):10;bugs:{a,b}"
    assert format_resources(parse_resources(text)) == text


def test_white_space_and_empty_parts_do_not_matter() -> None:
    text = " cpus : 4 ; mem: 10;; ports:[ 1 - 2 , 3-4 ];\n bugs:{ a , b };"
    assert parse_resources(text) == parse_resources("cpus:4;mem:10;ports:[1-4];bugs:{a,b}")
    assert parse_resources("").is_empty()


def test_the_same_name_twice_adds_up() -> None:
    assert parse_resources("cpus:1;cpus:2") == parse_resources("cpus:3")


def test_the_default_role_is_for_those_without_one() -> None:
    parsed = parse_resources("cpus:1;mem(*):2;disk(b):3", default_role="a")
    assert parsed == parse_resources("cpus(a):1;mem:2;disk(b):3")


def test_the_json_form_takes_either_reservation_format() -> None:
    parsed = parse_resources(
        """[
          {"name": "cpus", "type": "SCALAR", "scalar": {"value": "2.5"}},
          {"name": "mem", "type": "SCALAR", "scalar": {"value": 10}, "role": "a"},
          {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": 1, "end": 2}]},
           "reservations": [{"type": "STATIC", "role": "b"}]}
        ]"""
    )
    assert parsed == parse_resources("cpus:2.5;mem(a):10;ports(b):[1-2]")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cpus", "'cpus' is not a resource"),
        (":4", "':4' is not a resource"),
        ("cpus:many", "'many' is neither a number"),
        ("cpus:nan", "'nan' is neither a number"),
        ("cpus:", "is neither a number"),
        ("cpus:-1", "-1 is negative"),
        ("cpus(a)b:1", "expected name:value or name(role):value"),
        ("cpus(a:1", "expected name:value or name(role):value"),
        ("cpus(a b):1", "white space"),
        ("gpus:1.5", "not a whole number of GPUs"),
        ("ports:[1-2", "closing bracket"),
        ("ports:[1]", "'1' in '[1]' is not a range"),
        ("ports:[5-2]", "ends before it begins"),
        ("ports:[1-5,5-6]", "overlap at 5"),
        ("ports:[1-18446744073709551616]", "64 bits"),
        ("bugs:{a", "closing brace"),
        ("bugs:{a,a}", "repeat an item"),
        ("[", "is not JSON: it ends too early, after 1 bytes"),
        ("[1] x", "near byte 5, in b'[1] x'"),
        ('[{"type": "SCALAR"}]', "resource number 1"),
        ('[{"name": "cpus", "type": "SCALAR"}]', "SCALAR has a scalar"),
        (
            '[{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1},'
            ' "reservations": [{"type": "DYNAMIC", "role": "a"}]}]',
            "cannot start with a dynamic reservation",
        ),
        (
            '[{"name": "disk", "type": "SCALAR", "scalar": {"value": 1}, "role": "a",'
            ' "disk": {"persistence": {"id": "v"},'
            ' "volume": {"container_path": "p", "mode": "RW"}}}]',
            "cannot start with a persistent volume",
        ),
    ],
)
def test_a_refusal_says_what_is_wrong(text: str, problem: str) -> None:
    with pytest.raises(ParseError) as refusal:
        parse_resources(text)
    assert problem in str(refusal.value)


def test_attributes_are_texts_numbers_ranges_or_sets() -> None:
    rack, number, span, letters, url = parse_attributes(
        "rack:r1;n:4.5;x:[1-2];s:{a,b};url:http://h:80/"
    )
    assert rack.text == Value.Text(value="r1")
    assert number.scalar == Value.Scalar(value=4.5)
    assert span.ranges == Value.Ranges(range=[Value.Range(begin=1, end=2)])
    assert letters.set == Value.Set(item=["a", "b"])
    assert url.text == Value.Text(value="http://h:80/")


def test_attributes_keep_their_order_and_may_repeat() -> None:
    assert [each.name for each in parse_attributes("b:1;a:2;b:3")] == ["b", "a", "b"]


@pytest.mark.parametrize("text", ["rack", ":r1", "rack:", "x:[1-"])
def test_a_part_without_name_or_value_is_refused(text: str) -> None:
    with pytest.raises(ParseError):
        parse_attributes(text)
