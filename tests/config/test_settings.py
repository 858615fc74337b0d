"""The settings: what they refuse, what they say then, and what they make without being asked."""

import ast
import json
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.config.environment import PRODUCTION, ROOT, SHOW, run

REQUIRED = ("SECRET_KEY", "API_KEY_PEPPERS", "ALLOWED_HOSTS", "DATABASE_URL")


def values(*names: str, environment: dict[str, str]) -> list[Any]:
    """Settings by name, as JSON makes them."""
    done = run("-c", SHOW, *names, environment=environment)
    assert done.returncode == 0, done.stderr
    result: list[Any] = json.loads(done.stdout)
    return result


def refusal(environment: dict[str, str]) -> str:
    """What manage.py says when it can't start with this environment."""
    done = run("manage.py", "check", environment=environment)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return done.stderr


def test_production_passes_the_deployment_check_in_silence() -> None:
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", environment=PRODUCTION)
    assert done.returncode == 0, done.stderr
    assert "no issues (0 silenced)" in done.stdout


@pytest.mark.parametrize("name", REQUIRED)
def test_production_names_what_is_missing_and_what_to_put_there(name: str) -> None:
    said = refusal({key: value for key, value in PRODUCTION.items() if key != name})
    assert re.search(rf"^  {name}: \S+ \S+", said, re.MULTILINE)
    assert not any(f"  {other}:" in said for other in REQUIRED if other != name)


def test_production_names_everything_that_is_missing_at_once() -> None:
    said = refusal({"PRODUCTION": "true", "SECRET_KEY": "  "})
    assert all(f"  {name}: " in said for name in REQUIRED)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PRODUCTION", "ture"),
        ("SECRET_KEY", "short"),
        ("SECRET_KEY", "ab" * 40),
        ("API_KEY_PEPPERS", "p" * 43),
        ("API_KEY_PEPPERS", "1:short"),
        ("API_KEY_PEPPERS", f"0:{'p' * 43}"),
        ("API_KEY_PEPPERS", f"32768:{'p' * 43}"),
        ("API_KEY_PEPPERS", f"²:{'p' * 43}"),
        ("API_KEY_PEPPERS", f"1:{'p' * 43},1:{'q' * 43}"),
        ("API_KEY_PEPPERS", f"1:{'p' * 43},"),
        ("ALLOWED_HOSTS", "*"),
        ("ALLOWED_HOSTS", " , "),
        ("DATABASE_URL", "mysql://u:hidden@localhost/x"),
        ("DATABASE_URL", "nonsense://u:hidden@localhost/x"),
        ("DATABASE_URL", "postgres://u:hid[den@localhost:port/x"),
        ("DATABASE_URL", "just words"),
        ("DATABASE_URL", "sqlite://"),
        ("EMAIL_URL", "nonsense://localhost"),
        ("CACHE_URL", "nonsense://localhost"),
        ("TRUSTED_PROXY_COUNT", "-1"),
        ("TRUSTED_PROXY_COUNT", "one"),
        ("DATABASE_POOL_SIZE", "many"),
    ],
)
def test_a_malformed_value_is_refused_by_name_and_not_repeated(name: str, value: str) -> None:
    said = refusal(PRODUCTION | {name: value})
    assert re.search(rf"{name}|{name.removesuffix('_URL').lower()}", said)
    assert "hidden" not in said
    assert "p" * 43 not in said


def test_the_server_says_it_as_clearly() -> None:
    done = run("-c", "import config.wsgi", environment={"PRODUCTION": "true"})
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "  SECRET_KEY: " in done.stderr


def test_a_dollar_in_a_secret_is_a_character_like_any_other() -> None:
    key = "$" + PRODUCTION["SECRET_KEY"]
    pepper = "1:$" + "p" * 43
    environment = PRODUCTION | {"SECRET_KEY": key, "API_KEY_PEPPERS": pepper}
    assert values("SECRET_KEY", environment=environment) == [key]


def test_production_is_strict_about_transport() -> None:
    names = ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY")
    assert values(*names, "SECURE_SSL_REDIRECT", "STAFF_SECOND_FACTOR_REQUIRED", environment=PRODUCTION) == [True] * 6
    assert values("DEBUG", "SECURE_HSTS_SECONDS", environment=PRODUCTION) == [False, 31_536_000]
    cookies = values("SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", environment=PRODUCTION)
    assert all(cookie.startswith("__Host-") for cookie in cookies)


def test_a_forwarded_scheme_is_believed_only_behind_a_proxy() -> None:
    assert values("SECURE_PROXY_SSL_HEADER", environment=PRODUCTION) == [None]
    behind = PRODUCTION | {"TRUSTED_PROXY_COUNT": "1"}
    assert values("SECURE_PROXY_SSL_HEADER", environment=behind) == [["HTTP_X_FORWARDED_PROTO", "https"]]


def test_hosts_and_database_options_are_read_as_they_are_meant() -> None:
    environment = PRODUCTION | {
        "ALLOWED_HOSTS": "one.example.com, two.example.com",
        "DATABASE_URL": "postgres://u:p%40ss@/concord?host=/run/postgresql&sslmode=require",
    }
    hosts, databases = values("ALLOWED_HOSTS", "DATABASES", environment=environment)
    assert hosts == ["one.example.com", "two.example.com"]
    assert databases["default"]["PASSWORD"] == "p@ss"
    options = databases["default"]["OPTIONS"]
    assert (options["host"], options["sslmode"]) == ("/run/postgresql", "require")
    assert options["pool"]["max_size"] == 8
    assert databases["default"]["CONN_MAX_AGE"] == 0


def test_the_counters_of_rate_limits_are_not_pushed_out_by_others() -> None:
    (caches,) = values("CACHES", environment=PRODUCTION)
    assert caches["default"]["BACKEND"].endswith("DatabaseCache")
    assert caches["default"]["OPTIONS"]["MAX_ENTRIES"] == 10_000


def test_a_local_installation_makes_its_own_secrets_and_keeps_to_itself(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there"
    environment = {"LOCAL_DIR": str(home)}
    names = ("SECRET_KEY", "API_KEY_PEPPERS", "DEBUG", "ALLOWED_HOSTS", "DATABASES")
    first = values(*names, environment=environment)
    assert values(*names, environment=environment) == first
    assert first[2:4] == [False, ["localhost", "127.0.0.1", "[::1]"]]
    assert first[4]["default"]["NAME"] == str(home / "concord.sqlite3")
    assert [path.name for path in home.iterdir()] == ["secrets.env"]
    assert stat.S_IMODE((home / "secrets.env").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_a_local_installation_answers_to_loopback_names_only_whatever_the_environment_says(tmp_path: Path) -> None:
    environment = {"LOCAL_DIR": str(tmp_path), "ALLOWED_HOSTS": "*"}
    assert values("ALLOWED_HOSTS", environment=environment) == [["localhost", "127.0.0.1", "[::1]"]]


def test_processes_that_start_at_once_agree_on_the_secrets(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SHOW, "SECRET_KEY", "API_KEY_PEPPERS", "DEMO_PASSWORD_SEED"]
    options: dict[str, Any] = {"cwd": ROOT, "env": {"LOCAL_DIR": str(tmp_path)}, "stdout": subprocess.PIPE}
    processes = [subprocess.Popen(command, **options) for _ in range(4)]
    answers = {process.communicate(timeout=60)[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert len(answers) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]


def read_by_the_settings() -> set[str]:
    """The variables that config/settings.py reads: the constants that its reading functions are called with."""
    tree = ast.parse((ROOT / "config/settings.py").read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if re.fullmatch(r"env\.\w+", called) or called in {"number", "switch", "words", "os.environ.get"}:
                names.add(str(node.args[0].value))
    return names


def test_the_readme_tells_of_every_variable_and_of_no_other() -> None:
    table = set(re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert len(table) > 10
    assert table == read_by_the_settings()
