"""What the README tells people to type works."""

import json
import re
import subprocess
import sys

import pytest
from django.core.management import get_commands, load_command_class
from django.test import Client
from django.urls import resolve

from tests.config.environment import ROOT
from tests.factories import AccountFactory, authentication_for

README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"^(?: {4}|       )(\S.*)$", README, re.MULTILINE))


def test_the_dev_commands_exist() -> None:
    told = set(re.findall(r"\./dev (\w+)", README))
    assert {"demo", "test"} <= told
    known = subprocess.run([sys.executable, "dev"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert told == set(re.findall(r"^  (\w+) ", known, re.MULTILINE))


def test_the_manage_commands_exist_and_take_their_options() -> None:
    told = re.findall(r"manage\.py (\w+)(.*)$", BLOCKS, re.MULTILINE)
    assert {"migrate", "createcachetable", "collectstatic"} <= {name for name, _ in told}
    for name, arguments in told:
        command = load_command_class(get_commands()[name], name)
        command.create_parser("manage.py", name).parse_args(arguments.split())


def test_the_server_takes_its_options_and_the_application_is_there() -> None:
    line = re.search(r"^\.venv/bin/granian (.*) (\S+):(\S+)$", BLOCKS, re.MULTILINE)
    assert line is not None
    known = subprocess.run(
        [sys.executable, "-m", "granian", "--help"], capture_output=True, text=True, check=True
    ).stdout
    options = re.findall(r"--[a-z-]+", line[1] + " --ssl-certificate --ssl-keyfile")
    assert len(options) > 6
    assert all(re.search(rf"{option}\b", known) for option in options)
    assert (line[2], line[3]) == ("config.wsgi", "application")
    assert (ROOT / "config/wsgi.py").exists()


@pytest.mark.django_db
def test_the_first_contact_arrives_and_arrives_once(client: Client) -> None:
    call = re.search(r"curl http://127\.0\.0\.1:8000(\S+).*?-d '(.+?)'", README, re.DOTALL)
    assert call is not None
    issued = authentication_for(AccountFactory.create())
    headers = {"authorization": f"Token {issued.authentication.key}:{issued.secret}"}
    answers = [
        client.post(call[1], json.loads(call[2]), content_type="application/json", headers=headers) for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 200]
    assert [answer.json()["outcome"] for answer in answers] == ["created", "unchanged"]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/api/v1/docs", "/admin/", "/"])
def test_the_addresses_lead_somewhere(path: str) -> None:
    assert f"`{path}`" in README
    assert resolve(path).func is not None


def test_the_folders_are_there() -> None:
    folders = re.findall(r"^ {4}(\w+)/ ", README, re.MULTILINE)
    assert len(folders) == 6
    assert all((ROOT / folder).is_dir() for folder in folders)
