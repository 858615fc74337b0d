"""Settings are read once in a process: what they make of an environment is tried out in others."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCTION = {
    "PRODUCTION": "true",
    "SECRET_KEY": "".join(map(chr, range(48, 112))),
    "API_KEY_PEPPERS": "1:" + "p" * 43,
    "ALLOWED_HOSTS": "concord.example.com",
    "DATABASE_URL": "postgres://concord:password@localhost/concord",
    "EMAIL_URL": "smtp+tls://concord:password@localhost:587",
    "DEFAULT_FROM_EMAIL": "Concord <concord@example.com>",
}
SHOW = "import json, sys, config.settings as s; print(json.dumps([getattr(s, n) for n in sys.argv[1:]], default=str))"


def run(*command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs Python with these arguments and nothing else of our settings in its environment."""
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "COVERAGE_PROCESS_START") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
