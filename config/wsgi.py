"""The WSGI application."""

import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from accounts.wsgi import prepared

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    application = prepared(get_wsgi_application())
except ImproperlyConfigured as error:
    raise SystemExit(f"Concord can't start. {error}") from None  # for the operator: a traceback would bury it
