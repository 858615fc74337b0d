"""The application's source as data: modules, what they import, and their functions."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
APPS = ("accounts", "contacts", "integrations", "config")
"""From the one that imports nothing of ours to the one that may import all."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file of the application. `name` is dotted, without `.__init__`."""

    name: str
    path: Path
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @property
    def file(self) -> str:
        return str(self.path.relative_to(ROOT)) if self.path.is_relative_to(ROOT) else str(self.path)


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the application, migrations left out."""
    return tuple(
        Module(_dotted(path), path, path.read_text())
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.relative_to(ROOT / app).parts[:-1]
    )


def _dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(module: Module) -> Iterator[str]:
    """What a module imports, as dotted names; `from a import b` gives `a.b` where that is a module, else `a`."""
    names = {each.name for each in modules()}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module.file} imports relatively"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in names else str(node.module)


def functions(tree: ast.AST) -> Iterator[Function]:
    """Every function, nested ones and methods too."""
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def settle(found: Iterable[str], exceptions: Mapping[str, str]) -> None:
    """Asserts that what was found is just what the exceptions name, each with its reason."""
    found = set(found)
    assert all(exceptions.values()), "every exception needs a reason"
    unexplained, stale = sorted(found - exceptions.keys()), sorted(exceptions.keys() - found)
    assert not unexplained, f"neither allowed nor an exception with a reason: {unexplained}"
    assert not stale, f"exceptions that nothing needs any more: {stale}"
