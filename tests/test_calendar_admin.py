"""Recalls, statements and the waiting list at the desk: through the services, nothing private."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from notifications import clock
from notifications.enums import AuditAction, PlanStatus
from notifications.models import AuditEvent
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.models import (
    Appointment,
    Opening,
    PlannedTreatment,
    RecallSchedule,
    Statement,
    User,
    WaitingListEntry,
)
from portal.services import cancel, issue_statement, join_waiting_list, start_recall
from tests.clinic import DESK, a_visit
from tests.conftest import signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("practice")]
NAMES = ("recallschedule", "plannedtreatment", "statement", "waitinglistentry", "opening")
CANARY = "canary-root-canal-on-tooth-14"


def page(model, view, *args):
    return reverse(f"admin:portal_{model._meta.model_name}_{view}", args=args)


def clerk_with(*names) -> User:
    clerk = User.objects.create_user(username="clerk@example.com", is_staff=True)
    rights = Permission.objects.filter(content_type__app_label="portal", codename__in=names)
    clerk.user_permissions.set(rights)
    return clerk


@pytest.fixture
def clerk(db) -> User:
    rights = [f"{may}_{name}" for name in NAMES for may in ("view", "add", "change")]
    return clerk_with(*rights, "view_appointment", "change_appointment")


@pytest.fixture
def desk(clerk):
    return signed_in(clerk)


def act(client, model, action, *rows):
    sent = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(page(model, "changelist"), sent | {"confirmed": "yes"}, follow=True)


def planned(subject: str) -> int:
    plans = notification_scheduler_service.planned_for(subject=subject)
    return sum(plan.status == PlanStatus.PLANNED for plan in plans)


def a_recall(patient, **options) -> RecallSchedule:
    given = {"kind": "hygiene", "months": 6, "last_visit_on": timezone.localdate(), "actor": DESK}
    return start_recall(patient_id=patient.pk, **given | options)


def split(name: str, moment) -> dict[str, str]:
    return {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}


# -- recall ---------------------------------------------------------------------------------------


def test_a_recall_entered_at_the_desk_is_planned_and_said_who_did(desk, clerk, ana, ben):
    sent = {"patient": ana.pk, "kind": "hygiene", "months": 6, "max_reminders": 4}
    refused = desk.post(page(RecallSchedule, "add"), sent, follow=True)
    assert "Say when it is due" in refused.content.decode()
    assert not RecallSchedule.objects.exists()
    last = {"last_visit_on": f"{timezone.localdate()}"}
    assert desk.post(page(RecallSchedule, "add"), sent | last).status_code == 302
    row = RecallSchedule.objects.get()
    assert row.patient == ana
    assert planned(row.subject) == 4
    event = AuditEvent.objects.get(action=AuditAction.CHANGED)
    assert (event.actor, event.details) == (f"user:{clerk.pk}", {"change": "started"})


def test_a_recall_is_paused_and_changed_on_its_page(desk, ana):
    row = a_recall(ana)
    form = {"months": 9, "due_on": row.due_on, "paused_until": "", "max_reminders": 2}
    assert desk.post(page(RecallSchedule, "change", row.pk), form).status_code == 302
    row.refresh_from_db()
    assert (row.months, row.max_reminders, planned(row.subject)) == (9, 2, 2)
    pause = form | {"due_on": row.due_on, "paused_until": row.due_on + timedelta(days=1)}
    assert desk.post(page(RecallSchedule, "change", row.pk), pause).status_code == 302
    row.refresh_from_db()
    assert row.paused_until == row.due_on + timedelta(days=1)
    due = [plan.rule for plan in notification_scheduler_service.planned(days=900)]
    assert due == ["30-after", "60-after"]


def test_a_recall_is_ended_started_again_and_seen_today(desk, ana, ben):
    mine = a_recall(ana, last_visit_on=timezone.localdate() - timedelta(days=90))
    other = a_recall(ben)
    act(desk, RecallSchedule, "end", mine)
    assert (planned(mine.subject), planned(other.subject)) == (0, 4)
    act(desk, RecallSchedule, "start_again", mine)
    assert planned(mine.subject) == 4
    act(desk, RecallSchedule, "seen_today", mine)
    mine.refresh_from_db()
    assert mine.last_visit_on == timezone.localdate()
    assert planned(mine.subject) == 4
    assert "already" in act(desk, RecallSchedule, "start_again", mine).content.decode()


@pytest.mark.req("H-02")
def test_h02_what_is_planned_is_written_once_and_not_shown_again(desk, ana, provider):
    sent = {"patient": ana.pk, "provider": provider.pk, "summary": CANARY, "next_step": CANARY}
    assert desk.post(page(PlannedTreatment, "add"), sent).status_code == 302
    row = PlannedTreatment.objects.get()
    assert row.summary == CANARY
    assert planned(row.subject) == 2
    for address in (page(PlannedTreatment, "changelist"), page(PlannedTreatment, "change", row.pk)):
        assert CANARY not in desk.get(address).content.decode()
    act(desk, PlannedTreatment, "end", row)
    assert planned(row.subject) == 0


# -- statements -----------------------------------------------------------------------------------


@pytest.mark.req("H-02")
def test_h02_a_statement_is_issued_and_paid_and_no_list_shows_a_sum(desk, ana):
    due = timezone.localdate() + timedelta(days=30)
    sent = {"patient": ana.pk, "amount": "120.50", "what_for": CANARY, "due_on": due}
    assert desk.post(page(Statement, "add"), sent).status_code == 302
    row = Statement.objects.get()
    assert (row.amount, row.guarantor) == ("120.50", ana)
    listed = desk.get(page(Statement, "changelist")).content.decode()
    shown = desk.get(page(Statement, "change", row.pk)).content.decode()
    assert "120.50" not in listed
    assert CANARY not in listed + shown
    act(desk, Statement, "mark_paid", row)
    assert planned(row.subject) == 0
    receipt, told = patient_notification_service.inbox(patient_id=ana.pk).items
    assert (receipt.type, told.type) == ("payment_confirmation", "payment_due")
    assert told.expired_at is not None
    assert "is paid" in act(desk, Statement, "withdraw", row).content.decode()


def test_a_statement_is_never_edited_or_deleted(desk, ana):
    due_on = timezone.localdate() + timedelta(days=30)
    row = issue_statement(patient_id=ana.pk, amount=Decimal("45"), due_on=due_on, actor=DESK)
    change, delete = page(Statement, "change", row.pk), page(Statement, "delete", row.pk)
    assert desk.post(change, {"due_on": f"{timezone.localdate()}"}).status_code == 403
    assert desk.post(delete, {"post": "yes"}).status_code == 403
    assert Statement.objects.get().due_on == due_on


# -- waiting list ---------------------------------------------------------------------------------


@pytest.fixture
def free(location, provider):
    """A day in which nothing is booked, at ten of the place's clock."""
    with timezone.override(location.zone):
        day = timezone.localtime(clock.now()) + timedelta(days=3)
    return day.replace(hour=10, minute=0, second=0, microsecond=0)


def test_who_called_first_is_given_the_time(desk, ana, ben, location, provider, free):
    for patient in (ana, ben):
        sent = {"patient": patient.pk, "location": location.pk, "minutes": 30, "notice_hours": 2}
        assert desk.post(page(WaitingListEntry, "add"), sent).status_code == 302
    sent = {"provider": provider.pk, "location": location.pk, "answer_by_0": "", "answer_by_1": ""}
    sent |= split("starts_at", free) | split("ends_at", free + timedelta(minutes=30))
    assert desk.post(page(Opening, "add"), sent).status_code == 302
    opening = Opening.objects.get()
    assert opening.starts_at == free
    assert page(Opening, "give", opening.pk) in desk.get(page(Opening, "change", opening.pk)).text
    asked = desk.get(page(Opening, "give", opening.pk)).content.decode()
    assert "Ana Example" in asked
    entry = WaitingListEntry.objects.get(patient=ben)
    given = desk.post(page(Opening, "give", opening.pk), {"entry": entry.pk}, follow=True)
    assert "The time was given" in given.content.decode()
    visit = Appointment.objects.get()
    assert (visit.patient, visit.starts_at) == (ben, free)
    assert "taken this time" in act(desk, Opening, "take_back", opening).content.decode()
    shown = desk.get(page(Opening, "change", opening.pk)).text
    assert "Ben Example" in shown
    assert "at 9:00 AM" in shown  # until when to answer, on the place's own clock
    assert str(entry.pk) not in shown


def test_the_time_of_a_cancelled_visit_is_offered_from_its_row(
    desk, ana, ben, location, provider, free
):
    visit = a_visit(ben, free, location=location, provider=provider)
    join_waiting_list(patient_id=ana.pk, location_id=location.pk, actor=DESK)
    refused = act(desk, Appointment, "offer_time", visit)
    assert "Only the time of a cancelled visit" in refused.content.decode()
    cancel(appointment_id=visit.pk, actor=DESK)
    act(desk, Appointment, "offer_time", visit)
    (offer,) = patient_notification_service.inbox(patient_id=ana.pk).items
    assert offer.type == "opening_offer"


@pytest.mark.req("H-02")
def test_h02_who_may_only_look_changes_nothing(ana):
    row = a_recall(ana)
    client = signed_in(clerk_with("view_recallschedule"))
    assert client.get(page(RecallSchedule, "changelist")).status_code == 200
    act(client, RecallSchedule, "end", row)
    assert client.post(page(RecallSchedule, "change", row.pk), {"months": 9}).status_code == 403
    for model in (Statement, Opening, WaitingListEntry, PlannedTreatment):
        assert client.get(page(model, "changelist")).status_code == 403
    row.refresh_from_db()
    assert (row.ended_at, row.months) == (None, 6)
