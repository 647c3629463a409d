"""Devices: the browsers a patient turned notifications on in.

A device is an address like any other, with the keys its pushes are encrypted with. It needs no
code: whoever registers it sits in front of it. Its address opens it to anybody who knows it, so
it is shown to nobody; `fingerprint` stands for it.
"""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q
from django.utils.translation import gettext as _

from notifications import clock
from notifications.channels.push import Push
from notifications.contacts.addresses import GONE, audit_change, locked, of_patient, set_status
from notifications.crypto import blind_index
from notifications.enums import ContactKind, ContactStatus, DeliveryStatus
from notifications.models import ContactPoint, Delivery
from notifications.types import Refused

MOST = 10  # devices of one patient; the one that registered longest ago makes room
LONGEST_LABEL = 80
LONGEST_NAME = 40  # of those its owner gives it
TAKEN = (DeliveryStatus.ACCEPTED, DeliveryStatus.DELIVERED)


def public_key() -> str:
    """Return the key a browser registers for; empty where pushes are not set up."""
    channel = Push()
    return channel.public_key() if channel.is_configured() else ""


def devices_of(*, patient_id: UUID) -> list[ContactPoint]:
    """Return a patient's devices, newest first."""
    return [each for each in of_patient(patient_id=patient_id) if each.kind == ContactKind.PUSH]


def fingerprint(contact: ContactPoint) -> str:
    """Return what a browser can tell its own registration by, and nobody can push with."""
    return sha256(contact.value["address"].encode()).hexdigest()


def last_used(devices: Iterable[ContactPoint]) -> dict[UUID, datetime]:
    """Return when each device last took a message of ours, by its id; none that never did.

    Aware, in one query.
    """
    rows = Delivery.objects.filter(contact_id__in=[each.pk for each in devices], status__in=TAKEN)
    return dict(rows.values_list("contact_id").annotate(Max("status_at")))


@transaction.atomic
def rename(*, patient_id: UUID, contact_id: UUID, name: str, actor: str) -> ContactPoint:
    """Call a device what its owner calls it; the same name again changes nothing.

    Raises ContactPoint.DoesNotExist for what is no device of the patient's, Refused for no name
    or one that is too long.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refused(_("Write a name of 1 to 40 letters."), field="name")
    device = locked(patient_id=patient_id, contact_id=contact_id)
    if device.kind != ContactKind.PUSH:
        raise ContactPoint.DoesNotExist("no such device")
    if device.label != name:
        device.label = name
        device.save(update_fields=["label"])
        audit_change(device, actor=actor, change="renamed")
    return device


@transaction.atomic
def add_device(
    *,
    patient_id: UUID,
    endpoint: str,
    p256dh: str,
    auth: str,
    label: str,
    actor: str,
    may_stay: Iterable[UUID] = (),
) -> ContactPoint:
    """Register a browser for a patient. The same one again is the same row with its new keys.

    `may_stay` are the other patients its user may act for; anybody else's registration of this
    browser ends, because it is in other hands now. Raises Refused for an endpoint or a key that
    breaks the rule of `providers/push_endpoints.py`.
    """
    given = {"address": endpoint, "p256dh": p256dh, "auth": auth}
    value = Push().accept_address(given)
    index = blind_index(kind=ContactKind.PUSH, value=endpoint)
    known = _held(patient_ids={patient_id}, index=index)
    here = [each for each in known if each.value_index == index]
    mine = [each for each in known if each.patient_id == patient_id]
    _end_others(here, allowed={patient_id, *may_stay}, actor=actor)
    same = next((each for each in mine if each.value_index == index), None)
    if same is not None:
        return _refreshed(same, value=value, label=label, actor=actor)
    _make_room(mine, actor=actor)
    return _added(patient_id=patient_id, value=value, index=index, label=label, actor=actor)


def _held(*, patient_ids: set[UUID], index: str) -> list[ContactPoint]:
    """Lock and return the registrations of one browser, and all devices of these patients.

    All of the patients' addresses are held, oldest first, as a claim does. They are read once
    they are held: whoever was before us may have added one while we waited.
    """
    wanted = Q(patient_id__in=patient_ids) | Q(kind=ContactKind.PUSH, value_index=index)
    rows = ContactPoint.objects.filter(wanted).exclude(status__in=GONE).order_by("id")
    list(rows.select_for_update(no_key=True))
    return [each for each in rows.all() if each.kind == ContactKind.PUSH]


def _end_others(here: Iterable[ContactPoint], *, allowed: set[UUID], actor: str) -> int:
    others = [each for each in here if each.patient_id not in allowed]
    for each in others:
        _end(each, reason="shared_device", actor=actor)
    return len(others)


def _refreshed(
    known: ContactPoint, *, value: dict[str, str], label: str, actor: str
) -> ContactPoint:
    has_changed = known.value != value
    known.value, known.label = value, label[:LONGEST_LABEL]
    known.status, known.status_reason, known.status_at = ContactStatus.ACTIVE, "", clock.now()
    known.save(update_fields=["value", "label", "status", "status_reason", "status_at"])
    if has_changed:
        audit_change(known, actor=actor, change="refreshed")
    return known


def _make_room(mine: list[ContactPoint], *, actor: str) -> None:
    newest_first = sorted(mine, key=lambda each: each.status_at, reverse=True)
    for each in newest_first[MOST - 1 :]:
        _end(each, reason="too_many", actor=actor)


def _added(
    *, patient_id: UUID, value: dict[str, str], index: str, label: str, actor: str
) -> ContactPoint:
    made = ContactPoint(
        patient_id=patient_id,
        kind=ContactKind.PUSH,
        value=value,
        value_index=index,
        label=label[:LONGEST_LABEL],
        created_at=clock.now(),
        status_at=clock.now(),
    )
    ContactPoint.objects.bulk_create([made], ignore_conflicts=True)
    same = ContactPoint.objects.filter(patient_id=patient_id, value_index=index)
    kept = same.exclude(status__in=GONE).get()  # another's, where two came at once
    if kept == made:
        audit_change(made, actor=actor, change="added")
    return kept


# -- a browser that leaves, or moves ------------------------------------------------------------


@transaction.atomic
def forget_device(*, endpoint: str, patient_ids: Iterable[UUID], actor: str) -> int:
    """End a browser's registrations for these patients and return how many there were."""
    leaving = list(_registered(endpoint, patient_ids))
    for each in leaving:
        _end(each, reason="by_request", actor=actor)
    return len(leaving)


@transaction.atomic
def take_over(*, endpoint: str, may_stay: Iterable[UUID], actor: str) -> int:
    """End a browser's registrations for all but these patients: it is in other hands now.

    Somebody signs in where another's session ran out without a sign-out. Returns how many ended.
    """
    index = blind_index(kind=ContactKind.PUSH, value=endpoint)
    here = [each for each in _held(patient_ids=set(), index=index) if each.value_index == index]
    return _end_others(here, allowed=set(may_stay), actor=actor)


@transaction.atomic
def replace_device(
    *, old: str, endpoint: str, p256dh: str, auth: str, patient_ids: Iterable[UUID], actor: str
) -> int:
    """Take a browser's new endpoint for the old one and return for how many patients.

    Browsers change it by themselves now and then. Only registrations of `patient_ids` move.
    Raises Refused as `add_device` does.
    """
    allowed = set(patient_ids)
    Push().accept_address({"address": endpoint, "p256dh": p256dh, "auth": auth})
    _held(patient_ids=allowed, index=blind_index(kind=ContactKind.PUSH, value=endpoint))
    moving = list(_registered(old, allowed))
    keys = {"endpoint": endpoint, "p256dh": p256dh, "auth": auth}
    for each in moving:
        if old != endpoint:
            _end(each, reason="moved", actor=actor)
        who = {"patient_id": each.patient_id, "may_stay": allowed, "actor": actor}
        add_device(**who, **keys, label=each.label)
    return len(moving)


def _registered(endpoint: str, patient_ids: Iterable[UUID]) -> Iterable[ContactPoint]:
    index = blind_index(kind=ContactKind.PUSH, value=endpoint)
    rows = ContactPoint.objects.filter(
        kind=ContactKind.PUSH, value_index=index, patient_id__in=set(patient_ids)
    )
    held = rows.exclude(status__in=GONE).select_for_update(no_key=True)
    return held.order_by("id")


def _end(contact: ContactPoint, *, reason: str, actor: str) -> None:
    set_status(contact=contact, status=ContactStatus.REMOVED, reason=reason, actor=actor)
