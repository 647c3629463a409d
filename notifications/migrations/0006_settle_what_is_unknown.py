"""Answers lost before there were look-ups are asked after as well."""

from django.db import migrations
from django.db.models import F


def settle(apps, schema_editor):
    deliveries = apps.get_model("notifications", "Delivery").objects
    deliveries.using(schema_editor.connection.alias).filter(status="unknown").update(
        settle_at=F("status_at")
    )


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_settle_and_switch")]

    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
