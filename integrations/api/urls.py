"""All of /api/v1/: the calls, their description, and the answer to any other address."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from integrations.api import views

docs = SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="integrations/api/docs.html")

urlpatterns = [
    path("me", views.MeView.as_view(), name="api-me"),
    path("", include("contacts.api.urls")),
    path("schema", SpectacularJSONAPIView.as_view(), name="api-schema"),
    path("docs", docs, name="api-docs"),
    re_path(r"[\s\S]*", views.NothingHereView.as_view(), name="api-nothing-here"),
]
