"""What a row of one patient shares."""

from uuid import UUID

from django.conf import settings
from django.db import models

from notifications.crypto import new_id


class OwnedByPatient(models.Model):
    """A row of one patient, whose sealed columns open with that patient's key."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    patient = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="%(class)ss"
    )

    class Meta:
        abstract = True

    def sealing_patient_id(self) -> UUID:
        return self.patient_id
