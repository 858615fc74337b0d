"""Who does something: handed to every service as `by=`, copied into audit events and `_by` columns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """A person, an authentication or the system itself, with the address and request it came by.

    `label` is what people read (an e-mail address, "system"); `user_id` is set for people only.
    """

    label: str
    user_id: int | None = None
    address: str | None = None
    request_id: str = ""


SYSTEM = Actor(label="system")
