"""Files of others that we serve."""

import base64
import hashlib
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

# What the makers of Bootstrap 5.3.8 publish for their own copies
PUBLISHED = {
    "css/bootstrap.min.css": "sRIl4kxILFvY47J16cr9ZwB07vP4J8+LH7qKQnuqkuIAvNWLzeN8tE5YBujZqJLB",
    "js/bootstrap.bundle.min.js": "FKyoEForCGlyvwx9Hj09JcYn3nv7wiPVlz7YYwJrWVcXK/BmnVDxM+D2scQbITxI",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_bootstrap_is_the_original(name: str) -> None:
    """A repackager's copy could hold anything, and is served from our own origin."""
    path = finders.find(name)
    assert path is not None
    digest = hashlib.sha384(Path(path).read_bytes()).digest()
    assert base64.b64encode(digest).decode() == PUBLISHED[name]
