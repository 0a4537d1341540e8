"""
The house rules, as tests: who imports whom, what is pure, what a number is called, linters clean.
"""

import ast
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from exchange.domain import (
    capacity_commands,
    capacity_events,
    commands,
    delivery_commands,
    delivery_events,
    desk_commands,
    desk_events,
    events,
    lending_commands,
    lending_events,
    letting,
    movements,
    schedule_events,
    substitution,
)
from exchange.domain.commands import Command
from exchange.domain.events import Event
from exchange.domain.risk_parameters import RiskParameters

ROOT = Path(__file__).resolve().parents[1]

MAY_IMPORT = {
    "matching_core": set(),
    "exchange.domain": set(),
    "exchange.collateral": {"exchange.domain"},
    "exchange.rules": {"exchange.domain", "exchange.collateral", "matching_core"},
    "exchange.engine": {"exchange.domain", "exchange.rules"},
    "exchange.log": {"exchange.domain"},
    "exchange.projections": {"exchange.domain", "exchange.collateral"},
    "exchange.gateway": {"exchange.domain", "exchange.engine", "exchange.projections"},
    "exchange.genesis": {"exchange.domain"},
    "exchange.calendars": {"exchange.domain"},
    "exchange.demo": {"exchange.domain", "clients"},
    "clients": {"exchange.domain", "exchange.calendars"},
}
PURE = ("matching_core", "exchange.domain", "exchange.collateral", "exchange.rules")
IMPURE_MODULES = {
    "asyncio", "socket", "time", "random", "secrets", "uuid", "os", "pathlib", "io", "threading",
    "locale", "subprocess", "aiohttp", "redis",
}  # fmt: skip
UNITS = (
    "_qty", "_price", "_amount", "_bps", "_ppm", "_e12", "_micro", "_day", "_days", "_hours",
    "_ns", "_seq", "_id", "_ids", "_count", "_version",
)  # fmt: skip
PLAIN_INTEGERS = {
    "version", "year", "month", "spot_month", "level", "supplier_grade", "value", "limit", "day",
    "is_requeued",
}  # fmt: skip
"""What has no unit: a version, a calendar year or month, a mark's level or a supplier's grade, a
refusal's triple."""

MESSAGES = [
    kind
    for module in (
        commands,
        events,
        lending_commands,
        lending_events,
        schedule_events,
        movements,
        letting,
        desk_commands,
        desk_events,
        capacity_commands,
        capacity_events,
        delivery_commands,
        delivery_events,
        substitution,
    )
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, Command | Event) and kind not in (Command, Event)
]


def modules() -> list[Path]:
    """Every Python source of the project."""
    found = [
        p for room in ("matching_core", "exchange", "clients") for p in ROOT.glob(f"{room}/**/*")
    ]
    return sorted(p for p in found if p.suffix in (".py", ".pyx", ".pyi"))


def name_of(path: Path) -> str:
    """The dotted module name of a source file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room that a module belongs to; empty for the wiring, which may import everything."""
    return next(
        (room for room in MAY_IMPORT if module == room or module.startswith(room + ".")), ""
    )


def imports_of(path: Path) -> set[str]:
    """The modules that a Python file imports, absolute."""
    package = name_of(path) if path.name == "__init__.py" else name_of(path).rpartition(".")[0]
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base]).rstrip(".")
            found.add(base)
            found |= {f"{base}.{alias.name}" for alias in node.names}
    return found


PYTHON_SOURCES = [path for path in modules() if path.suffix == ".py"]


@pytest.mark.parametrize("path", PYTHON_SOURCES, ids=name_of)
def test_a_room_imports_only_the_rooms_it_may(path):
    room = room_of(name_of(path))
    if not room:
        return
    for imported in imports_of(path):
        target = room_of(imported)
        is_ours = imported.split(".")[0] in ("exchange", "clients", "matching_core")
        if not is_ours or imported in ("exchange",) or target == room:
            continue
        assert target in MAY_IMPORT[room], f"{name_of(path)} imports {imported}"


@pytest.mark.parametrize(
    "path", [p for p in PYTHON_SOURCES if room_of(name_of(p)) in PURE], ids=name_of
)
def test_pure_rooms_know_no_clock_chance_file_or_socket(path):
    found = {imported.split(".")[0] for imported in imports_of(path)}
    assert not found & IMPURE_MODULES


@pytest.mark.parametrize("path", sorted((ROOT / "matching_core").glob("*.pyx")), ids=name_of)
def test_the_core_imports_nothing_of_ours(path):
    lines = [line.split("#")[0] for line in path.read_text().splitlines()]
    imported = [line for line in lines if line.startswith(("import ", "from ", "cimport "))]
    assert not [line for line in imported if "exchange" in line or "clients" in line]


@pytest.mark.parametrize("message", [*MESSAGES, RiskParameters], ids=lambda kind: kind.__name__)
def test_a_number_names_its_unit(message):
    for field in msgspec.inspect.type_info(message).fields:
        kind = field.type
        if isinstance(kind, msgspec.inspect.IntType) and field.name not in PLAIN_INTEGERS:
            assert field.name.endswith(UNITS), f"{message.__name__}.{field.name}"


@pytest.mark.parametrize("message", MESSAGES, ids=lambda kind: kind.__name__)
def test_no_message_holds_a_float(message):
    assert "FloatType" not in repr(msgspec.inspect.type_info(message))


@pytest.mark.parametrize("path", PYTHON_SOURCES, ids=name_of)
def test_modules_and_public_names_are_documented(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) is not None
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.name.startswith("_") or ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 600


@pytest.mark.parametrize(
    "command",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]],
    ids=["ruff-check", "ruff-format", "mypy"],
)
def test_linters_are_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
