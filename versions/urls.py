"""Addresses of versions: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern

from controlplane.base.audit.naming import Find

pages: list[URLPattern] = []
objects: dict[str, Find] = {}
api: list[URLPattern] = []
