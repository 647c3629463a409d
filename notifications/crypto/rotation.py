"""After a new master key: bring what the old ones protect under it, so that they can go."""

from collections.abc import Iterator
from itertools import islice

from django.apps import apps
from django.db import models, transaction

from notifications.crypto.fields import MasterSealedField
from notifications.crypto.keys import PatientKey, forget_keys, master_keys

BATCH = 500


def rotate() -> int:
    """Rewrap every patient's key and reseal every contact value; return how many rows moved.

    Safe to interrupt, to run again, and beside the running system. Raises SealBroken for a row
    that none of the master keys opens.
    """
    newest = next(iter(master_keys()))
    moved = sum(map(_rewrap, _batches(PatientKey)))
    for model, field in _master_sealed():
        moved += sum(_reseal(model, field, ids, newest) for ids in _batches(model))
    forget_keys()
    return moved


def _master_sealed() -> Iterator[tuple[type[models.Model], MasterSealedField]]:
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, MasterSealedField):
                yield model, field


def _batches(model: type[models.Model]) -> Iterator[list]:
    ids = model._base_manager.order_by("pk").values_list("pk", flat=True).iterator()
    while batch := list(islice(ids, BATCH)):
        yield batch


@transaction.atomic
def _rewrap(ids: list) -> int:
    rows = list(PatientKey.objects.select_for_update().filter(pk__in=ids))
    for row in rows:
        row.unwrapped()
        row.wrapped = row.rewrapped()
    PatientKey.objects.bulk_update(rows, ["wrapped"])
    return len(rows)


@transaction.atomic
def _reseal(model: type[models.Model], field: MasterSealedField, ids: list, newest: int) -> int:
    moved = 0
    for row in model._base_manager.select_for_update().filter(pk__in=ids):
        sealed = row.__dict__[field.attname]
        if sealed is not None and sealed[:1] != bytes([newest]):
            setattr(row, field.attname, field.open(instance=row, sealed=sealed))
            row.save(update_fields=[field.attname])
            moved += 1
    return moved
