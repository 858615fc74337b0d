"""Addresses of the settings pages about integrations, below /settings/<account number>/integrations/."""

from django.urls import path

from integrations.views import authentications, collisions, overview, requests

urlpatterns = [
    path("", overview.OverviewView.as_view(), name="integrations-overview"),
    path("activate/<slug:code>/", overview.ActivateView.as_view(), name="integrations-activate"),
    path("licenses/<uuid:pk>/deactivate/", overview.DeactivateView.as_view(), name="integrations-deactivate"),
    path("requests/", requests.RequestsView.as_view(), name="integrations-requests"),
    path("requests/new/", requests.AskView.as_view(), name="integrations-request-new"),
    path("requests/<uuid:pk>/", requests.RequestView.as_view(), name="integrations-request"),
    path("requests/<uuid:pk>/withdraw/", requests.WithdrawView.as_view(), name="integrations-request-withdraw"),
    path("collisions/", collisions.CollisionCheckView.as_view(), name="integrations-collision-check"),
    path("configurations/", authentications.ConfigurationsView.as_view(), name="integrations-configurations"),
    path(
        "configurations/new/", authentications.NewAuthenticationView.as_view(), name="integrations-authentication-new"
    ),
    path("configurations/<uuid:pk>/", authentications.AuthenticationView.as_view(), name="integrations-authentication"),
    path(
        "configurations/<uuid:pk>/change/",
        authentications.ChangeView.as_view(),
        name="integrations-authentication-change",
    ),
    path(
        "configurations/<uuid:pk>/rotate/",
        authentications.RotateView.as_view(),
        name="integrations-authentication-rotate",
    ),
    path(
        "configurations/<uuid:pk>/end-grace/",
        authentications.EndGraceView.as_view(),
        name="integrations-authentication-end-grace",
    ),
    path(
        "configurations/<uuid:pk>/revoke/",
        authentications.RevokeView.as_view(),
        name="integrations-authentication-revoke",
    ),
]
