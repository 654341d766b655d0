"""The hand-written stubs say what the module has, no more and no less."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import neo_protocol
from conftest import PACKAGE
from neo_protocol import _neo, aio

STUB = Path(neo_protocol.__file__).parent / "_neo.pyi"
PARITY = PACKAGE.parent.parent / "conformance" / "parity.toml"

#: What every class has; the stubs leave it out.
INHERITED = {*dir(object), "__weakref__", "__module__", "__doc__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parameters(function: Function) -> list[tuple[str, str, str | None]]:
    """Name, kind and default of each parameter of a stub."""
    arguments = function.args
    names = [a.arg for a in arguments.posonlyargs + arguments.args]
    defaults: list[ast.expr | None] = [None] * (len(names) - len(arguments.defaults))
    defaults += arguments.defaults
    kinds = ["POSITIONAL_ONLY"] * len(arguments.posonlyargs)
    kinds += ["POSITIONAL_OR_KEYWORD"] * len(arguments.args)
    found = list(zip(names, kinds, map(literal, defaults)))
    if arguments.vararg:
        found.append((arguments.vararg.arg, "VAR_POSITIONAL", None))
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults):
        found.append((argument.arg, "KEYWORD_ONLY", literal(default)))
    return found


def literal(default: ast.expr | None) -> str | None:
    return None if default is None else repr(ast.literal_eval(default))


def signature(function: object) -> list[tuple[str, str, str | None]]:
    """The same of what runs."""
    found = []
    for parameter in inspect.signature(function).parameters.values():  # type: ignore[arg-type]
        default = None if parameter.default is parameter.empty else repr(parameter.default)
        name = "self" if parameter.name in ("self", "$self") else parameter.name
        kind = "POSITIONAL_OR_KEYWORD" if name == "self" else parameter.kind.name
        found.append((name, kind, default))
    return found


def stub() -> tuple[dict[str, Function], dict[str, dict[str, Function]]]:
    tree = ast.parse(STUB.read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, Function)}
    classes = {
        node.name: {item.name: item for item in node.body if isinstance(item, Function)}
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    }
    return functions, classes


def test_functions_and_classes_of_the_stub_are_those_of_the_module() -> None:
    functions, classes = stub()
    names = {name for name in dir(_neo) if not name.startswith("__")}
    assert names == {*functions, *classes}
    assert set(neo_protocol.__all__) <= set(dir(neo_protocol))


@pytest.mark.parametrize("name", sorted(stub()[1]))
def test_members_of_the_stub_are_those_of_the_class(name: str) -> None:
    members = stub()[1][name]
    kind = getattr(_neo, name)
    real = {member for member in vars(kind) if member not in INHERITED}
    # Comparison slots come all together; the stub names the one that is promised.
    real -= {"__lt__", "__le__", "__gt__", "__ge__", "__ne__", "__delitem__"}
    promised = set(members) - INHERITED
    if sys.version_info < (3, 12):
        # The buffer protocol has no method in Python before 3.12.
        promised.discard("__buffer__")
    real.discard("__release_buffer__")
    assert promised == real


@pytest.mark.parametrize("name", sorted(stub()[1]))
def test_signatures_of_the_stub_are_those_of_the_class(name: str) -> None:
    for member, function in stub()[1][name].items():
        real = inspect.getattr_static(getattr(_neo, name), member, None)
        decorators = {d.id for d in function.decorator_list if isinstance(d, ast.Name)}
        if "property" in decorators:
            assert inspect.isgetsetdescriptor(real), f"{name}.{member}"
        elif real is not None and not (member.startswith("__") and member != "__exit__"):
            assert parameters(function) == signature(real), f"{name}.{member}"


def test_signatures_of_functions_are_those_of_the_module() -> None:
    for name, function in stub()[0].items():
        assert parameters(function) == signature(getattr(_neo, name)), name


def test_every_public_object_is_documented() -> None:
    undocumented = []
    for name in neo_protocol.__all__:
        kind = getattr(neo_protocol, name)
        if not kind.__doc__:
            undocumented.append(name)
        for member in vars(kind) if inspect.isclass(kind) else ():
            if not member.startswith("_") and not inspect.getdoc(getattr(kind, member)):
                undocumented.append(f"{name}.{member}")
    assert not undocumented


def test_every_capability_of_the_parity_table_exists() -> None:
    functions, classes = stub()
    missing = []
    for capability in tomllib.loads(PARITY.read_text())["capability"]:
        name = capability.get("python")
        if name is not None and not exists(name, functions, classes):
            missing.append(name)
        if name is None and "only" not in capability:
            missing.append(f"no name for: {capability['does']}")
    assert not missing


def exists(
    name: str, functions: dict[str, Function], classes: dict[str, dict[str, Function]]
) -> bool:
    """Whether the stub, or the asyncio form, has NAME, TYPE.NAME or FUNCTION.ARGUMENT."""
    first, *rest = name.split(".")
    if first in functions:
        return not rest or rest[0] in {n for n, _, _ in parameters(functions[first])}
    if first not in classes or (rest and rest[0] not in classes[first]):
        found = getattr(neo_protocol, first, None) or getattr(aio, first, None)
        for part in rest:
            found = getattr(found, part, None) or getattr(getattr(aio, first, None), part, None)
        return found is not None
    return len(rest) < 2 or rest[1] in {n for n, _, _ in parameters(classes[first][rest[0]])}


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy")
def test_mypy_agrees_with_the_stubs(tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    # Methods of the buffer protocol appear in Python 3.12; an alias of Literal runs as a function.
    allowed.write_text(
        "neo_protocol\\._neo\\.\\w+\\.__(release_)?buffer__\n"
        "neo_protocol\\._types\\.(Policy|Wait)\n"
    )
    for words in (
        ["-m", "mypy.stubtest", "neo_protocol", "--allowlist", str(allowed),
         "--ignore-unused-allowlist"],
        ["-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "-p", "neo_protocol"],
    ):
        outcome = subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONPATH": str(PACKAGE), "MYPYPATH": str(PACKAGE), "PATH": os.environ["PATH"]},
        )
        assert outcome.returncode == 0, outcome.stdout + outcome.stderr
