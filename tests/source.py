"""The packages' source as the tests of its form read it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PACKAGES = ("pipelines", "serving", "soundalike")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Definition:
    """A module, class or function, and where it stands."""

    file: Path
    name: str
    node: ast.Module | ast.ClassDef | Function

    @property
    def place(self) -> str:
        line = getattr(self.node, "lineno", 1)
        return f"{self.file.relative_to(REPOSITORY)}:{line} {self.name}"

    @cached_property
    def docstring(self) -> str:
        return ast.get_docstring(self.node) or ""

    @property
    def is_public(self) -> bool:
        return not any(part.startswith("_") for part in self.name.split("."))


def files(*packages: str) -> list[Path]:
    found = [file for package in packages for file in (REPOSITORY / package).rglob("*.py")]
    return sorted(file for file in found if "migrations" not in file.parts)


@cache
def definitions(*packages: str) -> tuple[Definition, ...]:
    """Every module, class and function of the packages, nested ones by their dotted names."""
    return tuple(_definitions(*packages))


def _definitions(*packages: str) -> Iterator[Definition]:
    for file in files(*packages):
        module = ast.parse(file.read_text())
        yield Definition(file, file.stem, module)
        yield from _within(file, module, "")


def _within(file: Path, node: ast.AST, prefix: str) -> Iterator[Definition]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | Function):
            name = prefix + child.name
            yield Definition(file, name, child)
            yield from _within(file, child, f"{name}.")
        elif not isinstance(child, ast.expr):
            yield from _within(file, child, prefix)
