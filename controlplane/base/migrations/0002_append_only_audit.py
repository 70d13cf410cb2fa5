"""The audit table takes inserts only, whoever asks.

TRUNCATE is allowed where the connection says `patchbay.flush = on`: test runs do, to empty their own databases.
"""

from django.db import migrations

GUARD = """
create function patchbay_refuse_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'TRUNCATE' and coalesce(current_setting('patchbay.flush', true), '') = 'on' then
        return null;
    end if;
    raise exception 'base_change is append-only: % is refused', tg_op using errcode = 'insufficient_privilege';
end $$;
create trigger change_rows before update or delete on base_change
    for each row execute function patchbay_refuse_change();
create trigger change_table before truncate on base_change
    for each statement execute function patchbay_refuse_change();
alter table base_change enable always trigger change_rows;
alter table base_change enable always trigger change_table;
"""
UNGUARD = """
drop trigger change_rows on base_change;
drop trigger change_table on base_change;
drop function patchbay_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("base", "0001_initial")]
    operations = [migrations.RunSQL(GUARD, UNGUARD)]
