from django.db import migrations

CREATE = """
create table telemetry_ten_minutes (
    subject text not null, source text not null, at timestamptz not null, chunk bytea not null,
    primary key (subject, source, at)
) partition by range (at);
"""


class Migration(migrations.Migration):
    dependencies = [('routing', '0014_agent_keys')]
    operations = [migrations.RunSQL(CREATE, 'drop table telemetry_ten_minutes')]
