"""What the source says: who goes round the door, how long things are, how services are called, whom pages ask."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

from tests.architecture.code import ROOT, Module, functions, modules, settle

# Names under which all accounts' rows can be had at once
ALL_ROWS = re.compile(r"\b(all_accounts|_base_manager|_default_manager)\b|\bcursor\(|\.raw\(")
ROUND_THE_DOOR = {
    "accounts/tenancy/migrations.py": "reads which constraints a table has, and no rows",
    "accounts/tenancy/models.py": "defines the manager",
    "accounts/tenancy/querysets.py": "looks whether an id is another account's before an upsert",
    "accounts/tenancy/admin.py": "narrows every list and choice of the admin to the person's accounts",
    "accounts/queries_activity.py": "finds the actors and actions of one account, to which its SQL is narrowed",
    "accounts/queries.py": "finds a person's memberships, before any account is known",
    "accounts/services/invitations.py": "finds what a link is about, before any account is known",
    "contacts/admin/__init__.py": "counts across the accounts of one partner, narrowed to them",
    "contacts/admin/contacts.py": "searches across the accounts of one partner, narrowed to them",
    "contacts/admin/id_fields.py": "counts the ids of each row of a list that is narrowed",
    "contacts/admin/pairs.py": "lists the previews of one partner's accounts",
    "contacts/services/drafts.py": "deletes what is old, whose it may be",
    "contacts/services/files.py": "deletes what is old, whose it may be",
    "contacts/services/jobs.py": "takes up what any account's queue has",
    "contacts/services/idempotency.py": "deletes what is old, whose it may be",
    "contacts/sql.py": "runs the engine's SQL, of which a test reads that every table is narrowed",
    "integrations/admin/id_fields.py": "finds what is connected to each row of a list that is narrowed",
    "integrations/authentication.py": "finds whose key it is, before any account is known",
    "integrations/queries_usage.py": "sums up the use in the accounts of one partner, narrowed to them",
    "integrations/sql.py": "runs what integrations/authentication.py asks",
    "integrations/queries.py": "sums up the accounts of one partner, narrowed to them; peppers that any account needs",
}

LONG_FUNCTION, LONG_FILE = 60, 400
LONG: dict[str, str] = {}

# Services that are not called with `by=` last
WITHOUT_ACTOR = {
    "accounts.services.billing.next_period_starts_on": "a date from a date",
    "accounts.services.billing.period_end": "an instant from an instant",
    "accounts.services.billing.pro_rata": "an amount from an amount",
    "accounts.services.invitations.find": "only reads",
    "accounts.services.members.check_again": "only tells",
    "accounts.services.mail.to_person": "called by services, which know the actor",
    "accounts.services.mail.to_owners": "called by services, which know the actor",
    "accounts.services.mail.to_partner": "called by services, which know the actor",
    "contacts.services.collisions.check": "only tells",
    "contacts.services.drafts.check_room": "only tells",
    "contacts.services.drafts.delete_old": "tidies up, on nobody's behalf",
    "contacts.services.files.append": "called by services, which know the actor",
    "contacts.services.exports.link": "only tells",
    "contacts.services.exports.run": "goes on with what somebody began",
    "contacts.services.files.delete_old": "tidies up, on nobody's behalf",
    "contacts.services.files.delete": "called by services, which know the actor",
    "contacts.services.files.parts": "only reads",
    "contacts.services.files.receive": "nobody's file until a service takes it",
    "contacts.services.idempotency.delete_old": "tidies up, on nobody's behalf",
    "contacts.services.idempotency.forget": "called by services, which know the actor",
    "contacts.services.idempotency.once": "the actor is a key",
    "contacts.services.imports.run": "goes on with what somebody began",
    "contacts.services.jobs.cancel_paused": "tidies up, on nobody's behalf",
    "contacts.services.jobs.attempt": "goes on with what somebody began",
    "contacts.services.jobs.beat": "goes on with what somebody began",
    "contacts.services.jobs.discard": "called by services, which know the actor",
    "contacts.services.jobs.forget_old_tasks": "tidies up, on nobody's behalf",
    "contacts.services.jobs.rescue": "goes on with what somebody began",
    "contacts.services.jobs.step": "goes on with what somebody began",
    "contacts.services.merges.look_at_undo": "only tells",
    "contacts.services.previews.findings_of": "only tells",
    "contacts.services.previews.open_items_in_the_background": "goes on with what somebody began",
    "contacts.services.previews.run": "goes on with what somebody began",
    "contacts.services.previews.tidy_up": "goes on with what somebody began",
    "contacts.services.rules.build": "goes on with what somebody began",
    "contacts.services.rules.draft_of": "only tells",
    "contacts.services.rules.find": "only reads",
    "contacts.services.rules.sweep": "deletes what nobody reads any more",
    "contacts.services.samples.foresee": "only tells",
    "contacts.services.samples.guess": "only tells",
    "contacts.services.samples.look": "only reads",
    "contacts.services.sync.foresee": "only tells",
    "contacts.services.splits.look_at_split": "only tells",
    "contacts.services.search_index.catch_up": "follows what others wrote",
    "contacts.services.search_index.catch_up_all": "follows what others wrote",
    "contacts.services.search_index.forget": "called by services, which know the actor",
    "contacts.services.search_index.rebuild": "what is derived is made anew, and nobody sees a difference",
    "contacts.services.sync.write": "the actor is a key: it comes in `origin`",
    "integrations.services.licenses.quote": "only tells",
    "integrations.services.usage.flush": "writes what was noted, on nobody's behalf",
    "integrations.services.usage.forget": "empties the memory of a process",
    "integrations.services.usage.record_call": "the actor is a key",
    "integrations.services.usage.record_contacts": "the actor is a key",
}
POSITIONAL = {
    "accounts.services.billing.next_period_starts_on": "one day, one answer",
}

SECRETS = re.compile(r"SECRET|PASSWORD|TOKEN|PEPPER|PRIVATE|CREDENTIAL|API_KEY", re.IGNORECASE)
OTHER_HOST = re.compile(r"""https?://(?!www\.w3\.org/)[\w.-]+|(?:src|href|url\()\s*=?\s*["']?//""")
INLINE = re.compile(
    r"<style\b|<script(?![^>]*\bsrc=)[^>]*>|\sstyle\s*=|\son[a-z]+\s*=\s*[\"']|javascript:", re.IGNORECASE
)


def round_the_door(module: Module) -> bool:
    return bool(ALL_ROWS.search(module.text))


def too_long(file: str, text: str) -> list[str]:
    """A file that is, and functions that are, longer than they may be."""
    found = [file] if len(text.splitlines()) > LONG_FILE else []
    return found + [
        f"{file}: {function.name}"
        for function in functions(ast.parse(text))
        if (function.end_lineno or 0) - function.lineno + 1 > LONG_FUNCTION
    ]


def service_functions(module: Module) -> list[ast.FunctionDef]:
    return [node for node in module.tree.body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]


def lacks_actor(function: ast.FunctionDef) -> bool:
    names = [argument.arg for argument in function.args.kwonlyargs]
    return names[-1:] != ["by"]


def takes_positional(function: ast.FunctionDef) -> bool:
    return bool(function.args.args or function.args.posonlyargs or function.args.vararg)


def literal_secrets(text: str) -> list[str]:
    """Settings named like a secret that are set to a text in the source."""
    found = []
    for node in ast.walk(ast.parse(text)):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
        named = [target.id for target in targets if isinstance(target, ast.Name) and SECRETS.search(target.id)]
        if named and isinstance(value, ast.Constant) and value.value:
            found += named
    return found


def pages() -> list[Path]:
    """Our own templates, stylesheets and scripts."""
    static = [path for app in ("accounts", "contacts", "integrations") for path in (ROOT / app / "static").rglob("*.*")]
    return [*(ROOT / "templates").rglob("*.*"), *(path for path in static if path.suffix in {".css", ".js", ".svg"})]


def tracked() -> list[Path]:
    answer = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [ROOT / name for name in answer.stdout.decode().split("\0") if name]


def test_only_a_few_files_go_round_the_door() -> None:
    settle((module.file for module in modules() if round_the_door(module)), ROUND_THE_DOOR)


def test_functions_and_files_stay_short() -> None:
    sources = [*((module.file, module.text) for module in modules())]
    sources += [(str(path.relative_to(ROOT)), path.read_text()) for path in (ROOT / "tests").rglob("*.py")]
    settle((name for file, text in sources for name in too_long(file, text)), LONG)


SERVICES = [module for module in modules() if ".services." in module.name]
# Not services but their inner parts, in the same folder
INNER = {
    "contacts.services.by_hand": "what the services of people's decisions share",
    "contacts.services.merged_items": "what a merge does to review items",
    "contacts.services.saving": "what the engine writes",
    "contacts.services.sources": "what imports and their previews read",
    "contacts.services.store": "what the engine reads",
    "integrations.services.demo": "makes the demo's data through the services",
    "integrations.services.demo_usage": "makes the demo's data through the services",
}


def test_services_take_keywords_and_the_actor_last() -> None:
    settle({module.name for module in SERVICES} & INNER.keys(), INNER)
    public = [
        (module, function) for module in SERVICES if module.name not in INNER for function in service_functions(module)
    ]
    settle((f"{module.name}.{function.name}" for module, function in public if lacks_actor(function)), WITHOUT_ACTOR)
    settle((f"{module.name}.{function.name}" for module, function in public if takes_positional(function)), POSITIONAL)


def test_no_secret_stands_in_the_settings() -> None:
    assert literal_secrets((ROOT / "config/settings.py").read_text()) == []


def test_no_key_of_ours_and_no_private_key_stands_in_a_file() -> None:
    pattern = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY|SECRET_KEY\s*=\s*[\"'][^\"']{20}")
    assert [str(path) for path in tracked() if path.is_file() and pattern.search(path.read_bytes())] == []


def test_pages_ask_no_other_host() -> None:
    assert [str(path) for path in pages() if OTHER_HOST.search(path.read_text())] == []


def test_pages_have_no_inline_script_or_style() -> None:
    assert [str(path) for path in pages() if path.suffix == ".html" and INLINE.search(path.read_text())] == []


@pytest.mark.parametrize(
    "text", ["Contact.all_accounts.all()", "Contact._base_manager.count()", "connection.cursor()", "rows.raw('')"]
)
def test_a_planted_way_round_the_door_is_found(text: str) -> None:
    assert round_the_door(Module("contacts.x", Path("planted.py"), text))


def test_planted_lengths_are_found() -> None:
    assert too_long("x.py", "def f():\n" + "    pass\n" * 60) == ["x.py: f"]
    assert too_long("x.py", "def f():\n" + "    pass\n" * 59) == []
    assert too_long("x.py", "x = 1\n" * 401) == ["x.py"]


@pytest.mark.parametrize(
    ("text", "actor", "positional"),
    [
        ("def f(*, a, by): pass", False, False),
        ("def f(*, by, a): pass", True, False),
        ("def f(*, a): pass", True, False),
        ("def f(a, *, by): pass", False, True),
    ],
)
def test_planted_services_are_found(text: str, *, actor: bool, positional: bool) -> None:
    [function] = service_functions(Module("x", Path("planted.py"), text))
    assert (lacks_actor(function), takes_positional(function)) == (actor, positional)


def test_planted_secrets_are_found() -> None:
    assert literal_secrets('SECRET_KEY = "x"\nA_TOKEN: str = "y"\nPASSWORD_HASHERS = ["z"]\nPEPPERS = ""') == [
        *("SECRET_KEY", "A_TOKEN")
    ]


@pytest.mark.parametrize("text", ['<script src="https://cdn.example/x.js">', '<link href="//cdn.example/x.css">'])
def test_a_planted_host_is_found(text: str) -> None:
    assert OTHER_HOST.search(text)


@pytest.mark.parametrize(
    "text", ["<style>", "<script>alert(1)</script>", '<p style="color:red">', '<a onclick="x()">', "javascript:void"]
)
def test_planted_inline_code_is_found(text: str) -> None:
    assert INLINE.search(text)
    assert not INLINE.search('<script src="{% static "x.js" %}" defer></script><p class="style">on = "x"')
