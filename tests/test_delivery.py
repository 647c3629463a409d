"""From a message to what left: the line through the engine."""

import pytest

from notifications.enums import DeliveryStatus, Reason
from notifications.models import Delivery, DeliveryAttempt
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.notification_types.lab_results import LabResultsPayload

pytestmark = pytest.mark.django_db


def send(patient, payload=None, **options):
    return patient_notification_service.create_notification(
        patient_id=patient.pk, payload=payload or LabResultsPayload.example(), **options
    )


def status_of(notification, channel):
    row = Delivery.objects.get(notification=notification, channel=channel)
    return row.status, row.reason


def test_ana_gets_one_email_that_says_nothing_clinical(ana, ana_email, outbox):
    made = send(ana)
    notification_scheduler_service.run_due()
    notification_scheduler_service.run_due()
    (mail,) = outbox()
    assert mail.content["subject"] == "You have a new message from Main Street Dental"
    assert made.message not in str(mail.content)
    assert status_of(made, "email") == (DeliveryStatus.ACCEPTED, "")
    assert DeliveryAttempt.objects.get().snapshot["email_subject.txt"] == mail.content["subject"]


def test_without_any_address_the_message_is_in_the_inbox_and_each_channel_has_its_reason(ben):
    made = send(ben)
    notification_scheduler_service.run_due()
    assert status_of(made, "in_app") == (DeliveryStatus.DELIVERED, "")
    assert status_of(made, "email") == (DeliveryStatus.SKIPPED, Reason.NO_ADDRESS)
    assert status_of(made, "push") == (DeliveryStatus.SKIPPED, Reason.NO_DEVICE)
    assert patient_notification_service.unread_count(patient_id=ben.pk) == 1


def test_the_same_key_is_the_same_message(ana, ana_email, outbox):
    first, second = send(ana, key="results:1"), send(ana, key="results:1")
    notification_scheduler_service.run_due()
    assert first.pk == second.pk
    assert len(outbox()) == 1
