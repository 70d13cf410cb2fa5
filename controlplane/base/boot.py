"""Sets Django up for programs that Django did not start. They import this before any module with tables."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.settings")
django.setup()
DJANGO_VERSION = django.get_version()
