"""Where each face begins; the routes themselves stand in the apps."""

from django.urls import URLPattern, URLResolver, include, path

from accounts import views
from accounts.admin_site import site as admin_site
from config import health
from contacts.views.exports import ExportFileView
from integrations.api.views import NothingHereView

urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("", include("accounts.urls")),
    path("settings/<int:account_number>/", include("accounts.settings_urls")),
    path("settings/<int:account_number>/contacts/", include("contacts.urls")),
    path("settings/<int:account_number>/integrations/", include("integrations.urls")),
    path("exports/<str:token>", ExportFileView.as_view(), name="export-file"),
    path("auth/email/", views.not_offered),
    path("auth/", include("allauth.urls")),
    path("admin/", admin_site.urls),
    path("api/v1", NothingHereView.as_view(), name="api"),
    path("api/v1/", include("integrations.api.urls")),
]
