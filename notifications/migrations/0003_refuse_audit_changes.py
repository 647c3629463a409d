"""Make the database itself refuse to change or delete what is only ever added.

Audit rows, seals and consents: an UPDATE is always refused; a DELETE (on PostgreSQL also a
TRUNCATE) is refused unless the same transaction has opened `audit.purging()`, which is
`SET LOCAL dentamind.purge = 'on'` on PostgreSQL and a row in `audit_purges` on SQLite, where a
row not yet committed is seen by nobody else.

SQLite drops a table's triggers when a later migration remakes the table: such a migration runs
`add_triggers` again. A test looks for every one of them.
"""

from django.db import migrations

TABLES = ("audit_events", "audit_seals", "consents")

POSTGRESQL = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' AND current_setting('dentamind.purge', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'rows of % are only ever added', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;
"""
POSTGRESQL_TABLE = """
CREATE TRIGGER {table}_refuse_change BEFORE UPDATE OR DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
"""
SQLITE = ["CREATE TABLE audit_purges (opened_at text NOT NULL)"]
SQLITE_TABLE = [
    """
    CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table}
    BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END
    """,
    """
    CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table}
    WHEN NOT EXISTS (SELECT 1 FROM audit_purges)
    BEGIN SELECT RAISE(ABORT, 'rows of {table} are only ever added'); END
    """,
]


def add_triggers(apps, schema_editor):
    is_postgresql = schema_editor.connection.vendor == "postgresql"
    statements = [POSTGRESQL] if is_postgresql else list(SQLITE)
    for table in TABLES:
        each = [POSTGRESQL_TABLE] if is_postgresql else SQLITE_TABLE
        statements += [statement.format(table=table) for statement in each]
    for statement in statements:
        schema_editor.execute(statement, params=None)


def drop_triggers(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP FUNCTION refuse_change() CASCADE")
        return
    for table in TABLES:
        schema_editor.execute(f"DROP TRIGGER {table}_refuse_update")
        schema_editor.execute(f"DROP TRIGGER {table}_refuse_delete")
    schema_editor.execute("DROP TABLE audit_purges")


class Migration(migrations.Migration):
    dependencies = [("notifications", "0002_initial")]

    operations = [migrations.RunPython(add_triggers, drop_triggers)]
