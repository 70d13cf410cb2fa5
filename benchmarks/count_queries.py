"""Counts the database queries of pages, in a Django process beside the running one. Prints JSON: path to count."""

import json
import sys

from controlplane.base.boot import DJANGO_VERSION  # isort: skip
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.base.models import User


def main(paths: list[str]) -> None:
    """Ask for each page twice, as the account `bench`, and count the second time."""
    client = Client(HTTP_HOST="localhost")
    client.force_login(User.objects.get(username="bench"), "django.contrib.auth.backends.ModelBackend")
    counts: dict[str, int] = {}
    for path in paths:
        client.get(path)
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path)
        assert answer.status_code == 200, f"{path}: {answer.status_code} (Django {DJANGO_VERSION})"
        counts[path] = len(captured)
    print(json.dumps(counts))


if __name__ == "__main__":
    main(sys.argv[1:])
