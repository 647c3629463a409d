"""The same file again, a changed one, and a run that was cut off in the middle."""

import pytest

from notifications import audit, clock
from notifications.models import AuditEvent, PatientNotification, ScheduledNotification
from notifications.types import Refused
from portal import services
from portal.importers import check, run
from portal.models import Appointment, ExternalId, User
from tests.imports import (
    ANA,
    BEN,
    LEO,
    NOW,
    SOURCE,
    csv_of,
    everything,
    patient_called,
    planned,
    row,
    run_import,
    told,
    visit_called,
)

pytestmark = pytest.mark.django_db
DESK = "system:desk"
MOVED = {"starts_at": "2026-12-09 15:00"}


@pytest.fixture(autouse=True)
def friday_morning(practice):
    with clock.at(NOW):
        yield


@pytest.fixture
def bring_in(tmp_path):
    def bring(*lines: dict, expect: int = 0, **options):
        outcome = run_import(csv_of(*lines), folder=tmp_path, **options)
        assert outcome.code == expect, outcome.seen
        return outcome

    return bring


@pytest.fixture
def settled(bring_in):
    """A source whose first import is done: from now on its news is told."""
    bring_in(row(ANA))
    return visit_called("A1")


def crowd(count: int, **cells: str) -> list[dict]:
    """Return lines of as many patients, each with a visit of their own."""
    return [
        row({"patient_id": f"C{number:03}"}, appointment_id=f"V{number:03}", **cells)
        for number in range(count)
    ]


def test_a_yes_that_is_written_down_late_does_not_end_the_wish_to_move_after_it(settled, bring_in):
    about = {"visit_id": settled.pk, "patient_id": settled.patient_id, "actor": DESK}
    services.confirm(appointment_id=settled.pk, actor=DESK)
    services.ask_to_move(**about, note="")
    bring_in(row(ANA, status="confirmed"))
    settled.refresh_from_db()
    assert settled.status == Appointment.Status.CONFIRMED
    assert services.wishes_about([settled])
    bring_in(row(ANA, status="booked"))
    bring_in(row(ANA, status="confirmed", **MOVED))
    settled.refresh_from_db()
    assert (settled.status, settled.revision) == (Appointment.Status.CONFIRMED, 2)


# -- what is told --------------------------------------------------------------------------------


def test_the_first_import_plans_and_tells_nobody_anything_at_once(bring_in):
    bring_in(row(ANA), row(BEN, appointment_id="A2", status="confirmed"))
    assert planned(visit_called("A1")) == planned(visit_called("A2")) == ALL
    assert not PatientNotification.objects.exists()


ALL = ["7-days", "2-days", "2-hours"]


def test_who_was_here_before_by_the_same_file_is_not_told_as_somebody_new(bring_in, settled):
    week = settled.location.reminder_rules.get(name="7-days")
    week.audience = week.Audience.NEW
    services.keep(week, actor=DESK)
    before = row(BEN, appointment_id="B0", starts_at="2026-03-03 09:30", status="completed")
    bring_in(row(BEN, appointment_id="B1"), before)
    assert "7-days" not in planned(visit_called("B1"))
    assert "7-days" in planned(settled)


def test_each_source_has_a_first_import_of_its_own(bring_in, settled):
    bring_in(row(BEN), source="another")
    assert told(patient_called("P2", "another")) == []
    bring_in(row(BEN, appointment_id="A9", starts_at="2026-12-09 09:30"), source="another")
    assert told(patient_called("P2", "another")) == ["appointment_confirmed"]


def test_a_new_visit_in_a_later_file_is_told_once(bring_in, settled):
    for _time in range(3):
        bring_in(row(ANA), row(BEN, appointment_id="A2"))
    assert told(patient_called("P2")) == ["appointment_confirmed"]
    assert told(patient_called("P1")) == []


@pytest.mark.req("import: the same file twice")
def test_the_same_file_again_changes_nothing_and_says_so(bring_in):
    lines = (row(ANA, reason="Check-up"), row(LEO, appointment_id="A2"))
    bring_in(*lines)
    before = everything()
    outcome = bring_in(*lines)
    assert "Nothing has changed: everything in this file was known already." in outcome.out
    assert everything() == before


def test_a_moved_visit_is_told_once_and_reminded_of_at_its_new_time(bring_in, settled):
    for _time in range(2):
        bring_in(row(ANA, **MOVED))
    moved = visit_called("A1")
    assert told(moved.patient) == ["appointment_rescheduled"]
    rows = ScheduledNotification.objects.filter(subject=moved.subject, status="planned")
    assert sorted(plan.due_at.strftime("%m-%d %H:%M") for plan in rows) == [
        "12-02 20:00",
        "12-07 20:00",
        "12-09 18:00",
    ]
    assert {plan.revision for plan in rows} == {moved.revision} == {2}


def test_another_provider_at_the_same_time_is_a_move_and_another_length_is_not(bring_in, settled):
    bring_in(row(ANA, duration_minutes="45"))
    assert told(settled.patient) == []
    assert (visit_called("A1").ends_at - visit_called("A1").starts_at).total_seconds() == 2700
    bring_in(row(ANA, duration_minutes="45", provider_id="D2", provider_name="Dr. Poe"))
    assert told(settled.patient) == ["appointment_rescheduled"]
    assert visit_called("A1").provider.name == "Dr. Poe"


def test_a_cancelled_visit_is_told_once_and_reminded_of_no_more(bring_in, settled):
    for _time in range(2):
        bring_in(row(ANA, status="cancelled"))
    assert told(settled.patient) == ["appointment_cancelled"]
    assert planned(settled) == []


def test_moved_and_cancelled_in_one_go_is_only_cancelled_at_the_time_the_patient_knows(
    bring_in, settled
):
    bring_in(row(ANA, status="cancelled", **MOVED))
    assert told(settled.patient) == ["appointment_cancelled"]
    assert "9:30" in PatientNotification.objects.get().message


def test_a_cancelled_visit_that_is_booked_again_is_told_and_reminded_of_again(bring_in, settled):
    bring_in(row(ANA, status="cancelled"))
    bring_in(row(ANA))
    assert told(settled.patient) == ["appointment_cancelled", "appointment_confirmed"]
    assert planned(settled) == ALL


def test_a_visit_confirmed_in_the_source_is_reminded_of_but_not_asked_about(bring_in, settled):
    bring_in(row(ANA, status="confirmed"))
    assert visit_called("A1").status == Appointment.Status.CONFIRMED
    assert planned(settled) == ALL
    assert told(settled.patient) == []


def test_a_visit_that_took_place_or_was_missed_ends_its_plans(bring_in, settled):
    with clock.at(NOW.replace(month=12, day=8, hour=18)):
        bring_in(row(ANA, status="completed"))
        assert visit_called("A1").status == Appointment.Status.COMPLETED
        assert planned(settled) == ["review"]  # what follows a visit that was kept
        bring_in(row(ANA, status="no-show"))
    assert visit_called("A1").status == Appointment.Status.MISSED
    assert planned(settled) == ["missed"]
    assert told(settled.patient) == []


def test_a_visit_put_right_in_the_past_is_told_to_nobody(bring_in, settled):
    with clock.at(NOW.replace(month=12, day=10)):
        bring_in(row(ANA, starts_at="2026-12-08 10:00"))
        bring_in(row(ANA, starts_at="2026-12-08 10:15", status="fulfilled"))
    kept = visit_called("A1")
    assert (kept.starts_at.strftime("%H:%M"), kept.status) == ("15:15", "completed")
    assert told(settled.patient) == []


def test_reason_and_notes_are_taken_over_in_silence(bring_in, settled):
    bring_in(row(ANA, reason="Crown", notes="Bring x-rays"))
    assert (visit_called("A1").reason, visit_called("A1").notes) == ("Crown", "Bring x-rays")
    assert visit_called("A1").revision == 1
    assert told(settled.patient) == []


@pytest.mark.req("import: absence")
def test_who_is_absent_from_a_file_keeps_their_visit(bring_in, settled):
    bring_in(row(BEN, appointment_id="A2"))
    assert visit_called("A1").is_upcoming
    assert planned(settled) == ALL
    assert told(settled.patient) == []


# -- what was done here in the meantime ----------------------------------------------------------


def test_what_was_moved_here_stays_while_the_source_says_the_same(bring_in, settled):
    services.reschedule(
        appointment_id=settled.pk,
        starts_at=settled.starts_at.replace(hour=20),
        ends_at=settled.ends_at.replace(hour=21),
        actor=DESK,
    )
    bring_in(row(ANA, reason="Check-up"))
    assert visit_called("A1").starts_at.hour == 20


def test_what_the_patient_confirmed_here_stays_confirmed(bring_in, settled):
    services.confirm(appointment_id=settled.pk, actor=DESK)
    bring_in(row(ANA, reason="Check-up"))
    assert visit_called("A1").status == Appointment.Status.CONFIRMED


def test_what_was_cancelled_here_and_moved_there_is_left_for_a_person(bring_in, settled):
    services.cancel(appointment_id=settled.pk, actor=DESK)
    outcome = bring_in(row(ANA, **MOVED))
    assert visit_called("A1").status == Appointment.Status.CANCELLED
    assert "PLEASE LOOK: over or cancelled here, and the source disagrees" in outcome.out
    assert told(settled.patient) == ["appointment_cancelled"]


def test_a_visit_removed_here_is_not_brought_back(bring_in, settled):
    settled.delete()
    outcome = bring_in(row(ANA, **MOVED))
    assert not Appointment.objects.exists()
    assert "was removed here: left removed" in outcome.out


def test_a_visit_given_to_another_patient_is_left_for_a_person(bring_in, settled):
    outcome = bring_in(row(BEN))
    assert visit_called("A1").patient == patient_called("P1")
    assert "PLEASE LOOK: the source gives this visit to another patient" in outcome.out
    assert told(patient_called("P1")) == told(patient_called("P2")) == []


# -- many at once --------------------------------------------------------------------------------


@pytest.mark.req("import: --yes")
def test_more_than_twenty_moves_and_cancellations_ask_for_a_yes(bring_in):
    bring_in(*crowd(22))
    before = everything()
    news = crowd(11, **MOVED) + crowd(22, status="cancelled")[11:]
    outcome = bring_in(*news, expect=3)
    assert outcome.problems == [
        "This file has 11 cancellations and 11 moves, and each of these patients would be told. "
        "If that is right, run it again with --yes. Nothing was written."
    ]
    assert everything() == before
    bring_in(*news, yes=True)
    assert PatientNotification.objects.count() == 22


def test_twenty_moves_go_without_asking(bring_in):
    bring_in(*crowd(22))
    bring_in(*crowd(20, **MOVED))
    assert PatientNotification.objects.count() == 20


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(bring_in, settled):
    before = everything()
    outcome = bring_in(row(ANA, **MOVED), row(BEN, appointment_id="A2"), dry_run=True)
    assert "Visits:  1 moved, 1 created" in outcome.out
    assert "This was a dry run: nothing was written." in outcome.out
    assert everything() == before
    assert visit_called("A1").starts_at == settled.starts_at


def test_a_machine_can_read_what_was_done(bring_in, settled):
    outcome = bring_in(
        row(ANA, **MOVED), row(BEN, appointment_id="A2", status="waitlist"), json=True
    )
    assert outcome.err == ""
    assert outcome.report == {
        "source": SOURCE,
        "first_import": False,
        "written": True,
        "people": {"unchanged": 1, "created": 1},
        "visits": {"moved": 1, "skipped": 1},
        "planned": dict.fromkeys(["2-days", "2-hours", "7-days"], 1),
        "ignored_resources": {},
        "notes": [
            {
                "message": "asked for or on a waiting list, but not agreed: left out until it is",
                "where": ["line 3"],
            }
        ],
        "problems": [],
    }


def test_a_machine_can_read_what_is_wrong(bring_in):
    outcome = bring_in(row(ANA, status="kept"), json=True, expect=1)
    assert outcome.report["written"] is False
    assert [(each["where"], each["field"]) for each in outcome.report["problems"]] == [
        ("line 2", "status")
    ]


# -- cut off in the middle -----------------------------------------------------------------------


class Killed(BaseException):
    """The power went."""


def die_after(pieces: int):
    """Return a progress callback that ends the run after some pieces."""
    left = [pieces]

    def on_progress(_count: int) -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed

    return on_progress


def import_and_die(lines: list[dict], *, after: int) -> None:
    data = csv_of(*lines).encode()
    checked = check.check(source=SOURCE, data=data, format="csv")
    with pytest.raises(Killed):
        run.write(checked, on_progress=die_after(after))


@pytest.mark.req("import: resumable")
def test_a_first_import_cut_off_is_finished_by_running_it_again_in_silence(bring_in):
    lines = crowd(120)
    import_and_die(lines, after=1)
    assert Appointment.objects.count() == 50
    outcome = bring_in(*lines, json=True)
    assert outcome.report["first_import"] is True
    assert outcome.report["visits"] == {"unchanged": 50, "created": 70}
    assert (Appointment.objects.count(), User.objects.count()) == (120, 120)
    assert ScheduledNotification.objects.count() == 360
    assert not PatientNotification.objects.exists()
    assert bring_in(*lines, json=True).report["first_import"] is False


@pytest.mark.req("import: resumable")
def test_news_cut_off_in_the_middle_is_told_to_everybody_once(bring_in):
    bring_in(*crowd(120))
    moved = crowd(120, **MOVED)
    import_and_die(moved, after=2)
    assert PatientNotification.objects.count() == 100
    bring_in(*moved, yes=True)
    bring_in(*moved, yes=True)
    assert PatientNotification.objects.count() == 120
    assert PatientNotification.objects.values("patient").distinct().count() == 120


def test_a_refusal_in_the_middle_leaves_that_visit_alone_and_is_tried_again(bring_in, monkeypatch):
    bring_in(*crowd(3))

    def refuse(**_visit):
        raise Refused("This visit has already begun.")

    with monkeypatch.context() as patched:
        patched.setattr(services, "confirm", refuse)
        news = crowd(3) + [row(ANA, appointment_id="N1", status="confirmed")]
        outcome = bring_in(*news)
        assert "PLEASE LOOK: This visit has already begun. (line 5)" in outcome.out
        assert Appointment.objects.count() == 3  # booking it was taken back too
    bring_in(*news)
    assert visit_called("N1").status == Appointment.Status.CONFIRMED
    assert told(patient_called("P1")) == ["appointment_confirmed"]


# -- what is kept of it --------------------------------------------------------------------------


def test_the_audit_trail_says_what_came_from_a_file(bring_in):
    bring_in(row(ANA), row(BEN, appointment_id="A2", starts_at="2020-01-07 09:30"))
    bring_in(row(ANA | {"patient_last_name": "Sample"}))
    ana, ben = patient_called("P1"), patient_called("P2")
    rows = AuditEvent.objects.filter(action="imported").order_by("at", "id")
    about = [(each.patient_id, each.object_type, each.details.get("change")) for each in rows]
    assert about == [
        (ana.pk, "user", "created"),
        (ben.pk, "user", "created"),
        (ben.pk, "appointment", "recorded"),
        (None, "", None),
        (ana.pk, "user", "updated"),
        (None, "", None),
    ]
    assert rows.last().details == {"source": SOURCE, "people_updated": 1, "visits_unchanged": 1}
    assert audit.verify() == []


# -- how much work it is -------------------------------------------------------------------------


def test_a_file_that_changes_nothing_takes_the_same_few_queries_for_any_number_of_visits(
    bring_in, django_assert_max_num_queries
):
    few, many = crowd(10), crowd(50)
    many += [line | {"appointment_id": f"W{number}"} for number, line in enumerate(many)]
    bring_in(*many)
    with django_assert_max_num_queries(40) as taken:
        bring_in(*few)
    with django_assert_max_num_queries(len(taken)):
        bring_in(*many)


def test_past_visits_are_written_down_in_one_statement(bring_in, django_assert_max_num_queries):
    past = {"starts_at": "2020-01-07 09:30", "status": "fulfilled"}
    with django_assert_max_num_queries(60):
        bring_in(*crowd(50, **past))
    assert Appointment.objects.count() == 50


def test_ids_are_kept_without_what_they_stand_for(bring_in):
    """A fingerprint tells a change, and gives nobody's birth date away."""
    bring_in(row(ANA, reason="Crown"))
    bring_in(row(BEN, patient_id="P1"), source="other")
    digests = ExternalId.objects.filter(resource="Appointment").values_list("digest", flat=True)
    assert all(len(digest) == 62 for digest in digests)
