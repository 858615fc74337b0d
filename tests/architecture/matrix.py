"""The expected answers of the behaviour matrix (test_matrix.py): every route, and whom it knows."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class People(NamedTuple):
    """Expected status per person: nobody is signed in, `stray` is staff of no partner."""

    nobody: int
    outsider: int
    viewer: int
    owner: int
    stray: int
    other_agent: int
    agent: int
    operator: int


class Keys(NamedTuple):
    """Expected status per key: none, another account's, the account's read-only one, the account's."""

    nobody: int
    foreign: int
    read_only: int
    own: int


# 302 is always a redirect to where one signs in, except where the table says so
EVERYBODY = People(200, 200, 200, 200, 200, 200, 200, 200)
STAFF = People(302, 302, 302, 302, 200, 200, 200, 200)
OF_PARTNERS = People(302, 302, 302, 302, 403, 200, 200, 200)
ROW = People(302, 302, 302, 302, 403, 404, 200, 200)
OPERATORS = People(302, 302, 302, 302, 403, 403, 403, 200)
NOT_OFFERED = People(302, 302, 302, 302, 403, 403, 403, 403)
TO_THE_ROW = People(302, 302, 302, 302, 302, 302, 302, 302)
NOWHERE = People(302, 302, 302, 302, 404, 404, 404, 404)
SCOPED: tuple[str, ...] = (
    "accounts_account",
    "accounts_auditevent",
    "contacts_contact",
    "contacts_contactfield",
    "contacts_idfield",
    "contacts_previewpair",
    "contacts_reviewitem",
    "contacts_ruleset",
)
SCOPED += ("integrations_license", "integrations_authentication", "integrations_request")
OPERATORS_ONLY: tuple[str, ...] = ("accounts_user", "accounts_partner", "usersessions_usersession", "mfa_authenticator")
OPERATORS_ONLY += ("integrations_integration",)
MAY_ADD = {
    "accounts_account",
    "contacts_contactfield",
    "contacts_idfield",
    "accounts_user",
    "accounts_partner",
    "integrations_integration",
}


def admin_pages(names: Iterable[str], listed: People, row: People) -> dict[str, People]:
    """The routes that Django's admin makes for each of the models."""
    return {
        key: cells
        for name in names
        for key, cells in {
            f"admin:{name}_changelist": listed,
            f"admin:{name}_add": listed if name in MAY_ADD else NOT_OFFERED,
            f"admin:{name}_change": row,
            f"admin:{name}_history": row,
            f"admin:{name}_delete": NOT_OFFERED,
            f"admin/{name.replace('_', '/')}/<path:object_id>/": TO_THE_ROW,
        }.items()
    }


PAGES: Mapping[str, People] = {
    "healthz": EVERYBODY,
    "readyz": EVERYBODY,
    "auth/email/": People(404, 404, 404, 404, 404, 404, 404, 404),
    "api-docs": EVERYBODY,
    "api-schema": EVERYBODY,
    "export-file": People(404, 404, 404, 404, 404, 404, 404, 404),  # without a token; with one see test_exports
    "invitation": People(404, 404, 404, 404, 404, 404, 404, 404),  # without a token; with one see test_invitations
    "home": People(302, 302, 302, 302, 302, 302, 302, 302),  # on to the own account, or to the admin
    "admin:index": STAFF,
    "admin:login": People(302, 403, 403, 403, 302, 302, 302, 302),
    "admin:logout": TO_THE_ROW,
    "admin:jsi18n": STAFF,
    "admin:autocomplete": NOT_OFFERED,  # without saying for what; with it see test_admin
    "admin:app_list": People(302, 302, 302, 302, 404, 200, 200, 200),
    "admin/(?P<url>.*)$": NOWHERE,
    **admin_pages(SCOPED, OF_PARTNERS, ROW),
    **admin_pages(OPERATORS_ONLY, OPERATORS, OPERATORS),
    "admin:accounts_auditevent_download": OF_PARTNERS._replace(other_agent=302, agent=302, operator=302),  # of none
    "admin:accounts_account_suspend": ROW,
    "admin:accounts_account_resume": ROW._replace(agent=302, operator=302),  # it is not suspended
    "admin:contacts_contactfield_relabel": ROW,
    "admin:contacts_contactfield_choices": ROW._replace(agent=302, operator=302),  # it is a text
    "admin:contacts_contactfield_retire": ROW,
    "admin:contacts_idfield_retire": ROW._replace(agent=302, operator=302),  # it has a live authentication
    "admin:contacts_ruleset_draft": ROW,
    "admin:contacts_ruleset_pairs": ROW,
    "admin:contacts_ruleset_review": ROW,
    **dict.fromkeys(
        ("admin:contacts_ruleset_publish", "admin:contacts_ruleset_preview", "admin:contacts_ruleset_discard"),
        ROW._replace(agent=302, operator=302),  # it is current
    ),
    "admin:integrations_license_cancel": ROW,
    "admin:integrations_license_keep": ROW._replace(agent=302, operator=302),  # it is not cancelled
    "admin:integrations_authentication_revoke": ROW,
    "admin:integrations_request_decide": ROW,
    "admin:integrations_request_message": ROW,
    "admin:accounts_user_password": OPERATORS,
    "admin:accounts_user_end-sessions": OPERATORS,
    "admin:accounts_user_remove-second-factors": OPERATORS,
}

VALUES = '{"values": {"firstName": "Jan"}}'
BODIES: Mapping[str, str] = {
    "api-contacts": '{"external_id": "1", "values": {"firstName": "Jan"}}',
    "api-batch": '{"mode": "merge", "records": [{"external_id": "1", "values": {"firstName": "Jan"}}]}',
    "api-imports": "external_id\n1\n",
    "api-contact": VALUES,
    "api-contact-by-parameter": VALUES,
}
CALLS: Mapping[tuple[str, str], Keys] = {
    ("api-me", "GET"): Keys(401, 200, 200, 200),
    ("api-fields", "GET"): Keys(401, 200, 200, 200),
    ("api-changes", "GET"): Keys(401, 200, 200, 200),
    ("api-exports", "POST"): Keys(401, 202, 403, 202),
    ("api-export", "GET"): Keys(401, 404, 200, 200),
    ("api-imports", "POST"): Keys(401, 202, 403, 202),
    ("api-import", "GET"): Keys(401, 404, 404, 200),
    ("api-import-errors", "GET"): Keys(401, 404, 404, 200),
    ("api-import-pause", "POST"): Keys(401, 404, 403, 200),
    ("api-import-resume", "POST"): Keys(401, 404, 403, 409),  # it is not paused
    ("api-import-cancel", "POST"): Keys(401, 404, 403, 200),
    ("api-contacts", "GET"): Keys(401, 200, 200, 200),
    ("api-contacts", "POST"): Keys(401, 200, 403, 200),
    ("api-batch", "POST"): Keys(401, 200, 403, 200),
    ("api-contact", "GET"): Keys(401, 404, 404, 200),
    ("api-contact", "PUT"): Keys(401, 201, 403, 200),
    ("api-contact", "PATCH"): Keys(401, 404, 403, 200),
    ("api-contact", "DELETE"): Keys(401, 404, 403, 204),
    ("api-contact-by-parameter", "GET"): Keys(401, 404, 404, 200),
    ("api-contact-by-parameter", "PUT"): Keys(401, 201, 403, 200),
    ("api-contact-by-parameter", "PATCH"): Keys(401, 404, 403, 200),
    ("api-contact-by-parameter", "DELETE"): Keys(401, 404, 403, 204),
    ("api-nothing-here", "GET"): Keys(401, 404, 404, 404),
    ("api", "GET"): Keys(401, 404, 404, 404),
}

# Settings pages: to be signed in, to be a member, then to have the capability
SEEN = People(302, 404, 200, 200, 404, 404, 404, 404)
MANAGED = People(302, 404, 403, 200, 404, 404, 404, 404)
SETTINGS: Mapping[tuple[str, str], People] = {
    ("activity", "GET"): SEEN,
    ("activity-download", "GET"): SEEN,
    ("contacts-imports", "GET"): SEEN,
    ("contacts-import-new", "GET"): MANAGED,
    ("contacts-import-new", "POST"): MANAGED._replace(owner=422),  # sends no file
    ("contacts-import", "GET"): SEEN,
    ("contacts-import-map", "GET"): MANAGED._replace(owner=302),  # it is under way
    ("contacts-import-map", "POST"): MANAGED._replace(owner=302),
    ("contacts-import-pause", "POST"): MANAGED._replace(owner=302),
    ("contacts-import-resume", "POST"): MANAGED._replace(owner=302),
    ("contacts-import-cancel", "GET"): MANAGED,
    ("contacts-import-cancel", "POST"): MANAGED._replace(owner=302),
    ("contacts-import-rejected", "GET"): SEEN,
    ("integrations-collision-check", "GET"): MANAGED,
    ("integrations-collision-check", "POST"): MANAGED._replace(owner=422),  # sends no sample
    ("contacts-review", "GET"): SEEN,
    ("contacts-review-item", "GET"): SEEN,
    ("contacts-review-item", "POST"): MANAGED._replace(owner=422),  # decides nothing
    ("contacts-contact", "GET"): SEEN,
    ("contacts-contact-edit", "GET"): MANAGED,
    ("contacts-contact-edit", "POST"): MANAGED._replace(owner=422),  # has not seen the contact
    ("contacts-contact-undo", "GET"): MANAGED._replace(owner=409),  # it was never merged
    ("contacts-contact-undo", "POST"): MANAGED._replace(owner=409),
    ("contacts-contact-split", "GET"): MANAGED,
    ("contacts-contact-split", "POST"): MANAGED._replace(owner=422),  # names no id
    ("contacts-contact-export", "GET"): MANAGED,
    ("contacts-contact-export", "POST"): MANAGED,
    ("contacts-contact-erase", "GET"): MANAGED,
    ("contacts-contact-erase", "POST"): MANAGED._replace(owner=422),  # does not type the name
    ("contacts-erasures", "GET"): MANAGED,
    ("contacts-erasures", "POST"): MANAGED._replace(owner=422),  # names no id
    ("contacts", "GET"): SEEN,
    ("contacts-exports", "GET"): MANAGED,
    ("contacts-exports", "POST"): MANAGED._replace(owner=422),  # chooses no format
    ("contacts-export-file", "GET"): MANAGED._replace(owner=302),  # it has no file yet
    ("integrations-overview", "GET"): SEEN,
    ("integrations-configurations", "GET"): SEEN,
    ("integrations-activate", "GET"): MANAGED._replace(owner=409),  # it is active
    ("integrations-activate", "POST"): MANAGED._replace(owner=302),
    ("integrations-deactivate", "GET"): MANAGED,
    ("integrations-deactivate", "POST"): MANAGED._replace(owner=422),  # says no reason
    ("integrations-requests", "GET"): SEEN,
    ("integrations-request-new", "GET"): MANAGED,
    ("integrations-request-new", "POST"): MANAGED._replace(owner=422),  # asks for nothing
    ("integrations-request", "GET"): SEEN,
    ("integrations-request", "POST"): MANAGED._replace(owner=422),  # writes nothing
    ("integrations-request-withdraw", "GET"): MANAGED,
    ("integrations-request-withdraw", "POST"): MANAGED._replace(owner=302),
    ("integrations-authentication", "GET"): SEEN,
    **{
        (f"integrations-authentication-{what}", method): MANAGED._replace(owner=302)  # to confirm who it is
        for what in ("new", "change", "rotate", "revoke")
        for method in ("GET", "POST")
    },
    ("integrations-authentication-end-grace", "GET"): MANAGED,
    ("integrations-authentication-end-grace", "POST"): MANAGED._replace(owner=302),
}
