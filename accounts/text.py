"""What text may be in a name or label: one line of it."""

import unicodedata

UNWRITABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Unicode categories of control characters, halves of surrogate pairs, and line breaks."""
ON_ONE_LINE = "Write it on one line, without control characters."


def is_writable(text: str) -> bool:
    """On one line, and without what a database can't store or a mail can't have in its subject."""
    return not any(unicodedata.category(character) in UNWRITABLE for character in text)


NO_EMAIL = "Write an e-mail address, such as jan@example.com."
"""What people read wherever they wrote something else."""
