"""The admin of who may connect. Each file registers its pages; here stands what it shows on the first one."""

from accounts.admin_site import Figure, Panel, site
from integrations import queries
from integrations.admin import authentications, catalogue, id_fields, licenses, requests

__all__ = ["authentications", "catalogue", "id_fields", "licenses", "requests"]

site.figures += [
    Figure("Active licenses", queries.active_licenses_of, "admin:integrations_license_changelist", "state=active"),
    Figure("Last API use", queries.last_use_of, "admin:integrations_authentication_changelist"),
    Figure(
        "Open requests",
        queries.open_requests_of,
        "admin:integrations_request_changelist",
        "status__exact=open",
        total=True,
    ),
]
site.panels.append(Panel("admin/integrations/requests_panel.html", queries.requests_to_decide))
