"""The one way rows of the trail may leave: whole blocks past retention, and a flushed database."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections, transaction


@contextmanager
def purging(*, using: str = "default") -> Iterator[None]:
    """Let DELETE through on audit rows, seals and consents, in this transaction alone.

    The triggers are in the migration `refuse_audit_changes`. UPDATE stays refused.
    """
    connection = connections[using]
    with transaction.atomic(using=using), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT set_config('dentamind.purge', 'on', true)")
            yield
            cursor.execute("SELECT set_config('dentamind.purge', 'off', true)")
            return
        cursor.execute("INSERT INTO audit_purges VALUES (datetime())")
        yield
        cursor.execute("DELETE FROM audit_purges")
