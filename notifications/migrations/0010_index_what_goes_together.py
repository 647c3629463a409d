"""Make the indexes by which what goes together finds each other, beside whoever writes."""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Q

AddIndexBesideWriters = import_module(
    "notifications.migrations.0007_index_what_is_asked"
).AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL makes no index beside writers inside a transaction

    dependencies = [("notifications", "0009_foresee_and_call")]

    operations = [
        AddIndexBesideWriters(
            model_name="schedulednotification",
            index=models.Index(
                condition=Q(("status", "planned"), ~Q(together="")),
                fields=["together"],
                name="plan_together",
            ),
        ),
        AddIndexBesideWriters(
            model_name="delivery",
            index=models.Index(
                condition=Q(("merged_into__isnull", False)),
                fields=["merged_into"],
                name="delivery_merged",
            ),
        ),
    ]
