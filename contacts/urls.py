"""Addresses of the settings pages about contacts, below /settings/<account number>/contacts/."""

from django.urls import URLPattern, path

from contacts.views import imports

urlpatterns: list[URLPattern] = [
    path("imports/", imports.ImportsView.as_view(), name="contacts-imports"),
    path("imports/new/", imports.NewImportView.as_view(), name="contacts-import-new"),
    path("imports/<uuid:pk>/", imports.ImportView.as_view(), name="contacts-import"),
    path("imports/<uuid:pk>/map/", imports.MapView.as_view(), name="contacts-import-map"),
    path("imports/<uuid:pk>/pause/", imports.PauseView.as_view(), name="contacts-import-pause"),
    path("imports/<uuid:pk>/resume/", imports.ResumeView.as_view(), name="contacts-import-resume"),
    path("imports/<uuid:pk>/cancel/", imports.CancelView.as_view(), name="contacts-import-cancel"),
    path("imports/<uuid:pk>/rejected.csv", imports.RejectedView.as_view(), name="contacts-import-rejected"),
]
