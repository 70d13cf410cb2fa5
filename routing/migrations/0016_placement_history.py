"""What sat where and when: PostgreSQL writes it down itself, whoever places or removes."""

from django.db import migrations, models

CREATE = """
insert into routing_pastplacement (replica_id, device_id, model, memory_bytes, since)
    select p.replica_id, p.device_id, m.name, p.memory_bytes, now()
    from routing_placement p join routing_storedreplica r on r.id = p.replica_id join registry_model m on m.id = r.model_id;

create function patchbay_placed() returns trigger language plpgsql as $$
begin
    if tg_op in ('DELETE', 'UPDATE') then
        update routing_pastplacement set until = now()
            where replica_id = old.replica_id and device_id = old.device_id and until is null;
    end if;
    if tg_op in ('INSERT', 'UPDATE') then
        -- What is taken away and placed again in one transaction has sat there all the time.
        update routing_pastplacement set until = null
            where replica_id = new.replica_id and device_id = new.device_id and memory_bytes = new.memory_bytes
            and until = now();
        if not found then
            insert into routing_pastplacement (replica_id, device_id, model, memory_bytes, since)
                select new.replica_id, new.device_id, m.name, new.memory_bytes, now()
                from routing_storedreplica r join registry_model m on m.id = r.model_id where r.id = new.replica_id;
        end if;
    end if;
    return null;
end $$;
create trigger placed after insert or update or delete on routing_placement
    for each row execute function patchbay_placed();
"""
DROP = "drop trigger placed on routing_placement; drop function patchbay_placed();"


class Migration(migrations.Migration):
    """The table, and the trigger that fills it."""

    dependencies = [("routing", "0015_telemetry_ten_minutes")]

    operations = [
        migrations.CreateModel(
            name="PastPlacement",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("replica_id", models.BigIntegerField()),
                ("device_id", models.BigIntegerField()),
                ("model", models.CharField(max_length=200)),
                ("memory_bytes", models.BigIntegerField()),
                ("since", models.DateTimeField()),
                ("until", models.DateTimeField(null=True)),
            ],
            options={"indexes": [models.Index(fields=["device_id", "since"], name="past_placement_device")]},
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
