"""What people read of an audit event: words for its code, and what it changed."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
NOTHING = "-"
LABELS = {
    "grace_until": "Old secret refused from",
    "loser": "Merged into it",
    "merge": "Number of the merge",
    "new_contact": "Split off into",
    "survivor": "Contact that stays",
}
"""What members are called whose own name says it in a developer's words."""
CONTACTS = ("loser", "survivor", "new_contact")
"""Members that hold the id of a contact."""


@dataclass(frozen=True, slots=True)
class Change:
    """One member of what an event tells. `before` is empty where the event tells what came new, or only that; `url` is
    the page of what `after` names, if it has one."""

    label: str
    before: str
    after: str
    name: str
    url: str = ""

    def __str__(self) -> str:
        return f"{self.label}: {f'{self.before} → ' if self.before else ''}{self.after}"


def kind(action: str) -> str:
    """What an action is done to: `id_field` of `id_field.retired`."""
    return action.split(".", maxsplit=1)[0]


def words(code: str) -> str:
    """An action, or what it is done to, as people read it: `id_field.retired` is “Id field retired”."""
    said = re.sub(r"[._-]+", " ", code).strip()
    return said[:1].upper() + said[1:]


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None, zone: ZoneInfo) -> Iterator[Change]:
    """What an event changed, or tells, in the order in which it was written. What stayed the same, or was and is empty,
    is left out."""
    old, new = before or {}, after or {}
    for name in [*new, *(name for name in old if name not in new)]:
        was, now = _text(old.get(name), zone), _text(new.get(name), zone)
        if was != now:
            yield Change(LABELS.get(name) or words(name), was if name in old else "", now, name)


def moment(at: datetime, zone: ZoneInfo) -> str:
    """An instant as people of a time zone read it, with the zone's abbreviation."""
    return f"{at.astimezone(zone):%d %b %Y %H:%M %Z}"


def _text(value: Any, zone: ZoneInfo) -> str:
    """A JSON value as people read it, instants in their time zone."""
    if value in (None, "", [], {}):
        return NOTHING
    match value:
        case bool():
            return "Yes" if value else "No"
        case list():
            between = "; " if isinstance(value[0], list) else ", "
            return between.join(_text(each, zone) for each in value)
        case dict():
            return ", ".join(f"{name}: {_text(each, zone)}" for name, each in value.items())
        case str() if INSTANT.match(value):
            with suppress(ValueError, OverflowError):
                return moment(datetime.fromisoformat(value), zone)
    return str(value)
