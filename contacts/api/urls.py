"""Addresses of the calls on contacts, below /api/v1/."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from contacts.api import exports, imports, views


class ExternalIdConverter(StringConverter):
    """Any characters at all, slashes and line breaks too: nothing lies below a contact."""

    regex = r"[\s\S]+"


register_converter(ExternalIdConverter, "external_id")

urlpatterns = [
    path("fields", views.FieldsView.as_view(), name="api-fields"),
    path("changes", views.ChangesView.as_view(), name="api-changes"),
    path("exports", exports.ExportsView.as_view(), name="api-exports"),
    path("exports/<uuid:export_id>", exports.ExportView.as_view(), name="api-export"),
    path("imports", imports.ImportsView.as_view(), name="api-imports"),
    path("imports/<uuid:import_id>", imports.ImportView.as_view(), name="api-import"),
    path("imports/<uuid:import_id>/errors", imports.ImportErrorsView.as_view(), name="api-import-errors"),
    path("imports/<uuid:import_id>/pause", imports.PauseImportView.as_view(), name="api-import-pause"),
    path("imports/<uuid:import_id>/resume", imports.ResumeImportView.as_view(), name="api-import-resume"),
    path("imports/<uuid:import_id>/cancel", imports.CancelImportView.as_view(), name="api-import-cancel"),
    path("contacts", views.ContactsView.as_view(), name="api-contacts"),
    path("contacts/<external_id:external_id>", views.ContactView.as_view(), name="api-contact"),
    path("contact", views.ContactByParameterView.as_view(), name="api-contact-by-parameter"),
    path("batch", views.BatchView.as_view(), name="api-batch"),
]
