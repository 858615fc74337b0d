"""Addresses that belong to no account."""

from django.urls import path

from accounts import views

urlpatterns = [
    path("", views.home, name="home"),
    path("invitations/<str:token>/", views.InvitationView.as_view(), name="invitation"),
]
