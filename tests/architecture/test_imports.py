"""config → integrations → contacts → accounts, and within them models ← queries ← services ← faces ← urls."""

import ast
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.architecture.code import APPS, Function, Module, imported, modules, settle

# The first pattern that fits says the layer; a module may import from its own layer and from lower ones.
LAYERS: list[tuple[int, str]] = [
    (0, "models*"),
    (0, "errors"),
    (0, "actor"),
    (0, "activity"),
    (0, "spreadsheets"),
    (0, "text"),
    (0, "api.caller"),
    (0, "catalogue"),
    (0, "charts"),
    (0, "columns"),
    (0, "normalise"),
    (0, "payload"),
    (0, "phones"),
    (0, "rows"),
    (0, "matching"),
    (0, "overlay"),
    (0, "provenance"),
    (0, "state"),
    (0, "review"),
    (0, "search_terms"),
    (0, "credentials"),
    (0, "sealing"),
    (0, "networks"),
    (0, "wsgi"),
    (0, "tenancy.models"),
    (0, "tenancy.querysets"),
    (0, "tenancy.migrations"),
    (0, "tenancy"),
    (0, ""),
    (1, "permissions"),
    (1, "sql"),
    (2, "queries*"),
    (2, "explain"),
    (2, "groups"),
    (2, "pages"),
    (2, "rule_sets"),
    (2, "search"),
    (3, "services*"),
    (4, "adapters"),
    (4, "admin_site"),
    (4, "authentication"),
    (4, "checks"),
    (4, "context"),
    (4, "forms*"),
    (4, "middleware"),
    (4, "reports"),
    (4, "rest"),
    (4, "tenancy.*"),
    (4, "sign_in"),
    (4, "throttling"),
    (5, "admin*"),
    (5, "api.urls"),
    (5, "api*"),
    (5, "management*"),
    (5, "views*"),
    (6, "apps"),
    (6, "urls"),
    (6, "settings_urls"),
]

PURE = (
    "accounts.activity",
    "accounts.actor",
    "accounts.errors",
    "accounts.spreadsheets",
    "accounts.text",
    "contacts.api.conditions",
    "contacts.catalogue",
    "contacts.columns",
    "contacts.matching",
    "contacts.normalise",
    "contacts.overlay",
    "contacts.payload",
    "contacts.phones",
    "contacts.provenance",
    "contacts.review",
    "contacts.rows",
    "contacts.search_terms",
    "contacts.state",
    "integrations.charts",
    "integrations.credentials",
    "integrations.networks",
)
HTTP_AND_ORM = ("django", "rest_framework", "allauth", "http", "urllib", "socket")

LOCAL_IMPORTS = {
    "contacts/apps.py: ready": "what it gives the activity needs the models, which are loaded by then",
    "integrations/apps.py: ready": "the checks need the models, which are loaded by then",
}


def app_of(name: str) -> str:
    return name.split(".", maxsplit=1)[0]


def layer(name: str) -> int:
    inside = name.partition(".")[2]
    for rank, pattern in LAYERS:
        if fnmatch(inside, pattern):
            return rank
    raise AssertionError(f"{name} has no layer: add it to LAYERS")


def back_imports(module: Module) -> list[str]:
    """The imports of a module that go the wrong way."""
    wrong = []
    for name in imported(module):
        if app_of(name) not in APPS:
            continue
        back = APPS.index(app_of(name)) > APPS.index(app_of(module.name))
        up = app_of(module.name) != "config" and layer(name) > layer(module.name)
        if back or up:
            wrong.append(f"{module.name} imports {name}")
    return wrong


def local_imports(module: Module) -> list[str]:
    """Functions that import, as `file: function`."""
    return [
        f"{module.file}: {function.name}"
        for function in ast.walk(module.tree)
        if isinstance(function, Function)
        and any(isinstance(node, ast.Import | ast.ImportFrom) for node in ast.walk(function))
    ]


def impure(module: Module) -> list[str]:
    """The imports of a pure module that it may not have."""
    return [
        f"{module.name} imports {name}"
        for name in imported(module)
        if app_of(name) in HTTP_AND_ORM or (app_of(name) in APPS and name not in PURE)
    ]


def test_no_import_goes_back() -> None:
    assert [wrong for module in modules() for wrong in back_imports(module)] == []


def test_every_layer_has_a_module() -> None:
    inside = {module.name.partition(".")[2] for module in modules()}
    assert [pattern for _, pattern in LAYERS if not any(fnmatch(name, pattern) for name in inside)] == []


def test_pure_modules_know_neither_database_nor_http() -> None:
    found = [module for module in modules() if module.name in PURE]
    assert len(found) == len(PURE)
    assert [wrong for module in found for wrong in impure(module)] == []


def test_nothing_is_imported_inside_a_function() -> None:
    settle([place for module in modules() for place in local_imports(module)], LOCAL_IMPORTS)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("accounts.models.x", "from contacts.models import Contact"),
        ("contacts.services.x", "import integrations.services.licenses"),
        ("contacts.models.x", "from contacts.services import fields"),
        ("accounts.queries", "from accounts import admin"),
        ("integrations.services.x", "from accounts.middleware import actor_of"),
        ("contacts.admin", "def f():\n    from integrations import queries"),
    ],
)
def test_a_planted_back_import_is_found(name: str, text: str) -> None:
    assert back_imports(Module(name, Path("planted.py"), text))


def test_a_planted_impurity_is_found() -> None:
    for text in ("from django.db import models", "from contacts.models import Contact", "import http.client"):
        assert impure(Module("contacts.normalise", Path("planted.py"), text))


def test_a_planted_local_import_is_found() -> None:
    planted = Module("contacts.x", Path("planted.py"), "class A:\n    def f(self):\n        import json")
    assert local_imports(planted) == ["planted.py: f"]
