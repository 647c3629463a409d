"""One plan that cannot become a message never keeps the others from going."""

import io
import itertools
from datetime import timedelta

import pytest
from django.core.management import call_command

from notifications import clock, crypto
from notifications.enums import DeliveryStatus, PlanStatus, Reason
from notifications.models import PatientNotification, ScheduledNotification
from notifications.scheduler import notification_scheduler_service as scheduler
from portal.models import User
from tests.engine import NotePayload, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


def plan(patient, key: str, payload: NotePayload | None = None) -> ScheduledNotification:
    return scheduler.plan(
        patient_id=patient.pk,
        payload=payload or NotePayload.example(),
        subject=f"note:{key}",
        rule="once",
        due_at=clock.now() - timedelta(minutes=1),
        key=key,
    )


def outcome(row: ScheduledNotification) -> tuple[str, str]:
    return ScheduledNotification.objects.values_list("status", "reason").get(pk=row.pk)


UNWRITABLE = (PlanStatus.CANCELLED, Reason.UNWRITABLE)


def both_plans_are_settled(bad, good, patient) -> None:
    run()
    assert outcome(bad) == UNWRITABLE
    assert outcome(good) == (PlanStatus.SENT, "")
    assert PatientNotification.objects.get().patient == patient


def test_a_plan_whose_key_was_destroyed_keeps_nobody_waiting(ana, ben):
    bad, good = plan(ana, "1"), plan(ben, "2")
    crypto.destroy_key(ana.pk)
    both_plans_are_settled(bad, good, ben)


def test_a_plan_that_lacks_a_field_or_holds_nonsense_keeps_nobody_waiting(ana, ben):
    bad, good = plan(ana, "1"), plan(ben, "2")
    bad.payload = bad.payload | {"good_until": "whenever"}
    bad.save()
    both_plans_are_settled(bad, good, ben)


def test_a_plan_for_a_patient_with_an_impossible_zone_keeps_nobody_waiting(ana, ben, caplog):
    bad, good = plan(ana, "1"), plan(ben, "2")
    User.objects.filter(pk=ana.pk).update(zone="Mars/Olympus")
    both_plans_are_settled(bad, good, ben)
    assert str(bad.pk) in caplog.text
    assert "Mars" not in caplog.text


def test_a_plan_that_leads_to_a_foreign_page_keeps_nobody_waiting(ana, ben):
    bad, good = plan(ana, "1", NotePayload(link="//evil.example")), plan(ben, "2")
    both_plans_are_settled(bad, good, ben)


def test_a_run_whose_time_went_on_receipts_leaves_the_sending_to_the_next(ben, monkeypatch):
    """The queue ends a task after a minute: a text that is under way then is never known of."""
    phone_of(ben)
    made = send(ben)
    minutes = itertools.count(step=60)
    with monkeypatch.context() as slow:
        slow.setattr("notifications.scheduler.monotonic", lambda: next(minutes))
        run()
    assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED
    run()
    assert status_of(made, "sms")[0] == DeliveryStatus.ACCEPTED


def test_one_command_makes_all_that_is_due_however_much_it_is(ben, monkeypatch):
    monkeypatch.setattr(scheduler.run_due.__func__, "__kwdefaults__", {"now": None, "limit": 2})
    monkeypatch.setattr("notifications.scheduler.BATCH", 2)
    for number in range(5):
        plan(ben, str(number))
    said = io.StringIO()
    call_command("run_due", now=clock.now().isoformat(), stdout=said)
    assert PatientNotification.objects.count() == 5
    assert said.getvalue().startswith("Plans: 5 sent.")
