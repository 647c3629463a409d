"""The front door: messages made once, whole or not at all, and refused with the reason."""

from datetime import timedelta
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction

from notifications import clock, preferences
from notifications.enums import (
    Action,
    AuditAction,
    DeliveryStatus,
    Level,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.models import AuditEvent, Delivery, InboxEvent, PatientNotification
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from tests.clinic import DESK
from tests.conftest import make_patient
from tests.engine import NOON, NotePayload, delivery_of, device_of, email_of, phone_of, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


def many(patients, *, key="news", build=lambda _patient: NotePayload.example()):
    return patient_notification_service.create_many(
        patient_ids=[patient.pk for patient in patients], build=build, key=lambda _patient: key
    )


# -- one message --------------------------------------------------------------------------------


def test_a_message_has_its_words_from_the_day_it_was_made(ana):
    made = send(ana, LabResultsPayload.example(), priority="high", subject="result:1")
    stored = PatientNotification.objects.get(pk=made.pk)
    assert (stored.title, stored.type) == ("A new document is ready", "lab_results")
    assert stored.message.startswith("Dr. Lee has shared a result with you")
    assert (stored.priority, stored.subject, stored.created_at) == ("high", "result:1", NOON)
    assert set(stored.metadata) == {"result_id", "provider_name"}


def test_each_channel_gets_a_delivery_and_the_inbox_has_it_at_once(ana):
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    device_of(ana, "https://push.example/2")
    made = send(ana)
    rows = Delivery.objects.filter(notification=made).order_by("channel", "id")
    assert [(row.channel, row.status) for row in rows] == [
        ("email", DeliveryStatus.PLANNED),
        ("in_app", DeliveryStatus.DELIVERED),
        ("push", DeliveryStatus.PLANNED),
        ("push", DeliveryStatus.PLANNED),
        ("sms", DeliveryStatus.PLANNED),
    ]


def test_messages_of_a_patient_are_numbered_without_a_gap(ana, ben):
    assert [send(ana).seq, send(ben).seq, send(ana).seq] == [1, 1, 2]


@pytest.mark.req("R-02")
def test_the_same_key_is_the_same_message_for_one_patient_and_another_one_for_the_next(ana, ben):
    first = send(ana, key="results:1")
    again = send(ana, LabResultsPayload.example(), key="results:1", priority="urgent")
    assert again.pk == first.pk
    assert send(ben, key="results:1").pk != first.pk
    assert (InboxEvent.objects.count(), Delivery.objects.count()) == (2, 8)


def test_messages_without_a_key_are_all_new(ana):
    assert send(ana).pk != send(ana).pk


@pytest.mark.req("H-01")
def test_who_made_it_is_written_down_once(ana, ben):
    made = send(ana, actor_id=ben.pk)
    row = AuditEvent.objects.get(action=AuditAction.CREATED)
    assert (row.actor, row.object_id, row.patient_id) == (f"user:{ben.pk}", str(made.pk), ana.pk)


# -- create_<type> ------------------------------------------------------------------------------


def test_each_type_has_a_door_of_its_own(ana):
    made = patient_notification_service.create_appointment_reminder(
        patient_id=ana.pk, payload=AppointmentReminderPayload.example(), priority="urgent"
    )
    assert (made.type, made.priority) == ("appointment_reminder", "urgent")


def test_each_type_has_a_door_for_asynchronous_callers(ana):
    door = async_to_sync(patient_notification_service.acreate_lab_results)
    made = door(patient_id=ana.pk, payload=LabResultsPayload.example())
    assert PatientNotification.objects.get() == made


@pytest.mark.parametrize("prefix", ["create", "acreate"])
def test_a_payload_of_another_type_is_refused_and_both_are_named(ana, prefix):
    door = getattr(patient_notification_service, f"{prefix}_appointment_reminder")
    door = async_to_sync(door) if prefix == "acreate" else door
    with pytest.raises(TypeError, match="AppointmentReminderPayload, not LabResultsPayload"):
        door(patient_id=ana.pk, payload=LabResultsPayload.example())
    assert not PatientNotification.objects.exists()


def test_a_door_of_no_type_is_no_door():
    with pytest.raises(AttributeError, match="create_gossip"):
        patient_notification_service.create_gossip  # noqa: B018 - looking is the test
    assert not hasattr(patient_notification_service, "acreate_gossip")


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["title", "message"])
def test_a_title_or_a_message_in_a_payload_is_refused_with_the_reason(field):
    reason = {"title": "a title is constant", "message": "a message is rendered"}[field]
    with pytest.raises(TypeError, match=reason):
        LabResultsPayload(
            **{field: "Root canal", "provider_name": "Lee", "test_name": "", "result_id": uuid4()}
        )


def test_an_unknown_type_is_refused_with_the_known_ones(ana):
    PatientNotificationType.unregister("note")
    with pytest.raises(ValueError, match=r"'note' is not a known .*lab_results"):
        send(ana)


def test_an_unknown_priority_is_refused_with_the_known_ones(ana):
    with pytest.raises(ValueError, match="'huge' is not a known priority.*low, medium, high, urg"):
        send(ana, priority="huge")
    assert send(ana, priority=PatientNotificationPriority.LOW).priority == "low"


def test_an_unknown_patient_is_refused_by_name():
    with pytest.raises(Refused, match="no such patient") as refusal:
        patient_notification_service.create_notification(
            patient_id=uuid4(), payload=NotePayload.example()
        )
    assert refusal.value.field == "patient_id"


@pytest.mark.req("S-09")
@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/visits/%0d%0aSet-Cookie:x",
        "/visits/\r\nSet-Cookie:x",
        "/\tevil",
        "visits/",
    ],
)
def test_a_link_that_leads_elsewhere_is_refused_and_nothing_is_made(ana, link):
    with pytest.raises(ValueError, match="path of this site"):
        send(ana, NotePayload(link=link))
    assert not PatientNotification.objects.exists()


def test_a_link_of_this_site_is_kept(ana):
    assert send(ana, NotePayload(link="/visits/?day=2026-11-24#top")).action_url.startswith("/vis")


# -- many ---------------------------------------------------------------------------------------


def test_a_broadcast_reaches_everyone_once_however_often_it_is_started(location):
    people = [make_patient(f"p{n}@example.com", "P", location) for n in range(7)]
    assert many(people[:4]) == 4
    assert many(people + people) == 3
    assert many(people) == 0
    assert PatientNotification.objects.count() == 7


def test_a_broadcast_larger_than_a_chunk_reaches_everyone(location, monkeypatch):
    monkeypatch.setattr("notifications.creation.CHUNK", 3)
    people = [make_patient(f"p{n}@example.com", "P", location) for n in range(8)]
    assert many(people) == 8
    assert {unread(patient) for patient in people} == {1}


def test_what_a_patient_had_by_that_key_before_is_left_as_it_is(ana, ben):
    mine = send(ana, key="news")
    assert many([ana, ben]) == 1
    assert PatientNotification.objects.get(patient=ana) == mine


@pytest.mark.req("R-01")
def test_a_broadcast_that_fails_on_one_patient_leaves_nothing_of_its_chunk(ana, ben):
    def fails_for_ben(patient_id):
        return NotePayload(link="//evil" if patient_id == ben.pk else "")

    with pytest.raises(ValueError, match="path of this site"), transaction.atomic():
        many([ana, ben], build=fails_for_ben)
    for table in (PatientNotification, Delivery, InboxEvent):
        assert not table.objects.exists()
    assert unread(ana) == 0


def unread(patient):
    return patient_notification_service.unread_count(patient_id=patient.pk)


# -- before it goes -----------------------------------------------------------------------------


@pytest.mark.req("P-40")
def test_a_preview_shows_what_then_really_goes(ana, carrier):
    email_of(ana)
    phone_of(ana)
    preferences.change(
        patient_id=ana.pk, type_key="appointment_reminder", changes={"push": False}, actor=DESK
    )
    payload = AppointmentReminderPayload.example()
    shown = {
        each.channel: each
        for each in patient_notification_service.preview(patient_id=ana.pk, payload=payload)
    }
    assert not PatientNotification.objects.exists()
    made = send(ana, payload)
    run()
    assert carrier.texts() == [shown["sms"].content["sms.txt"]]
    assert made.message == shown["in_app"].content["in_app.txt"]
    for channel in ("email", "sms", "push"):
        row, decision = delivery_of(made, channel), shown[channel].decision
        assert row.reason == decision.reason
        assert (row.status == DeliveryStatus.ACCEPTED) == (decision.action == Action.SEND)
    assert delivery_of(made, "email").level == shown["email"].decision.level == Level.L1


@pytest.mark.req("P-40")
def test_a_preview_says_when_it_would_go_and_until_when_it_is_held(ana):
    email_of(ana)
    phone_of(ana)
    payload = AppointmentReminderPayload.example()
    night = NOON + timedelta(hours=15)  # three in the morning
    with clock.at(night):
        shown = {
            each.channel: each
            for each in patient_notification_service.preview(patient_id=ana.pk, payload=payload)
        }
        assert shown["email"].at == night
        assert shown["push"].at is None
        assert shown["sms"].at == shown["sms"].decision.at == NOON + timedelta(hours=20)


def test_what_already_ran_out_is_in_the_inbox_and_nowhere_else(ana, carrier):
    phone_of(ana)
    made = send(ana, NotePayload(good_until=NOON - timedelta(hours=1)))
    run()
    assert delivery_of(made, "sms").status == DeliveryStatus.EXPIRED
    assert carrier.texts() == []
