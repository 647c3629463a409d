"""Make the index by which what was merged finds its message, beside whoever writes."""

from importlib import import_module

from django.db import migrations, models
from django.db.models import Q

AddIndexBesideWriters = import_module(
    "notifications.migrations.0007_index_what_is_asked"
).AddIndexBesideWriters


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL makes no index beside writers inside a transaction

    dependencies = [("notifications", "0010_index_what_goes_together")]

    operations = [
        AddIndexBesideWriters(
            model_name="delivery",
            index=models.Index(
                condition=Q(("merged_into__isnull", False)),
                fields=["merged_into"],
                name="delivery_merged",
            ),
        ),
    ]
