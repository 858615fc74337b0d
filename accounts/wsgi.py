"""Around Django's WSGI application: what Django loses of a request before any code of ours sees it."""

from collections.abc import Callable, Iterable
from typing import Any

from django.conf import settings

PATH_IS_BROKEN = "concord.path_is_broken"
"""In the environ of a request whose percent-decoded path is not UTF-8. No header can set it."""

PIECE = 65_536
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def prepared(application: Application) -> Application:
    """An application that marks broken paths, reads chunked bodies, and hears callers out.

    Django quotes the bytes of a path that are no UTF-8 once more, and so would make another external id of them. And
    it reads no more of a body than Content-Length says, which a chunked one doesn't: where the server ends the
    stream by itself (`wsgi.input_terminated`), it may read as much as a body may have, and a byte to tell.

    Who is refused while still sending would see a broken connection instead of the answer, so what is left of a body
    of bearable length is read and thrown away.
    """

    def prepare(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        try:
            environ.get("PATH_INFO", "").encode("latin-1").decode()
        except UnicodeDecodeError:
            environ[PATH_IS_BROKEN] = True
        is_terminated = environ.get("wsgi.input_terminated")
        if is_terminated and environ.get("HTTP_TRANSFER_ENCODING"):
            environ["CONTENT_LENGTH"] = str(settings.IMPORT_MAX_BYTES + 1)
        answer = application(environ, start_response)
        if is_terminated and environ.get("CONTENT_LENGTH"):
            _throw_away(environ["wsgi.input"])
        return answer

    return prepare


def _throw_away(stream: Any) -> None:
    left = settings.API_MAX_BODY_BYTES
    while left > 0 and (part := stream.read(PIECE)):
        left -= len(part)
