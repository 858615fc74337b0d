"""The admin of who may connect. Each file registers its pages; here stands what it shows on the first one."""

from accounts.admin_site import Figure, Panel, site
from integrations import queries, queries_usage
from integrations.admin import authentications, catalogue, id_fields, licenses, requests

__all__ = ["authentications", "catalogue", "id_fields", "licenses", "requests"]

site.figures += [
    Figure("Active licenses", queries.active_licenses_of, "admin:integrations_license_changelist", "state=active"),
    Figure("Last API use", queries.last_use_of, "admin:integrations_authentication_changelist"),
    Figure(
        "Keys that fail",
        queries_usage.failing_keys_of,
        "admin:integrations_authentication_changelist",
        "use=failing",
        total=True,
    ),
    Figure(
        "Open requests",
        queries.open_requests_of,
        "admin:integrations_request_changelist",
        "status__exact=open",
        total=True,
    ),
]
site.panels += [
    Panel("admin/integrations/requests_panel.html", queries.requests_to_decide),
    Panel("admin/integrations/failing_panel.html", queries_usage.keys_that_fail),
]
