"""Addresses of the settings pages about contacts, below /settings/<account number>/contacts/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
