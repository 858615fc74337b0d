"""Concord's settings, and what the peers of P1 need beside them."""

from config.settings import *  # noqa: F403 - all of them

INSTALLED_APPS = [*INSTALLED_APPS, "rest_framework.authtoken"]  # noqa: F405
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
