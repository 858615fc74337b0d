"""Who may do what in an account: the table of roles, in one place."""

from enum import StrEnum

from accounts.models import Role


class Capability(StrEnum):
    """What a page or an action asks for."""

    SEE = "see"
    BUY_LICENSES = "buy_licenses"
    MANAGE_AUTHENTICATIONS = "manage_authentications"
    ASK_PARTNER = "ask_partner"
    EDIT_CONTACTS = "edit_contacts"
    EXPORT_CONTACTS = "export_contacts"
    ERASE_CONTACTS = "erase_contacts"


GRANTS: dict[Role, frozenset[Capability]] = {
    Role.OWNER: frozenset(Capability),
    Role.ADMIN: frozenset(Capability) - {Capability.ERASE_CONTACTS},
    Role.VIEWER: frozenset({Capability.SEE}),
}


def may(role: str, capability: Capability) -> bool:
    """Whether a role (a value of Role) has a capability."""
    return capability in GRANTS[Role(role)]
