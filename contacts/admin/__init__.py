"""The admin of the contact base. Each file registers its pages; here stands what it shows on the first one."""

from collections.abc import Mapping

from django.db.models import Count, QuerySet

from accounts.admin_site import Figure, site
from accounts.models import Account
from contacts.admin import accounts, contacts, fields, id_fields, pairs, rules
from contacts.models import ReviewItem

__all__ = ["accounts", "contacts", "fields", "id_fields", "pairs", "rules"]


def open_review_items(accounts: QuerySet[Account]) -> Mapping[int, int]:
    """Review items that wait for a person, per account."""
    waiting = ReviewItem.all_accounts.filter(state=ReviewItem.State.OPEN)
    rows = waiting.filter(account_id__in=accounts.values("pk")).order_by()
    return dict(rows.values_list("account_id").annotate(Count("pk")))


site.figures.append(
    Figure("Possible duplicates", open_review_items, "admin:contacts_reviewitem_changelist", total=True)
)
