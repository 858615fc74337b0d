"""The WSGI application."""

import gc
import os

from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application

from accounts.wsgi import prepared


def spare_the_collector() -> None:
    """Leaves what is loaded out of the garbage collector's work, and lets it come less often.

    A chunk of records makes tens of thousands of objects and hardly a cycle: looking through them again and again took
    a sixth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
try:
    application = prepared(get_wsgi_application())
    spare_the_collector()
except ImproperlyConfigured as error:
    raise SystemExit(f"Concord can't start. {error}") from None  # for the operator: a traceback would bury it
