"""What an error report may hold."""

import traceback
from typing import Any

from django.views.debug import ExceptionReporter


class TracebackReporter(ExceptionReporter):
    """The traceback, and nothing else: no local variables, headers, parameters, settings or environment.

    Django's own report hides what has a suspicious name, and shows a secret that sits in `value`.
    """

    def get_traceback_text(self) -> Any:
        return "".join(traceback.format_exception(self.exc_type, self.exc_value, self.tb))

    def get_traceback_html(self) -> Any:
        return ""
