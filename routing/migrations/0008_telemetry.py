from django.db import migrations

CREATE = """
create table telemetry_source (
    source text primary key, run bigint not null, sequence bigint not null, missed bigint not null default 0
);
create table telemetry_subject (subject text not null, source text not null, primary key (subject, source));
create table telemetry_rolled (tier text primary key, until timestamptz not null);
create table telemetry_second (source text not null, at timestamptz not null, frame bytea not null)
    partition by range (at);
create index on telemetry_second (source, at);
create table telemetry_ten_seconds (
    subject text not null, source text not null, at timestamptz not null, chunk bytea not null,
    primary key (subject, source, at)
) partition by range (at);
create table telemetry_minute (
    subject text not null, source text not null, at timestamptz not null, chunk bytea not null,
    primary key (subject, source, at)
) partition by range (at);
"""
DROP = """
drop table telemetry_minute; drop table telemetry_ten_seconds; drop table telemetry_second;
drop table telemetry_rolled; drop table telemetry_subject; drop table telemetry_source;
"""


class Migration(migrations.Migration):
    dependencies = [('routing', '0007_inventory')]
    operations = [migrations.RunSQL(CREATE, DROP)]
