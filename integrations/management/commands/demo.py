"""`manage.py demo`: Concord with example data, on this machine only."""

import os
import socket
import subprocess
import sys
from itertools import groupby
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from integrations.services import demo

LOOPBACK = ("127.0.0.1", "localhost", "::1")
THREADS = 4


class Command(BaseCommand):
    """Prepares the database, writes the example data once, prints the sign-ins, and becomes the server, with a worker
    beside it."""

    help = "Runs Concord on this machine with example data. Running it again keeps what you did."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="8000 unless given")
        parser.add_argument("--host", choices=LOOPBACK, default=LOOPBACK[0], help="a loopback address")

    def handle(self, *args: Any, host: str, port: int, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo's data have no place in production. Unset PRODUCTION to run it here.")
        _require_free(host, port)
        self.stdout.write("Preparing the database ...")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        demo.seed()
        self._print_sign_ins(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        connections.close_all()
        _serve(host, port)

    def _print_sign_ins(self, address: str) -> None:
        for face, sign_ins in groupby(demo.sign_ins(), key=lambda sign_in: sign_in.person.face):
            self.stdout.write(f"\n{address}{face}")
            for sign_in in sign_ins:
                password = sign_in.password or "changed by you"
                self.stdout.write(f"  {sign_in.person.email:28}  {password:17}  {sign_in.person.does}")
        self.stdout.write("\nServing now. Ctrl-C stops it.")
        self.stdout.flush()


def _require_free(host: str, port: int) -> None:
    """Raises CommandError when nothing can listen there: two servers would otherwise share one port unnoticed."""
    if not 1 <= port <= 65535:
        raise CommandError("--port: choose a number from 1 to 65535.")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise CommandError(
                f"Port {port} of {host} can't be used ({error.strerror}). "
                f"Choose another one, such as --port {port + 1 if port < 65535 else 8000}."
            ) from error


def _serve(host: str, port: int) -> None:
    """Starts a worker, and becomes the server, so that it gets the signals of this process and gives its exit code."""
    worker = [sys.executable, "manage.py", "worker", "--with-parent"]
    subprocess.Popen(worker, cwd=settings.BASE_DIR)  # noqa: S603 - our own command
    server = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws", "--log-level", "warning"]
    server += ["--host", host, "--port", str(port), "--blocking-threads", str(THREADS)]
    server += ["--working-dir", str(settings.BASE_DIR), "config.wsgi:application"]
    os.execv(sys.executable, server)  # noqa: S606 - no shell is just what is wanted
