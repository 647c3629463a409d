"""The visits of a patient: asking to move one, keeping one, and looking back."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from icalendar import Calendar

from notifications import calls, clock
from notifications.enums import (
    AuditAction,
    CallOutcome,
    CallReason,
    DeliveryStatus,
    PlanStatus,
    Reason,
)
from notifications.models import AuditEvent, CallTask, Delivery, PatientNotification
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service as service
from notifications.types import Refused
from portal.models import Appointment, ClosedDay, Guardianship, ReminderRule, User
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import (
    ask_to_move,
    cancel,
    complete,
    confirm,
    default_reminder_rules,
    keep,
    reschedule,
    take_back,
)
from tests.clinic import DESK, a_visit, wall
from tests.conftest import PASSWORD, signed_in
from tests.crowd import side_by_side
from tests.engine import BENS_NUMBER, NOON, phone_of, run, status_of
from tests.pages import HTMX, act, child_of, text_of
from tests.test_replies import text

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
ME = "user:ana"
MORNINGS = "Any morning, my root canal hurts"


@pytest.fixture
def visits(location, provider):
    """Book visits of half an hour: `visits(ana, NOON + DAY)`."""

    def book(patient, starts_at=NOON + 3 * DAY, **options):
        return a_visit(patient, starts_at, location=location, provider=provider, **options)

    return book


@pytest.fixture
def asked(ana, location, visits):
    """Ana's visit in three days, about which a ladder has begun to ask her."""
    phone_of(ana)
    rule = ReminderRule(
        location=location, name="ask", what="confirm", minutes_before=4320, ladder="standard"
    )
    keep(rule, actor=DESK)
    visit = visits(ana, announce=False)
    run()
    return visit


def wish(visit, patient=None, note=""):
    who = patient or visit.patient
    return ask_to_move(visit_id=visit.pk, patient_id=who.pk, note=note, actor=f"user:{who.pk}")


def never_mind(visit):
    patient_id = visit.patient_id
    return take_back(visit_id=visit.pk, patient_id=patient_id, actor=f"user:{patient_id}")


def calls_about(visit):
    return list(CallTask.objects.filter(subject=visit.subject, reason="move").order_by("id"))


def outcomes(visit):
    return [call.outcome for call in calls_about(visit)]


def answers_about(visit):
    rows = PatientNotification.objects.filter(subject=visit.subject).order_by("id")
    return [(row.type, row.action_taken) for row in rows]


# -- asking to move a visit ---------------------------------------------------------------------


def test_asking_to_move_a_visit_asks_the_desk_to_call_once(ana, visits):
    visit = visits(ana)
    first, again = wish(visit, note=MORNINGS), wish(visit, note="Or evenings")
    assert first == again
    call = calls_about(visit)[0]
    assert outcomes(visit) == [""]
    assert (call.note, call.due_at, call.call_by) == (MORNINGS, NOON, wall("2026-11-25 17:00"))
    visit.refresh_from_db()
    assert visit.status == Appointment.Status.BOOKED
    trail = AuditEvent.objects.filter(action=AuditAction.CALL, object_id=str(call.pk))
    assert [row.actor for row in trail] == [f"user:{ana.pk}"]
    assert MORNINGS not in str([row.details for row in AuditEvent.objects.all()])


def test_we_promise_to_call_by_the_end_of_a_day_somebody_is_in_and_before_the_visit(ana, visits):
    ClosedDay.objects.create(on=wall("2026-11-25 12:00").date(), name="Works")
    far, near = visits(ana, NOON + 5 * DAY), visits(ana, NOON + 5 * HOUR)
    assert wish(far).call_by == wall("2026-11-26 17:00")
    assert wish(near).call_by == near.starts_at


def test_what_was_promised_stays_on_top_of_the_desks_list_however_late(ana, ben, visits):
    visit = visits(ana, NOON + 60 * DAY)
    wish(visit)
    with clock.at(NOON + 30 * DAY):
        calls.open_call(patient_id=ben.pk, reason=CallReason.ASKED, key="1", due_at=clock.now())
        assert [call.patient_id for call in calls.to_make()] == [ana.pk, ben.pk]


def test_who_asks_to_move_a_visit_is_not_asked_to_confirm_it_meanwhile(ana, asked):
    before = Delivery.objects.exclude(attempts=0).count()
    wish(asked)
    assert answers_about(asked) == [("appointment_reminder", "move")]
    for hour in range(70):
        run(NOON + hour * HOUR)
    assert Delivery.objects.exclude(attempts=0).count() == before
    assert not CallTask.objects.filter(reason=CallReason.NOT_REACHED, settled_at=None).exists()


def test_what_is_planned_only_reminds_until_somebody_has_called(ana, location, visits):
    default_reminder_rules(location)
    visit = visits(ana, NOON + 5 * DAY)

    def asks():
        plans = notification_scheduler_service.planned_for(subject=visit.subject)
        planned = [plan for plan in plans if plan.status == PlanStatus.PLANNED]
        return [bool(plan.payload.get("asks_to_confirm")) for plan in planned]

    before = asks()
    assert True in before
    wish(visit)
    assert asks() == [False] * len(before)
    never_mind(visit)
    assert asks() == before


def test_a_question_that_waits_for_the_morning_is_not_sent_after_a_wish(ana, ben, visits):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    questions = {}
    with clock.at(wall("2026-11-24 23:00")):
        for patient in (ana, ben):
            visit = visits(patient, announce=False)
            payload = AppointmentReminderPayload(**visit_fields(visit), asks_to_confirm=True)
            who = {"patient_id": patient.pk, "subject": visit.subject}
            questions[patient] = service.create_notification(**who, payload=payload), visit
        wish(questions[ana][1])
    run(wall("2026-11-25 09:00"))
    assert status_of(questions[ana][0], "sms") == (DeliveryStatus.SKIPPED, Reason.ANSWERED)
    assert status_of(questions[ben][0], "sms")[0] == DeliveryStatus.ACCEPTED


def test_never_mind_ends_the_call_and_lets_the_message_ask_again(ana, asked):
    wish(asked)
    assert [never_mind(asked), never_mind(asked)] == [True, False]
    assert outcomes(asked) == [CallOutcome.CANCELLED]
    assert answers_about(asked) == [("appointment_reminder", "")]
    wish(asked, note="Evenings after all")
    assert outcomes(asked) == [CallOutcome.CANCELLED, ""]
    assert calls_about(asked)[1].note == "Evenings after all"


@pytest.mark.parametrize(
    ("change", "ends_as"),
    [
        (lambda visit: confirm(appointment_id=visit.pk, actor=DESK), CallOutcome.ANSWERED),
        (lambda visit: cancel(appointment_id=visit.pk, actor=DESK), CallOutcome.CANCELLED),
        (
            lambda visit: reschedule(
                appointment_id=visit.pk,
                starts_at=visit.starts_at + HOUR,
                ends_at=visit.ends_at + HOUR,
                actor=DESK,
            ),
            CallOutcome.CANCELLED,
        ),
        (
            lambda visit: complete(appointment_id=visit.pk, actor=DESK, of_any_day=True),
            CallOutcome.CANCELLED,
        ),
    ],
    ids=["confirmed", "cancelled", "moved", "over"],
)
def test_a_wish_ends_when_the_visit_changes(ana, visits, change, ends_as):
    visit, other = visits(ana), visits(ana, NOON + 9 * DAY)
    wish(visit)
    wish(other)
    change(visit)
    assert (outcomes(visit), outcomes(other)) == ([ends_as], [""])


def test_a_yes_by_text_after_asking_to_move_confirms_the_visit(ana, asked):
    wish(asked)
    answer = text("1")
    asked.refresh_from_db()
    assert asked.status == Appointment.Status.CONFIRMED
    assert "confirmed" in answer
    assert outcomes(asked) == [CallOutcome.ANSWERED]
    assert answers_about(asked) == [("appointment_reminder", "confirm")]


def test_what_was_confirmed_stays_confirmed_when_it_is_asked_to_be_moved(ana, ana_client, asked):
    message = PatientNotification.objects.get(subject=asked.subject)
    act(ana_client, message, "confirm")
    wish(asked)
    act(ana_client, message, "confirm")
    asked.refresh_from_db()
    assert asked.status == Appointment.Status.CONFIRMED
    assert answers_about(asked) == [("appointment_reminder", "confirm")]
    assert outcomes(asked) == [""]


def test_a_visit_that_is_over_off_or_anothers_cannot_be_moved(ana, ben, visits):
    begun, off, bens = visits(ana, NOON + HOUR), visits(ana, NOON + DAY), visits(ben)
    cancel(appointment_id=off.pk, actor=DESK)
    with clock.at(NOON + 2 * HOUR):
        for visit in (begun, off, bens):
            with pytest.raises(Refused):
                wish(visit, ana)
    with pytest.raises(Refused):
        take_back(visit_id=bens.pk, patient_id=ana.pk, actor=ME)
    assert not CallTask.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_who_presses_twice_while_others_change_the_visit_waits_for_nobody_for_ever(
    ana, asked, visits
):
    other = visits(ana, NOON + 9 * DAY)
    message = PatientNotification.objects.get(subject=asked.subject)
    who = {"patient_id": ana.pk, "notification_id": message.pk}
    side_by_side(
        lambda: wish(asked, note="One"),
        lambda: wish(asked, note="Two"),
        lambda: service.mark_read(**who),
        lambda: cancel(appointment_id=other.pk, actor=DESK),
    )
    assert outcomes(asked) == [""]
    side_by_side(
        lambda: never_mind(asked),
        lambda: confirm(appointment_id=asked.pk, actor=DESK),
        lambda: service.mark_unread(**who),
    )
    assert outcomes(asked) in ([CallOutcome.CANCELLED], [CallOutcome.ANSWERED])


# -- its page -----------------------------------------------------------------------------------


def test_the_page_asks_says_what_was_asked_and_takes_it_back(ana, ana_client, visits):
    page = f"/visits/{visits(ana).pk}/move/"
    assert "Which days and times suit you?" in text_of(ana_client.get(page))
    asked = ana_client.post(page, {"note": "Mornings", "next": page, "part": "move"})
    assert (asked.status_code, asked["Location"]) == (303, page)
    told = text_of(ana_client.get(page))
    assert "You asked to move this visit on Tue, Nov 24 at 12:00 PM EST." in told
    assert "We will call you by Wed, Nov 25 at 5:00 PM EST." in told
    assert "Which days" not in told
    back = ana_client.post(f"{page}never-mind/", {"next": "/visits/", "part": "card"})
    assert (back.status_code, back["Location"]) == (303, "/visits/")
    assert "Your visit stays as it is." in text_of(ana_client.get("/visits/"))


def test_with_script_only_what_changed_is_drawn(ana, ana_client, visits):
    visit = visits(ana)
    page = f"/visits/{visit.pk}/move/"
    answers = [
        ana_client.post(page, {"part": "move"}, headers=HTMX),
        ana_client.post(f"{page}never-mind/", {"part": "card"}, headers=HTMX),
        ana_client.post(f"/visits/{visit.pk}/confirm/", {"part": "card"}, headers=HTMX),
    ]
    words = ["Never mind", "Ask to move", "You confirmed this visit"]
    for answer, word in zip(answers, words, strict=True):
        assert answer.status_code == 200
        assert "<html" not in text_of(answer)
        assert word in text_of(answer)
        assert "data-dm-focus" in text_of(answer)
        assert 'hx-swap-oob="innerHTML:#status"' in text_of(answer)


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_note_that_is_too_long_stays_to_be_shortened(ana, ana_client, visits, headers):
    page = f"/visits/{visits(ana).pk}/move/"
    long = "x" * 501
    answer = ana_client.post(page, {"note": long, "part": "move"}, headers=headers)
    assert answer.status_code == 422
    assert long in text_of(answer)
    assert "Please write 500 characters or less." in text_of(answer)
    assert ana_client.post(page, {"note": "x" * 498 + "\r\n."}).status_code == 303


@pytest.mark.req("S-01")
@pytest.mark.parametrize("path", ["move/", "move/never-mind/", "confirm/", "calendar.ics"])
@pytest.mark.parametrize("headers", [{}, HTMX])
def test_anothers_visit_does_not_exist(ana_client, ben, visits, path, headers):
    bens = visits(ben)
    wish(bens)
    url = f"/visits/{bens.pk}/{path}"
    answers = [ana_client.post(url, headers=headers), ana_client.get(url, headers=headers)]
    assert {answer.status_code for answer in answers} <= {404, 405}
    assert 404 in {answer.status_code for answer in answers}
    assert ana_client.get(f"/visits/?before={bens.pk}").status_code == 404
    bens.refresh_from_db()
    assert (bens.status, outcomes(bens)) == ("booked", [""])


def test_a_guardian_asks_for_the_child_and_nobody_else_does(ana, ana_client, ben_client, visits):
    sam = child_of(ana)
    Guardianship.objects.update(started_at=NOON - DAY)
    visit = visits(sam)
    page = f"/for/{sam.pk}/visits/{visit.pk}/move/"
    assert f'href="{page}"' in text_of(ana_client.get(f"/for/{sam.pk}/visits/"))
    assert ben_client.post(page).status_code == 404
    assert ana_client.post(f"/visits/{visit.pk}/move/").status_code == 404
    assert not calls_about(visit)
    answer = ana_client.post(page, {"part": "move"}, headers=HTMX)
    assert f'action="{page}never-mind/"' in text_of(answer)
    call = calls_about(visit)[0]
    assert call.patient_id == sam.pk
    trail = AuditEvent.objects.get(action=AuditAction.CALL, object_id=str(call.pk))
    assert trail.actor == f"user:{ana.pk}"


def test_a_message_leads_to_the_page_until_the_visit_is_asked_to_be_moved(ana, ana_client, visits):
    visit = visits(ana)
    link = f'href="/visits/{visit.pk}/move/"'
    centre = text_of(ana_client.get("/notifications/"))
    assert link in centre
    assert "Reschedule" in centre
    wish(visit)
    centre = text_of(ana_client.get("/notifications/"))
    assert link not in centre
    assert "You asked to move it 12:00 PM EST" in centre
    never_mind(visit)
    assert link in text_of(ana_client.get("/notifications/"))
    cancel(appointment_id=visit.pk, actor=DESK)
    assert link not in text_of(ana_client.get("/notifications/"))


# -- its file -----------------------------------------------------------------------------------


def test_a_visit_can_be_kept_in_a_calendar_that_others_see(ana, ana_client, visits):
    visit = visits(ana, reason=MORNINGS)

    def fetched():
        answer = ana_client.get(f"/visits/{visit.pk}/calendar.ics")
        assert answer["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer["Cache-Control"] == "no-store"
        return Calendar.from_ical(text_of(answer)).walk("VEVENT")[0]

    first = fetched()
    assert (first["summary"], first["location"]) == ("Visit at Main Street Dental", "Main St")
    assert (first.decoded("dtstart"), first.decoded("dtend")) == (visit.starts_at, visit.ends_at)
    assert first.decoded("dtstamp") == NOON
    later = {"starts_at": visit.starts_at + DAY, "ends_at": visit.ends_at + DAY}
    reschedule(appointment_id=visit.pk, **later, actor=DESK)
    moved = fetched()
    cancel(appointment_id=visit.pk, actor=DESK)
    off = fetched()
    assert first["uid"] == moved["uid"] == off["uid"]
    assert first["sequence"] < moved["sequence"] < off["sequence"]
    assert (moved["status"], off["status"]) == ("CONFIRMED", "CANCELLED")
    for event in (first, moved, off):
        said = event.to_ical().decode()
        assert not [word for word in ("root canal", "Lee", "Ana", "Example") if word in said]


# -- the desk -----------------------------------------------------------------------------------


@pytest.mark.req("H-02")
def test_the_desk_sees_that_there_is_a_note_in_lists_and_what_it_says_on_the_calls_page(
    ana, visits
):
    visit = visits(ana)
    wish(visit, note=MORNINGS)
    call = calls_about(visit)[0]
    clerk = User.objects.create_user(username="rosa", password=PASSWORD, is_staff=True)
    rights = [
        "view_calltask",
        "view_user",
        "view_delivery",
        "view_patientnotification",
    ]
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    desk = signed_in(clerk)
    for page in ("notifications/calltask/", f"portal/user/{ana.pk}/timeline/"):
        said = text_of(desk.get(f"/admin/{page}"))
        assert "The patient asks to move a visit" in said
        assert "with a note" in said.lower()
        assert MORNINGS not in said
    assert MORNINGS in text_of(desk.get(f"/admin/notifications/calltask/{call.pk}/change/"))
    seen = AuditEvent.objects.filter(action=AuditAction.VIEWED, object_id=str(call.pk))
    assert [row.actor for row in seen] == [f"user:{clerk.pk}"]


# -- the list -----------------------------------------------------------------------------------


def test_older_visits_follow_one_another_without_gap_or_repeat(ana, ben, ana_client, visits):
    days = [visits(ana, NOON - day * DAY) for day in range(1, 43)]
    together = visits(ana, NOON - 20 * DAY)  # two at the same moment, on both sides of a page
    visits(ben, NOON - 2 * DAY)
    seen, url = [], "/visits/"
    while url:
        page = text_of(ana_client.get(url))
        found = [part.split("-title")[0] for part in page.split('<article id="v-')[1:]]
        seen += [part.split('"')[0] for part in found]
        url = f"/visits/?before={seen[-1]}" if "Older visits</a>" in page else ""
    assert sorted(seen) == sorted(str(visit.pk) for visit in [*days, together])
    assert len(seen) == 43


def test_visits_of_another_year_say_so(ana, ana_client, visits):
    visits(ana, wall("2025-03-04 09:30"))
    assert "Tue, Mar 4, 2025 at 9:30 AM EST" in text_of(ana_client.get("/visits/"))


@pytest.mark.parametrize("page", ["/visits/", "/"])
def test_thirty_visits_cost_as_many_queries_as_one(ana, ana_client, visits, page):
    def queries():
        ana_client.get(page)
        with CaptureQueriesContext(connection) as found:
            assert ana_client.get(page).status_code == 200
        return len(found)

    wish(visits(ana))
    visits(ana, NOON - DAY)
    one = queries()
    for day in range(4, 34):
        wish(visits(ana, NOON + day * DAY))
        visits(ana, NOON - day * DAY)
    assert queries() == one
