"""What the deployment check warns of, and what happens when the mail server is away."""

import logging
import socket

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from integrations.models import License
from tests.factories import AccountFactory, UserFactory, license_for


@pytest.mark.parametrize("backend", ["locmem.LocMemCache", "dummy.DummyCache"])
def test_rate_limits_need_a_cache_that_processes_share(backend: str, settings: Settings) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    with pytest.raises(SystemCheckError, match="CACHE_URL names a cache that processes don't share"):
        call_command("check", deploy=True, fail_level="WARNING")


def test_mails_need_a_sender(settings: Settings) -> None:
    settings.DEFAULT_FROM_EMAIL = "Concord <concord@localhost>"
    with pytest.raises(SystemCheckError, match="Set DEFAULT_FROM_EMAIL"):
        call_command("check", deploy=True, fail_level="WARNING")


@pytest.mark.django_db
def test_what_was_done_stays_done_when_the_mail_server_is_away(
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", closed
    account = AccountFactory.create(owner=UserFactory.create())
    with caplog.at_level(logging.ERROR), django_capture_on_commit_callbacks(execute=True):
        license_for(account)
    assert License.objects.for_account(account).count() == 1
    assert "mail_not_sent" in caplog.text
