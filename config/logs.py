"""Structured logs: JSON lines in production, readable ones locally. Never a secret, a header, a body or a contact."""

import re
import sys
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from integrations.credentials import SECRET

DETAIL = re.compile(r"^DETAIL:.*$", re.MULTILINE)


def redact(_logger: WrappedLogger, _method: str, line: Any) -> Any:
    """The last step, on the finished line: even a secret that sits in an error's message gets no further."""
    return SECRET.sub("cs_…", line)


def without_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """PostgreSQL's errors quote the row that they are about, and with it a contact."""
    if "exception" in event:
        event["exception"] = DETAIL.sub("DETAIL: …", event["exception"])
    return event


# Tracebacks as plain text: the pretty ones of structlog and rich print local variables, and with them secrets.
_EVERY_EVENT: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
    without_values,
]


def formatter(*, json: bool) -> structlog.stdlib.ProcessorFormatter:
    """Writes a line for each event, ours or the standard library's."""
    renderer: Processor = structlog.processors.JSONRenderer(default=str)
    if not json:
        renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_EVERY_EVENT,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer, redact],
    )


def configure(*, json: bool) -> dict[str, Any]:
    """Sets up structlog, and returns Django's LOGGING, which sends it and the standard library to one place."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_EVERY_EVENT,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": formatter, "json": json}},
        "filters": {"nothing": {"()": "django.utils.log.CallbackFilter", "callback": lambda _record: False}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            # Of each task they say that it began and ended; of jobs we say that ourselves.
            "django_tasks": {"level": "WARNING"},
            "django_tasks_db": {"level": "WARNING"},
            # It writes whole paths, and with them external ids; accounts.middleware logs requests instead.
            "django.request": {"filters": ["nothing"]},
        },
    }
