"""The stores answer and the secrets hold."""

import pytest
from django.conf import settings
from django.db import connection

from controlplane.base.secrets import SecretError, seal, unseal


@pytest.mark.django_db
def test_database_is_postgresql() -> None:
    with connection.cursor() as cursor:
        cursor.execute("show server_version")
        assert int(cursor.fetchone()[0].split(".")[0]) >= 15


def test_secret_opens_only_where_it_was_bound() -> None:
    sealed = seal("sk-upstream", settings.MASTER_KEY, "credential 1 https://a:443")
    assert unseal(sealed, settings.MASTER_KEY, "credential 1 https://a:443") == "sk-upstream"
    with pytest.raises(SecretError, match="https://b"):
        unseal(sealed, settings.MASTER_KEY, "credential 1 https://b:443")
