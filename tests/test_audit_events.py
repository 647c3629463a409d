"""What happens to a patient's messages and choices is in the trail: once each, with who did it."""

from collections import Counter

import pytest

from notifications import audit, clock, consent, contacts, preferences
from notifications.enums import AuditAction, ContactKind, PatientNotificationType
from notifications.models import AuditEvent
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.models import Guardianship
from tests.clinic import wall
from tests.conftest import signed_in
from tests.engine import NotePayload, delivery_of, email_of, phone_of, run, say, send

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def note():
    PatientNotificationType.register(NotePayload)
    yield
    PatientNotificationType.unregister("note")


@pytest.fixture
def since():
    """`since()` counts the rows written after the last call, by what they say was done."""
    seen: set = set()

    def rows():
        fresh = [row for row in AuditEvent.objects.all() if row.pk not in seen]
        seen.update(row.pk for row in fresh)
        return Counter((row.action, row.actor) for row in fresh)

    return rows


@pytest.mark.req("H-06")
def test_making_a_message_is_one_row(ana, since):
    send(ana)
    assert since() == {(AuditAction.CREATED, "system:service"): 1}
    patient_notification_service.create_notification(
        patient_id=ana.pk, payload=NotePayload.example(), key="k", actor_id=ana.pk
    )
    assert since() == {(AuditAction.CREATED, f"user:{ana.pk}"): 1}
    patient_notification_service.create_notification(
        patient_id=ana.pk, payload=NotePayload.example(), key="k", actor_id=ana.pk
    )
    assert since() == {}


@pytest.mark.req("H-06")
def test_what_left_is_one_row(ana, since):
    email_of(ana)
    send(ana)
    since()
    run()
    assert since()[(AuditAction.SENT, "system:delivery")] == 1
    run()
    assert since() == {}


def stands():
    """What the trail says of deliveries: status and reason of each row."""
    rows = AuditEvent.objects.filter(action=AuditAction.STATUS).order_by("at", "pk")
    return [(row.details["status"], row.details["reason"]) for row in rows]


@pytest.mark.req("H-06")
def test_what_did_not_leave_is_one_row_each_with_its_reason(ana, ben):
    send(ana)
    run()
    assert sorted(stands()) == [
        ("skipped", "no_address"),
        ("skipped", "no_address"),
        ("skipped", "no_device"),
    ]
    rows = AuditEvent.objects.filter(action=AuditAction.STATUS)
    assert {(row.patient_id, row.actor, row.object_type) for row in rows} == {
        (ana.pk, "system:delivery", "delivery")
    }
    run()
    assert len(stands()) == 3


@pytest.mark.req("H-06")
def test_a_text_held_for_the_night_and_then_sent_is_two_rows(ana, carrier):
    phone_of(ana)
    with clock.at(wall("2026-11-24 23:30")):
        made = send(ana)
        run()
    assert ("held", "quiet_hours") in stands()
    run(at=wall("2026-11-25 08:00"))
    text = delivery_of(made, "sms")
    of_text = AuditEvent.objects.filter(object_id=str(text.pk)).order_by("at", "pk")
    assert [row.details["status"] for row in of_text] == ["held", "accepted"]


@pytest.mark.req("H-06")
def test_what_is_called_off_before_it_left_is_one_row_each(ana, ben):
    send(ana, subject="appointment:1")
    send(ben, subject="appointment:2")
    notification_scheduler_service.cancel(subject="appointment:1")
    assert stands() == [("cancelled", "cancelled")] * 3
    rows = AuditEvent.objects.filter(action=AuditAction.STATUS)
    assert {row.patient_id for row in rows} == {ana.pk}


@pytest.mark.req("H-06")
@pytest.mark.parametrize("change", ["mark_read", "dismiss", "archive"])
def test_a_change_of_the_inbox_is_one_row_by_whoever_made_it(ana, since, change):
    row = send(ana)
    since()
    act = getattr(patient_notification_service, change)
    act(patient_id=ana.pk, notification_id=row.pk, actor_id=ana.pk)
    assert since() == {(AuditAction.INBOX, f"user:{ana.pk}"): 1}
    act(patient_id=ana.pk, notification_id=row.pk, actor_id=ana.pk)
    assert since() == {}


@pytest.mark.req("H-06")
def test_reading_everything_is_one_row(ana, since):
    for _ in range(3):
        send(ana)
    since()
    patient_notification_service.mark_all_read(patient_id=ana.pk, actor_id=ana.pk)
    assert since() == {(AuditAction.INBOX, f"user:{ana.pk}"): 1}


@pytest.mark.req("H-06")
def test_ones_own_list_is_delivery_and_no_row(ana, ana_client, since):
    send(ana)
    since()
    assert ana_client.get("/api/patient-notifications").status_code == 200
    assert ana_client.get("/notifications/").status_code == 200
    assert AuditAction.VIEWED not in {action for action, _actor in since()}


@pytest.mark.req("H-06")
def test_a_guardian_who_looks_is_one_viewed_row_about_the_child(ana, ben, since):
    Guardianship.objects.create(guardian=ben, patient=ana)
    row = send(ana)
    client = signed_in(ben)
    since()
    page = client.get(f"/for/{ana.pk}/notifications/{row.pk}/")
    assert page.status_code == 200
    seen = AuditEvent.objects.filter(action=AuditAction.VIEWED)
    assert [(one.actor, one.patient_id) for one in seen] == [(f"user:{ben.pk}", ana.pk)]


@pytest.mark.req("H-06")
def test_a_choice_is_one_row(ana, since):
    change = {"patient_id": ana.pk, "type_key": "note", "actor": f"user:{ana.pk}"}
    preferences.change(**change, changes={"email": False})
    assert since() == {(AuditAction.PREFERENCE, f"user:{ana.pk}"): 1}


@pytest.mark.req("H-06")
def test_an_address_its_verification_and_each_word_about_it_are_one_row_each(ana, since):
    actor = f"user:{ana.pk}"
    contact = contacts.add(
        patient_id=ana.pk, kind=ContactKind.EMAIL, value="a@example.com", actor=actor
    )
    assert since() == {(AuditAction.CONTACT, actor): 1}
    contact = contacts.mark_verified(contact_id=contact.pk, actor="system:desk")
    assert since() == {(AuditAction.CONTACT, "system:desk"): 1}
    say(contact, granted=True)
    assert since() == {(AuditAction.CONSENT, "system:desk"): 1}
    say(contact, granted=False)
    assert since() == {(AuditAction.CONSENT, "system:desk"): 1}
    assert not consent.is_granted(contact=contact)
    contacts.remove(patient_id=ana.pk, contact_id=contact.pk, actor=actor)
    assert since() == {(AuditAction.CONTACT, actor): 1}


@pytest.mark.req("H-06")
def test_the_rows_of_a_busy_day_verify(ana, ben):
    for patient in (ana, ben):
        email_of(patient)
        send(patient)
    run()
    assert AuditEvent.objects.count() >= 10
    assert audit.verify() == []
    assert not AuditEvent.objects.filter(actor="").exists()
