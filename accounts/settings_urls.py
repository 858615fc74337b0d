"""Addresses of the settings pages about the account itself, below /settings/<account number>/."""

from django.urls import path

from accounts import views_activity

urlpatterns = [
    path("activity/", views_activity.ActivityView.as_view(), name="activity"),
    path("activity/download/", views_activity.ActivityFileView.as_view(), name="activity-download"),
]
