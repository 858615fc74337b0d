from accounts.models.account import Account, Membership, Role
from accounts.models.audit import AuditEvent
from accounts.models.billing import Charge
from accounts.models.partner import Partner, PartnerStaff
from accounts.models.user import User

__all__ = ["Account", "AuditEvent", "Charge", "Membership", "Partner", "PartnerStaff", "Role", "User"]
