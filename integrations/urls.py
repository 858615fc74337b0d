"""Addresses of the settings pages about integrations, below /settings/<account number>/integrations/."""

from django.urls import path

from integrations import views, views_collisions

urlpatterns = [
    path("", views.OverviewView.as_view(), name="integrations-overview"),
    path("activate/<slug:code>/", views.ActivateView.as_view(), name="integrations-activate"),
    path("licenses/<uuid:pk>/deactivate/", views.DeactivateView.as_view(), name="integrations-deactivate"),
    path("requests/", views.RequestsView.as_view(), name="integrations-requests"),
    path("requests/new/", views.AskView.as_view(), name="integrations-request-new"),
    path("requests/<uuid:pk>/", views.RequestView.as_view(), name="integrations-request"),
    path("requests/<uuid:pk>/withdraw/", views.WithdrawView.as_view(), name="integrations-request-withdraw"),
    path("configurations/", views.ConfigurationsView.as_view(), name="integrations-configurations"),
    path("configurations/new/", views.NewAuthenticationView.as_view(), name="integrations-authentication-new"),
    path("configurations/<uuid:pk>/", views.AuthenticationView.as_view(), name="integrations-authentication"),
    path("collisions/", views_collisions.CollisionCheckView.as_view(), name="integrations-collision-check"),
    path("configurations/<uuid:pk>/revoke/", views.RevokeView.as_view(), name="integrations-authentication-revoke"),
]
