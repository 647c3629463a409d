"""A patient dies, or leaves the practice: from then on nothing reaches them, by no way."""

from datetime import date, timedelta
from decimal import Decimal
from functools import partial

import pytest

from notifications import clock, contacts
from notifications.enums import DeliveryStatus, PlanStatus, Reason
from notifications.models import AuditEvent, Delivery, PatientNotification, ScheduledNotification
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, User, WaitingListEntry
from portal.notification_types._visit import SETTLES_FOR
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import (
    book,
    cancel,
    come_back,
    default_reminder_rules,
    depart,
    issue_statement,
    join_waiting_list,
    plan_recalls,
    plan_treatment,
    request_form,
    reschedule,
    start_recall,
)
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.conftest import PASSWORD, signed_in
from tests.engine import NotePayload, email_of, phone_of, run, send, status_of
from tests.imports import ANA, BEN, NOW, csv_of, patient_called, row, run_import, visit_called

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-10"), pytest.mark.usefixtures("noon")]

TODAY = date(2026, 11, 24)
IN_TEN_DAYS = wall("2026-12-04 09:30")
DIED, LEFT = "died", "left"


@pytest.fixture
def visit(ana, location, provider):
    """A visit whose news left an hour ago, and whose reminders are planned."""
    default_reminder_rules(location)
    email_of(ana)
    phone_of(ana)
    with clock.at(clock.now() - timedelta(hours=1)):
        booked = a_visit(ana, IN_TEN_DAYS, location=location, provider=provider)
    run()
    return booked


def gone(patient, departure=LEFT, *, on=TODAY) -> User:
    return depart(patient_id=patient.pk, departure=departure, on=on, actor=DESK)


# -- what ends at once ---------------------------------------------------------------------------


@pytest.mark.parametrize("departure", [DIED, LEFT])
def test_her_visits_are_cancelled_without_a_word_and_no_reminder_ever_comes(
    ana, visit, outbox, departure
):
    told, left = PatientNotification.objects.count(), len(outbox())
    gone(ana, departure)
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CANCELLED
    plans = ScheduledNotification.objects.filter(patient=ana)
    assert {(plan.status, plan.reason) for plan in plans} == {
        (PlanStatus.CANCELLED, Reason.DEPARTED)
    }
    for days in range(11):
        run(at=clock.now() + timedelta(days=days))
    assert (PatientNotification.objects.count(), len(outbox())) == (told, left)


def test_what_had_not_left_is_called_off_with_the_reason(ana, note, outbox):
    email_of(ana)
    phone_of(ana)
    waiting = send(ana, NotePayload())
    gone(ana)
    run()
    for channel in ("email", "sms", "push"):
        assert status_of(waiting, channel) == (DeliveryStatus.CANCELLED, Reason.DEPARTED)
    assert outbox() == outbox("sms") == []


def test_another_patients_visit_and_messages_go_on(ana, ben, visit, location, provider):
    email_of(ben)
    other = a_visit(ben, IN_TEN_DAYS, location=location, provider=provider)
    gone(ana)
    other.refresh_from_db()
    assert other.status == Appointment.Status.BOOKED
    run(at=clock.now() + SETTLES_FOR)
    [booked] = PatientNotification.objects.filter(patient=ben)
    assert status_of(booked, "email")[0] == DeliveryStatus.ACCEPTED


def test_nobody_keeps_a_place_on_the_waiting_list_for_her(ana, ben, location):
    hers, his = (
        WaitingListEntry.objects.create(patient=patient, location=location)
        for patient in (ana, ben)
    )
    gone(ana)
    hers.refresh_from_db()
    his.refresh_from_db()
    assert (hers.ended_at, his.ended_at) == (clock.now(), None)


# -- what is tried afterwards --------------------------------------------------------------------


def test_nobody_makes_a_message_for_her_any_more(ana, note):
    gone(ana)
    with pytest.raises(Refused, match="no longer a patient") as refusal:
        send(ana, NotePayload())
    assert refusal.value.field == "patient_id"
    assert not PatientNotification.objects.exists()


def test_a_broadcast_leaves_her_out_and_reaches_the_others(ana, ben, note):
    gone(ana)
    made = patient_notification_service.create_many(
        patient_ids=[ana.pk, ben.pk], build=lambda pk: NotePayload(), key=lambda pk: "to all"
    )
    assert made == 1
    assert PatientNotification.objects.get().patient == ben


def test_what_somebody_plans_for_her_all_the_same_ends_with_the_reason(ana):
    gone(ana)
    plan = notification_scheduler_service.plan(
        patient_id=ana.pk,
        payload=AppointmentReminderPayload.example(),
        subject="appointment:another",
        rule="2-days",
        due_at=clock.now(),
        key="late",
    )
    run()
    plan.refresh_from_db()
    assert (plan.status, plan.reason) == (PlanStatus.CANCELLED, Reason.DEPARTED)


def test_an_open_row_that_was_overlooked_is_stopped_where_it_would_be_sent(ana, note, outbox):
    email_of(ana)
    urgent = send(ana, NotePayload(), priority="urgent")
    User.objects.filter(pk=ana.pk).update(departure=DIED)  # as by another system's hand
    run()
    assert status_of(urgent, "email") == (DeliveryStatus.SKIPPED, Reason.DEPARTED)
    assert outbox() == []


def test_no_visit_ahead_is_booked_or_moved_for_her(ana, visit, location, provider):
    gone(ana)
    times = {"starts_at": IN_TEN_DAYS, "ends_at": IN_TEN_DAYS + HALF_AN_HOUR, "actor": DESK}
    with pytest.raises(Refused, match="no visit can be booked"):
        book(patient_id=ana.pk, provider_id=provider.pk, location_id=location.pk, **times)
    with pytest.raises(Refused) as refusal:
        reschedule(appointment_id=visit.pk, **times)
    assert refusal.value.field == "patient_id"


def test_a_visit_that_came_in_unseen_can_be_cancelled_and_nobody_is_told(ana, location, provider):
    gone(ana)
    unseen = Appointment.objects.create(
        patient=ana,
        provider=provider,
        location=location,
        starts_at=IN_TEN_DAYS,
        ends_at=IN_TEN_DAYS + HALF_AN_HOUR,
    )
    cancel(appointment_id=unseen.pk, actor=DESK)
    assert not PatientNotification.objects.exists()


def test_not_even_a_code_is_sent_to_her_number(ana, outbox):
    number = phone_of(ana, verified=False, agreed=False)
    gone(ana)
    with pytest.raises(Refused, match="Nothing is sent"):
        contacts.send_code(patient_id=ana.pk, contact_id=number.pk, actor=DESK)
    assert outbox("sms") == []


# -- their account -------------------------------------------------------------------------------


def test_the_account_of_who_died_is_closed_and_open_windows_with_it(ana):
    window = signed_in(ana)
    gone(ana, DIED)
    assert window.get("/notifications/").status_code == 302
    typed = {"username": ana.username, "password": PASSWORD}
    assert window.post("/accounts/login/", typed).status_code == 200
    assert window.get("/notifications/").status_code == 302


def test_who_left_still_reads_what_is_theirs(ana, visit):
    gone(ana)
    page = signed_in(ana).get("/notifications/")
    assert page.status_code == 200


# -- the record ----------------------------------------------------------------------------------


def test_it_is_in_the_trail_and_twice_changes_nothing(ana):
    gone(ana, DIED, on=None)
    gone(ana, DIED, on=None)
    noted = AuditEvent.objects.filter(patient_id=ana.pk, action="changed", object_type="user")
    assert [row.details["change"] for row in noted] == ["died"]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"departure": "moved"}, "departure"), ({"on": TODAY + timedelta(days=1)}, "on")],
)
def test_what_cannot_be_is_refused_and_named(ana, wrong, field):
    with pytest.raises(Refused) as refusal:
        gone(ana, **{"departure": LEFT, "on": TODAY} | wrong)
    assert refusal.value.field == field


def test_who_comes_back_is_booked_and_told_again(ana, visit, location, provider):
    gone(ana)
    come_back(patient_id=ana.pk, actor=DESK)
    anew = a_visit(ana, IN_TEN_DAYS + timedelta(days=1), location=location, provider=provider)
    run(at=clock.now() + SETTLES_FOR)
    booked = PatientNotification.objects.get(subject=anew.subject)
    assert status_of(booked, "email")[0] == DeliveryStatus.ACCEPTED
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.CANCELLED


def test_what_is_still_open_is_spoken_of_again_to_who_comes_back(ana, ben, provider):
    recall = {"kind": "hygiene", "months": 6, "last_visit_on": TODAY}
    sum_due = {"amount": Decimal("9.50"), "due_on": TODAY + timedelta(days=30)}
    for who in (ana, ben):
        start_recall(patient_id=who.pk, actor=DESK, **recall)
        issue_statement(patient_id=who.pk, actor=DESK, **sum_due)
        plan_treatment(patient_id=who.pk, provider_id=provider.pk, summary="Crown", actor=DESK)
    before = _ahead(ana)
    gone(ana)
    assert (_ahead(ana), _ahead(ben)) == ([], before)
    plan_recalls()
    assert _ahead(ana) == []
    come_back(patient_id=ana.pk, actor=DESK)
    assert _ahead(ana) == before


def _ahead(patient) -> list[tuple]:
    rows = ScheduledNotification.objects.filter(patient=patient, status=PlanStatus.PLANNED)
    return list(rows.order_by("type", "due_at").values_list("type", "rule", "due_at"))


def test_nothing_new_is_begun_with_her_and_the_desk_reads_why(ana, location, provider):
    gone(ana)
    hers = {"patient_id": ana.pk, "actor": DESK}
    for begin in (
        partial(start_recall, kind="hygiene", months=6, last_visit_on=TODAY),
        partial(plan_treatment, provider_id=provider.pk, summary="Crown"),
        partial(join_waiting_list, location_id=location.pk),
        partial(request_form, name="Medical history"),
    ):
        with pytest.raises(Refused, match="no longer a patient") as refusal:
            begin(**hers)
        assert refusal.value.field == "patient_id"


# -- at the desk ---------------------------------------------------------------------------------


@pytest.fixture
def chief_client(db):
    return signed_in(User.objects.create_superuser(username="chief@example.com", password="x" * 12))


def test_the_desk_sees_what_stops_before_it_stops_and_can_take_it_back(ana, visit, chief_client):
    page = f"/admin/portal/user/{ana.pk}/departure/"
    assert "1 visit still to come is cancelled" in chief_client.get(page).content.decode()
    assert User.objects.get(pk=ana.pk).departure == ""
    future = {"departure": DIED, "on": "2030-01-01"}
    assert "Choose today" in chief_client.post(page, future).content.decode()
    answer = chief_client.post(page, {"departure": DIED, "on": "2026-11-20"}, follow=True)
    assert "Nothing is sent to this person any more" in answer.content.decode()
    ana.refresh_from_db()
    assert (ana.departure, ana.departed_on, ana.is_active) == (DIED, date(2026, 11, 20), False)
    chief_client.post(page, {"come_back": "yes"})
    ana.refresh_from_db()
    assert (ana.departure, ana.departed_on, ana.is_active) == ("", None, False)


def test_who_may_only_look_cannot_note_it(ana, ben):
    ben.is_staff = True
    ben.save()
    page = f"/admin/portal/user/{ana.pk}/departure/"
    assert signed_in(ben).post(page, {"departure": DIED}).status_code == 403
    assert User.objects.get(pk=ana.pk).departure == ""


def test_the_booking_form_says_why_not(ana, visit, location, provider, chief_client):
    gone(ana)
    typed = {"starts_at_0": "2026-12-04", "starts_at_1": "09:30"}
    typed |= {"ends_at_0": "2026-12-04", "ends_at_1": "10:00", "reason": "", "notes": ""}
    who = {"patient": ana.pk, "provider": provider.pk, "location": location.pk}
    answer = chief_client.post("/admin/portal/appointment/add/", who | typed)
    assert answer.status_code == 200
    assert "no longer a patient here" in answer.content.decode()


# -- imports -------------------------------------------------------------------------------------


@pytest.fixture
def bring_in(practice, tmp_path):
    def bring(*rows, **options):
        with clock.at(NOW):
            return run_import(csv_of(*rows), folder=tmp_path, **options)

    return bring


@pytest.mark.parametrize(
    ("departure", "said"), [(DIED, "the patient has died"), (LEFT, "the patient has left")]
)
def test_a_file_that_says_so_takes_visits_back_and_names_what_it_left_out(
    bring_in, departure, said
):
    bring_in(row(ANA), row(BEN, appointment_id="B1"))
    now_gone = ANA | {"patient_departure": departure}
    new = row(now_gone, appointment_id="A2", starts_at="2026-12-10 09:30")
    outcome = bring_in(row(now_gone), new)
    assert f"2 × {said}" in outcome.out
    assert "1 withdrawn, 1 skipped" in outcome.out
    assert visit_called("A1").status == Appointment.Status.CANCELLED
    assert patient_called("P1").departure == departure
    assert not PatientNotification.objects.exists()
    assert visit_called("B1").status == Appointment.Status.BOOKED
    assert "Nothing has changed" in bring_in(row(now_gone), new).out


def test_a_visit_in_a_file_for_somebody_the_desk_noted_as_gone_is_left_out_and_named(bring_in):
    bring_in(row(ANA))
    gone(patient_called("P1"))
    outcome = bring_in(row(ANA), row(ANA, appointment_id="A2", starts_at="2026-12-10 09:30"))
    assert "1 × PLEASE LOOK: here the patient is noted as died or left" in outcome.out
    assert Appointment.objects.filter(status="booked").count() == 0
    assert Delivery.objects.count() == 0
