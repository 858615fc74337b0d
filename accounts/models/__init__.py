from accounts.models.account import Account, Membership, Role
from accounts.models.audit import AuditEvent
from accounts.models.billing import Charge
from accounts.models.invitation import Invitation
from accounts.models.partner import Partner, PartnerStaff
from accounts.models.user import User

__all__ = ["Account", "AuditEvent", "Charge", "Invitation", "Membership", "Partner", "PartnerStaff", "Role", "User"]
