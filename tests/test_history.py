"""What happened to a message, and why: the timeline's words and the gates behind them."""

from datetime import timedelta

import pytest
from django.utils import timezone, translation

from notifications import clock, preferences
from notifications.enums import (
    NEXT_STEPS,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationChannel,
    Reason,
)
from notifications.models import Delivery
from notifications.rendering import sentence, sentence_to_patient
from notifications.services import patient_notification_service
from notifications.types import ChannelError
from tests.clinic import DESK, NEW_YORK, wall
from tests.engine import NOON, email_of, phone_of, run, send, send_at, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE = timedelta(minutes=1)
BUSY = ChannelError(code="30003", kind=ErrorKind.TRANSIENT)


def entries(notification) -> list:
    with timezone.override(NEW_YORK):
        return patient_notification_service.history(
            patient_id=notification.patient_id, notification_id=notification.pk
        )


def timeline(notification) -> list[tuple[str, str]]:
    return [(line.label, line.sentence) for line in entries(notification)]


def gates(notification, channel) -> dict[str, str]:
    """Return what each gate says of one channel now."""
    [found] = [
        each
        for each in patient_notification_service.explain(
            patient_id=notification.patient_id, notification_id=notification.pk
        )
        if each.channel == channel
    ]
    return dict(found.gates)


def test_the_timeline_tells_what_happened_in_order(ana, carrier):
    phone_of(ana)
    carrier.answers = [BUSY]
    made = send(ana)
    run()
    run(at=NOON + MINUTE)
    with clock.at(NOON + 2 * MINUTE):
        patient_notification_service.open(patient_id=ana.pk, notification_id=made.pk)
    assert timeline(made) == [
        ("Email", "Not sent. No address on file for this channel"),
        ("In-app", "Delivered"),
        ("Push", "Not sent. Push is not turned on anywhere"),
        ("Text", "Try 1: The carrier was not available"),
        ("Text", "Try 2: Accepted by the carrier"),
        ("Text", "Sent"),
        ("In-app", "Read"),
    ]


def test_sent_delivered_and_read_are_three_words(ana):
    email_of(ana)
    made = send(ana)
    run()
    assert ("Email", "Sent") in timeline(made)
    assert ("In-app", "Delivered") in timeline(made)
    assert "Read" not in str(timeline(made))


def test_each_reason_has_a_sentence_and_a_next_step_in_each_language():
    for reason in Reason:
        if not reason:
            continue
        for language in ("en", "es"):
            with translation.override(language), timezone.override(NEW_YORK):
                moment = {"date": NOON.isoformat(), "time": NOON.isoformat()}
                said = sentence(reason=reason, params=moment)
                assert said and "%" not in said and "None" not in said
                assert str(NEXT_STEPS[reason])


def test_each_reason_has_a_sentence_of_its_own_for_the_patient():
    for reason in filter(None, Reason):
        moment = {"date": NOON.isoformat(), "time": NOON.isoformat()}
        with timezone.override(NEW_YORK):
            said = sentence_to_patient(reason=reason, params=moment)
        assert said and "%" not in said and "None" not in said
        assert "Patient" not in said and "patient" not in said, reason
        assert said != sentence_to_patient(reason="some_new_code", params={}), reason


def test_the_patient_is_spoken_to_and_staff_are_told_about_the_patient(ana):
    phone_of(ana)
    preferences.change(patient_id=ana.pk, type_key="note", changes={"sms": False}, actor=DESK)
    made = send(ana)
    run()
    [line] = [line for line in entries(made) if line.channel == "sms"]
    assert line.reason == Reason.PREF_OFF
    assert line.sentence == "Not sent. Patient turned this off for this type on Nov 24"
    assert line.to_patient == "Not sent. You turned this off on Nov 24"


def test_her_own_page_speaks_to_her(ana, ana_client):
    made = send(ana)
    run()
    page = ana_client.get(f"/notifications/{made.pk}/").content.decode()
    assert "We have no address of yours for this" in page
    assert "No address on file" not in page


def test_a_reason_of_a_later_release_still_tells_the_patient_something():
    said = sentence_to_patient(reason="some_new_code", params={})
    assert said == "It did not reach you this way"


def test_a_sentence_whose_date_is_not_known_is_still_a_sentence():
    assert sentence(reason=Reason.PAUSED, params={}) == "Patient paused messages until —"


def test_a_reason_of_a_later_release_is_shown_as_it_is():
    assert sentence(reason="some_new_code", params={}) == "some_new_code"


# -- why ----------------------------------------------------------------------------------------


def test_the_explanation_names_the_gate_that_stopped_it(ana):
    phone_of(ana)
    preferences.change(patient_id=ana.pk, type_key="note", changes={"sms": False}, actor=DESK)
    made = send(ana)
    run()
    said = gates(made, "sms")
    assert [name for name, reason in said.items() if reason] == ["wanted"]
    assert status_of(made, "sms")[1] == said["wanted"] == Reason.PREF_OFF


@pytest.mark.parametrize("has_phone", [True, False])
@pytest.mark.parametrize("at_night", [True, False])
def test_what_is_explained_is_what_was_done(ana, has_phone, at_night):
    if has_phone:
        phone_of(ana)
    moment = wall("2026-11-24 23:30") if at_night else NOON
    made = send_at(moment, ana)
    with clock.at(moment):
        for channel in ("email", "sms", "push"):
            first = next((reason for reason in gates(made, channel).values() if reason), "")
            assert first == status_of(made, channel)[1]


def test_a_channel_that_was_taken_out_still_has_its_line_and_no_gates(ana):
    made = send(ana)
    Delivery.objects.filter(channel="email").update(channel="fax", status=DeliveryStatus.ACCEPTED)
    assert "fax" not in PatientNotificationChannel
    assert ("Fax", "Sent") in timeline(made)
    explained = patient_notification_service.explain(patient_id=ana.pk, notification_id=made.pk)
    assert {each.channel for each in explained} == {"in_app", "push", "sms"}


def test_a_waiting_delivery_on_a_channel_that_was_taken_out_is_skipped(ana):
    made = send(ana)
    Delivery.objects.filter(channel="email").update(channel="fax")
    run()
    assert status_of(made, "fax") == (DeliveryStatus.SKIPPED, Reason.CHANNEL_OFF)


def test_the_timeline_is_read_in_a_fixed_number_of_queries(ana, django_assert_max_num_queries):
    phone_of(ana)
    made = send(ana)
    run()
    with django_assert_max_num_queries(4):
        timeline(made)
