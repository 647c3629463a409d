"""Make indexes while the site runs: on PostgreSQL nobody who writes waits for them."""

from django.db import migrations, models
from django.db.models import Q


class AddIndexBesideWriters(migrations.AddIndex):
    """Add an index without a lock on its table where the database can; repeatable after a crash.

    Django's own `AddIndexConcurrently` needs psycopg, which an installation on SQLite may lack.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX IF EXISTS {name}")  # half made, and so not used
        if schema_editor.connection.vendor != "postgresql":
            super().database_forwards(app_label, schema_editor, from_state, to_state)
            return
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.add_index(model, self.index, concurrently=True)


class Migration(migrations.Migration):
    atomic = False  # PostgreSQL makes no index beside writers inside a transaction

    dependencies = [("notifications", "0006_settle_what_is_unknown")]

    operations = [
        AddIndexBesideWriters(
            model_name="delivery",
            index=models.Index(
                condition=Q(("settle_at__isnull", False)),
                fields=["settle_at"],
                name="delivery_settle",
            ),
        ),
        AddIndexBesideWriters(
            model_name="delivery",
            index=models.Index(
                condition=Q(("handled_at", None), ("status__in", ("failed", "unknown", "expired"))),
                fields=["status_at"],
                name="delivery_for_a_person",
            ),
        ),
        AddIndexBesideWriters(
            model_name="deliveryattempt",
            index=models.Index(fields=["finished_at"], name="attempt_finished"),
        ),
        AddIndexBesideWriters(
            model_name="deliveryattempt",
            index=models.Index(
                condition=Q(("provider_id", ""), _negated=True),
                fields=["provider_id"],
                name="attempt_provider_id",
            ),
        ),
        AddIndexBesideWriters(
            model_name="auditevent",
            index=models.Index(
                condition=Q(("action", "denied")), fields=["at"], name="audit_denied"
            ),
        ),
    ]
