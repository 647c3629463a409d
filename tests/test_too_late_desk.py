"""Care that nothing brought in time is on the desk's list: once a message, until somebody calls."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from notifications import clock, delivery, switches
from notifications.enums import DeliveryStatus, PatientNotificationType, Purpose, Reason
from notifications.models import Delivery
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import User
from tests.clinic import DESK
from tests.conftest import PASSWORD
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)
from tests.pages import text_of

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("note", "care", "carrier", "noon"),
    pytest.mark.req("R-10"),
]
HOUR = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class CarePayload(NotePayload):
    """The same message, about the patient's care."""

    type_key = "note_of_care"
    purpose = Purpose.TREATMENT


@pytest.fixture
def care():
    PatientNotificationType.register(CarePayload)
    yield CarePayload
    PatientNotificationType.unregister("note_of_care")


@pytest.fixture(autouse=True)
def addresses(ana, ben):
    for patient, number in ((ana, "+12125550142"), (ben, BENS_NUMBER)):
        phone_of(patient, number)
        email_of(patient)


def listed():
    return {row.notification_id for row in delivery.for_a_person()}


def told_too_late(patient, payload=CarePayload, **options):
    """A message to a patient that was held until its time to act was over."""
    switches.hold(actor=DESK, why="an outage")
    made = send(patient, payload(good_until=NOON + HOUR), **options)
    switches.lift(actor=DESK)
    run(at=NOON + 2 * HOUR)
    assert status_of(made, "sms")[0] == status_of(made, "email")[0] == DeliveryStatus.EXPIRED
    return made


def test_what_neither_text_nor_mail_brought_in_time_waits_for_a_call_once(ana, ben):
    hers = told_too_late(ana)
    told_too_late(ben, NotePayload)  # not about his care
    [row] = delivery.for_a_person()
    assert row.notification_id == hers.pk


def test_the_desk_finds_it_with_the_next_step_and_can_only_mark_it(client, ana, ben):
    boss = User.objects.create_superuser(username="boss@example.com", password=PASSWORD)
    client.force_login(boss)
    told_too_late(ana)
    told_too_late(ben, NotePayload)
    page = text_of(client.get("/admin/notifications/delivery/?state=open"))
    assert "1 delivery" in page
    assert "Call" in page
    [row] = delivery.for_a_person()
    with pytest.raises(Refused, match="Only what failed can be tried again"):
        delivery.try_again(delivery_id=row.pk, actor=DESK)


def test_what_one_channel_brought_needs_no_call(ana, ben):
    switches.pause(channel="sms", code="20003", actor=DESK)
    made = send(ana, CarePayload(good_until=NOON + HOUR))
    run()
    run(at=NOON + 2 * HOUR)
    assert status_of(made, "sms")[0] == DeliveryStatus.EXPIRED
    assert status_of(made, "email")[0] == DeliveryStatus.ACCEPTED
    assert listed() == set()


def test_what_another_message_said_as_well_needs_no_call(ana, ben):
    """As a household's text does, or a summary; the e-mail was too late."""
    made = told_too_late(ana)
    his = told_too_late(ben)
    lead = delivery_of(send(ben), "sms")
    Delivery.objects.filter(notification=made, channel="sms").update(
        status=DeliveryStatus.SKIPPED, reason=Reason.MERGED, merged_into=lead
    )
    assert listed() == {his.pk}


def test_who_read_it_in_the_inbox_needs_no_call(ana, ben):
    hers, his = told_too_late(ana), told_too_late(ben)
    patient_notification_service.mark_read(patient_id=ana.pk, notification_id=hers.pk)
    assert listed() == {his.pk}


def test_a_reminder_that_the_next_one_replaced_needs_no_call(ana, ben):
    told_too_late(ana, subject="appointment:1")
    his = told_too_late(ben, subject="appointment:2")
    with clock.at(NOON + 3 * HOUR):
        send(ana, CarePayload(), subject="appointment:1")
    assert listed() == {his.pk}


def test_what_failed_elsewhere_is_on_the_list_once(ana):
    made = told_too_late(ana)
    Delivery.objects.filter(notification=made, channel="sms").update(status=DeliveryStatus.FAILED)
    [row] = delivery.for_a_person()
    assert row.channel == "sms"


def test_who_called_marks_it_and_the_whole_message_is_off_the_list(ana, ben):
    his = told_too_late(ben)
    told_too_late(ana)
    for row in delivery.for_a_person().filter(notification__patient=ana):
        assert delivery.mark_handled(delivery_id=row.pk, actor=DESK)
    assert listed() == {his.pk}


def test_what_is_a_week_old_is_history(ana):
    made = told_too_late(ana)
    assert listed() == {made.pk}
    row = delivery_of(made, "sms")
    with clock.at(row.status_at + timedelta(days=9)):
        assert listed() == set()
