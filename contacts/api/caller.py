"""Who calls the API: what one query told about an authentication."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Caller:
    """An authentication that was let in, with its account and id field. Holds nothing secret."""

    authentication_id: UUID
    key: str
    integration: str
    account_id: int
    account_number: int
    account_name: str
    id_field_id: int
    id_field: str
    source_system: str
    read_only: bool
    name: str
    expires_at: datetime | None
    allowed_networks: Sequence[str]
