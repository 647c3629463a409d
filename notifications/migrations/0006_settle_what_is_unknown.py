"""Answers lost shortly before there were look-ups are asked after as well.

What was lost longer ago stays as it is: a person may have dealt with it, and nobody wants it now.
"""

from datetime import timedelta

from django.db import migrations
from django.db.models import F
from django.utils import timezone

LATELY = timedelta(hours=24)


def settle(apps, schema_editor):
    deliveries = apps.get_model("notifications", "Delivery").objects
    unknown = deliveries.using(schema_editor.connection.alias).filter(status="unknown")
    unknown.filter(status_at__gte=timezone.now() - LATELY).update(settle_at=F("status_at"))


class Migration(migrations.Migration):
    dependencies = [("notifications", "0005_settle_and_switch")]

    operations = [migrations.RunPython(settle, migrations.RunPython.noop)]
