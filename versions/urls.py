"""Addresses of versions: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern

pages: list[URLPattern] = []
api: list[URLPattern] = []
