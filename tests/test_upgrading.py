"""A new version comes while the old one still writes: nothing it writes is refused."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from notifications.crypto import new_id
from notifications.models import Delivery
from tests.engine import delivery_of, phone_of, send

pytestmark = pytest.mark.django_db
NEW_IN_0005 = {"handled_at", "handled_by", "look_ups", "setbacks", "settle_at"}


@pytest.mark.usefixtures("note", "carrier", "noon")
def test_a_version_that_knows_nothing_of_the_new_columns_writes_a_message_on(ana):
    phone_of(ana)
    row = delivery_of(send(ana), "sms")
    row.pk, row.step = new_id(), 7
    written = _as_the_old_version(row)
    made = Delivery.objects.get(pk=written)
    assert (made.setbacks, made.look_ups, made.handled_by) == (0, 0, "")
    assert (made.handled_at, made.settle_at) == (None, None)


def _as_the_old_version(row):
    fields = [each for each in Delivery._meta.concrete_fields if each.name not in NEW_IN_0005]
    values = [each.get_db_prep_save(each.pre_save(row, True), connection) for each in fields]
    columns, marks = ", ".join(each.column for each in fields), ", ".join(["%s"] * len(fields))
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO deliveries ({columns}) VALUES ({marks})", values)
    return row.pk


@pytest.mark.django_db(transaction=True)  # SQLite plans no table inside one
def test_indexes_are_made_beside_whoever_writes_where_the_database_can():
    said = StringIO()
    call_command("sqlmigrate", "notifications", "0007", stdout=said, no_color=True)
    made = [line for line in said.getvalue().splitlines() if line.startswith("CREATE INDEX")]
    assert len(made) == 5
    beside = [line for line in made if line.startswith("CREATE INDEX CONCURRENTLY")]
    assert len(beside) == (5 if connection.vendor == "postgresql" else 0)
