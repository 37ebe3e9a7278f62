"""The shape of the code, held by a test: sizes, mirrors, banned calls and words.

An exception needs a line in an allow-list below with its reason.
"""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "tepui"

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
CLASS_LINES_MAX = 400

LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
LONG_CLASSES: dict[str, str] = {}

UNMIRRORED_ROOMS: dict[str, str] = {
    "messages": "one schema: the tests walk the table of all messages rather than file by file",
}

BANNED_NAMES = ("utils", "util", "common", "helpers", "manager", "misc")

BANNED_CALLS: dict[str, str] = {
    "asyncio.create_task": "tasks are spawned and awaited by their owner (asyncio.TaskGroup)",
    "os.fork": "never fork a big process",
    "os.system": "start programs by argv",
    "time.sleep": "nothing waits by sleeping",
}
BANNED_CALLS_ALLOWED: dict[tuple[str, str], str] = {}

SLEEPING_TESTS: dict[str, str] = {
    "tests/integration/cluster/conftest.py": "asks daemons and /proc until a deadline, where "
    "nothing sends an event: one place, and it is no synchronisation but the pace of asking",
    "tests/soak/pace.py": "how long something is down, how often a framework looks around, and the "
    "pace of asking: the one place of the soak",
}

# "slave" is said only where Mesos' older interfaces say it.
SLAVE_ALLOWED = re.compile(
    "/legacy/|codec/legacy|codec/v0|/flags.py$|/metrics.py$|/measured.py$|/endpoints.py$|/routes.py$"
    "|daemons/agent.py$"  # the virtual path of the log
    "|agent/core/paths.py$|agent/sandboxes.py$|containers/sandbox.py$"  # the sandboxes' layout
    "|agent/core/specs.py$|sdk/executor.py$"  # the executor's environment
    "|sdk/sandbox.py$|cli/finding.py$"  # they read the legacy endpoints
)


def modules(*parts: str) -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT.joinpath(*parts)).rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> int:
    """Return the lines from the first statement after the docstring to the end."""
    body = node.body
    if ast.get_docstring(node) is not None and len(body) > 1:
        body = body[1:]
    return (node.end_lineno or 0) - body[0].lineno + 1


def test_no_file_is_longer_than_a_reader_can_hold() -> None:
    long = {
        name: lines
        for name, path in modules("src", "tepui")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES_MAX
        and name not in LONG_FILES
    }
    assert not long


def test_no_function_or_class_is_longer_than_a_screen_or_five() -> None:
    long: dict[str, int] = {}
    for name, path in modules("src", "tepui"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                key, limit, allowed = f"{name}:{node.name}", FUNCTION_LINES_MAX, LONG_FUNCTIONS
            elif isinstance(node, ast.ClassDef):
                key, limit, allowed = f"{name}:{node.name}", CLASS_LINES_MAX, LONG_CLASSES
            else:
                continue
            if (lines := body_lines(node)) > limit and key not in allowed:
                long[key] = lines
    assert not long


def test_every_exception_is_still_needed() -> None:
    lines = {name: len(path.read_text().splitlines()) for name, path in modules("src", "tepui")}
    assert [name for name in LONG_FILES if lines.get(name, 0) <= FILE_LINES_MAX] == []
    for key in [*LONG_FUNCTIONS, *LONG_CLASSES]:
        name, _, symbol = key.partition(":")
        nodes = [
            node
            for node in ast.walk(parsed(ROOT / name))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name == symbol
        ]
        limit = FUNCTION_LINES_MAX if key in LONG_FUNCTIONS else CLASS_LINES_MAX
        assert any(body_lines(node) > limit for node in nodes), key


def test_no_module_has_a_name_that_says_nothing() -> None:
    said = [name for name, path in modules("src", "tepui") if path.stem in BANNED_NAMES]
    said += [name for name, path in modules("src", "tepui") if path.parent.name in BANNED_NAMES]
    assert not said


def test_banned_calls_are_not_made() -> None:
    found: list[str] = []
    for name, path in modules("src", "tepui"):
        for node in ast.walk(parsed(path)):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called in BANNED_CALLS and (name, called) not in BANNED_CALLS_ALLOWED:
                found.append(f"{name}:{node.lineno}: {called}: {BANNED_CALLS[called]}")
    assert not found


def test_no_test_sleeps_or_runs_again() -> None:
    found: list[str] = []
    for name, path in modules("tests"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "time.sleep",
                "asyncio.sleep",
            ):
                argument = ast.unparse(node.args[0]) if node.args else ""
                if (
                    argument != "0" and name not in SLEEPING_TESTS
                ):  # sleep(0) gives way to the loop and waits for nothing
                    found.append(f"{name}:{node.lineno}")
            if isinstance(node, ast.Attribute) and node.attr in ("flaky", "xfail"):
                found.append(f"{name}:{node.lineno}: {node.attr}")
    assert not found


def test_every_module_says_what_it_is_about() -> None:
    silent = [
        name
        for name, path in modules("src", "tepui")
        if path.read_text(encoding="utf-8").strip() and ast.get_docstring(parsed(path)) is None
    ]
    assert not silent


def test_every_room_has_its_mirror_among_the_tests() -> None:
    """A room is tested where its path says; a file of it by its own test or by its room's story."""
    missing: list[str] = []
    for package in sorted({path.parent for _, path in modules("src", "tepui")}):
        room = package.relative_to(SOURCE)
        names = [path.stem for path in package.glob("*.py") if path.stem != "__init__"]
        if not names or not room.parts or room.parts[0] in UNMIRRORED_ROOMS:
            continue
        levels = [ROOT / "tests" / level / room for level in ("unit", "integration")]
        if not any(level.is_dir() and any(level.glob("test_*.py")) for level in levels):
            missing.append(room.as_posix())
    assert not missing


def test_no_test_file_mirrors_a_room_that_is_gone() -> None:
    gone = [
        name
        for name, path in modules("tests", "unit")
        if path.name.startswith("test_")
        and not SOURCE.joinpath(*path.relative_to(ROOT / "tests" / "unit").parts[:-1]).is_dir()
    ]
    assert not gone


def test_the_old_word_is_said_only_where_mesos_older_interfaces_say_it() -> None:
    said = [
        f"{name}:{number}: {line.strip()}"
        for name, path in modules("src", "tepui")
        if not SLAVE_ALLOWED.search(name)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"slave", line.replace("slave(1)", ""), re.IGNORECASE)
    ]
    assert not said


def test_no_committed_file_names_an_index_or_a_registry() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False
    ).stdout.decode()
    hosts = re.compile(
        "|".join(
            re.escape(".".join(parts))
            for parts in [
                ("pypi", "org"),
                ("files", "pythonhosted", "org"),
                ("registry", "npmjs", "org"),
                ("crates", "io"),
                ("proxy", "golang", "org"),
                ("repo1", "maven", "org"),
                ("deb", "debian", "org"),
            ]
        )
    )
    found = [
        name
        for name in listed.split("\0")
        if name
        and (ROOT / name).is_file()
        and (ROOT / name).stat().st_size < 2_000_000
        and hosts.search((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]
    assert not found
