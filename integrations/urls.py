"""Addresses of the settings pages about integrations, below /settings/<account number>/integrations/."""

from django.urls import path

from integrations import views

urlpatterns = [
    path("", views.OverviewView.as_view(), name="integrations-overview"),
    path("activate/<slug:code>/", views.ActivateView.as_view(), name="integrations-activate"),
    path("licenses/<uuid:pk>/deactivate/", views.DeactivateView.as_view(), name="integrations-deactivate"),
    path("configurations/", views.ConfigurationsView.as_view(), name="integrations-configurations"),
    path("configurations/new/", views.NewAuthenticationView.as_view(), name="integrations-authentication-new"),
    path("configurations/<uuid:pk>/revoke/", views.RevokeView.as_view(), name="integrations-authentication-revoke"),
]
