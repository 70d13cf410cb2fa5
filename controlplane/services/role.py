"""The database role that our programs sign in with: no superuser, so triggers and reserved connections bind it.

It owns the database and everything in it. It may make databases beside it, which tests do. Clusters of before had the
superuser `app` for everything; what `app` owns in the database is handed over at each start.
"""

NAME = "patchbay"

ROLE = """
do $$ begin
    if not exists (select from pg_roles where rolname = '{name}') then
        create role {name} login nosuperuser nocreaterole noreplication createdb;
    end if;
end $$;
alter role {name} password '{password}';
alter database {name} owner to {name};
"""

HAND_OVER = """
do $$ declare one record; begin
    for one in
        select c.oid::regclass as what, case c.relkind when 'S' then 'sequence' when 'v' then 'view'
            when 'm' then 'materialized view' else 'table' end as kind
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relowner = current_user::regrole
            and c.relkind in ('r', 'p', 'v', 'm', 'S')
            and not exists (
                select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                and d.deptype in ('a', 'e', 'i')
            )
    loop execute format('alter %s %s owner to {name}', one.kind, one.what); end loop;
    for one in
        select p.oid::regprocedure as what from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proowner = current_user::regrole
            and not exists (
                select from pg_depend d where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e'
            )
    loop execute format('alter routine %s owner to {name}', one.what); end loop;
end $$;
"""


def role_statements(password: str) -> str:
    """Make the role if it is missing, and the database its own. For the superuser, in any database."""
    return ROLE.format(name=NAME, password=password)


def hand_over_statements() -> str:
    """Give the role what the superuser owns. For the superuser, in our database; does nothing the second time."""
    return HAND_OVER.format(name=NAME)
