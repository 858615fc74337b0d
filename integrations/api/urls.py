"""All of /api/v1/: the calls, their description, and the answer to any other address."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from integrations.api import views

urlpatterns = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("", include("contacts.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    re_path(r"[\s\S]*", views.NothingHereView.as_view(), name="api-nothing-here"),
]
