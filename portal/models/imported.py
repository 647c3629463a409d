"""What other systems call our rows."""

from django.db import models
from django.utils import timezone


class ExternalId(models.Model):
    """What another system calls a row of ours: (source, resource, id), never a name."""

    source = models.CharField(max_length=64)
    resource = models.CharField(max_length=32)
    external_id = models.CharField(max_length=128)
    object_id = models.UUIDField()
    digest = models.CharField(max_length=64, blank=True)
    imported_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source", "resource", "external_id"], name="external_id_once"
            )
        ]
        indexes = [models.Index(fields=["resource", "object_id"], name="external_id_object")]

    def __str__(self) -> str:
        return f"{self.source} {self.resource} {self.pk}"
