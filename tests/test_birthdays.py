"""A child turns 18: from that midnight on the guardian neither sees nor is sent anything."""

from datetime import date, timedelta

import pytest

from notifications import clock, contacts
from notifications.enums import ContactKind
from notifications.services import patient_notification_service
from portal.access import wards_of
from portal.models import Guardianship, User
from portal.notification_types.lab_results import LabResultsPayload
from portal.services import (
    begin_guardianship,
    date_guardianships,
    end_guardianship,
)
from portal.services.guardians import comes_of_age
from tests.clinic import DENVER, DESK, NEW_YORK, wall
from tests.conftest import make_patient, signed_in
from tests.engine import run

pytestmark = [pytest.mark.django_db, pytest.mark.req("H-14")]

EIGHTEEN = wall("2026-11-24 00:00")
BORN = "2008-11-24"
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
MOBILE = "+12125550177"


@pytest.fixture(autouse=True)
def the_day_before():
    with clock.at(EIGHTEEN - DAY):
        yield


@pytest.fixture
def maria(location):
    return make_patient("maria@example.com", "Maria", location)


@pytest.fixture
def sam(location):
    """A child reached at his mother's address and number, which is on file as his alone."""
    child = User.objects.create(
        username="sam", first_name="Sam", home_location=location, date_of_birth=BORN
    )
    child.set_unusable_password()
    child.save()
    for kind, value in ((ContactKind.EMAIL, "maria@example.com"), (ContactKind.PHONE, MOBILE)):
        contacts.add(patient_id=child.pk, kind=kind, value=value, relation="mother", actor=DESK)
    return child


@pytest.fixture
def tie(maria, sam):
    return begin(maria, sam)


def begin(guardian, patient, relation="mother") -> Guardianship:
    return begin_guardianship(
        guardian_id=guardian.pk, patient_id=patient.pk, relation=relation, actor=DESK
    )


def results_for(patient) -> None:
    patient_notification_service.create_notification(
        patient_id=patient.pk, payload=LabResultsPayload.example()
    )


def reached_by(patient) -> set[str]:
    return {each.value["address"] for each in contacts.of_patient(patient_id=patient.pk)}


# -- when ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("born", "zone", "at"),
    [
        (date(2008, 11, 24), NEW_YORK, "2026-11-24 00:00"),
        (date(2008, 11, 24), DENVER, "2026-11-24 00:00"),
        (date(2008, 2, 29), NEW_YORK, "2026-03-01 00:00"),
        (date(2008, 12, 31), "Pacific/Auckland", "2026-12-31 00:00"),
    ],
)
def test_of_age_at_the_start_of_the_day_where_they_live_and_on_1_march_for_29_february(
    born, zone, at
):
    assert comes_of_age(born_on=born, zone=zone) == wall(at, zone)


def test_a_mothers_tie_ends_on_the_18th_birthday_as_soon_as_it_is_made(tie):
    assert tie.ended_at == EIGHTEEN


def test_by_the_clock_of_the_place_the_child_lives_at(maria, sam):
    User.objects.filter(pk=sam.pk).update(zone=DENVER)
    assert begin(maria, sam).ended_at == wall("2026-11-24 00:00", DENVER)


@pytest.mark.parametrize(
    ("relation", "born"),
    [("power of attorney", BORN), ("guardian", "1950-01-01"), ("mother", None)],
)
def test_no_birthday_ends_a_power_of_attorney_an_adults_guardian_or_an_unknown_age(
    maria, sam, relation, born
):
    sam.date_of_birth = born
    sam.save()
    assert begin(maria, sam, relation).ended_at is None


# -- the day itself ------------------------------------------------------------------------------


def test_on_the_birthday_the_mother_sees_her_sons_pages_no_more(tie, maria, sam):
    client = signed_in(maria)
    with clock.at(EIGHTEEN - MINUTE):
        assert client.get(f"/for/{sam.pk}/notifications/").status_code == 200
        assert client.get(f"/api/for/{sam.pk}/patient-notifications").status_code == 200
    with clock.at(EIGHTEEN):
        assert client.get(f"/for/{sam.pk}/notifications/").status_code == 404
        assert client.get(f"/api/for/{sam.pk}/patient-notifications").status_code == 404
        assert not wards_of(maria).exists()


def test_from_the_birthday_on_nothing_is_sent_to_her_addresses(tie, sam, outbox):
    results_for(sam)
    run(at=EIGHTEEN - MINUTE)
    assert [mail.to for mail in outbox()] == ["maria@example.com"]
    with clock.at(EIGHTEEN):
        results_for(sam)
    run(at=EIGHTEEN)
    assert len(outbox()) == 1
    assert reached_by(sam) == set()
    tie.refresh_from_db()
    assert tie.closed_at == EIGHTEEN


def test_her_other_childs_messages_go_on(tie, maria, location, outbox):
    little = User.objects.create(
        username="leo", first_name="Leo", home_location=location, date_of_birth="2015-01-01"
    )
    contacts.add(
        patient_id=little.pk,
        kind=ContactKind.EMAIL,
        value="maria@example.com",
        relation="mother",
        actor=DESK,
    )
    begin(maria, little)
    run(at=EIGHTEEN)
    with clock.at(EIGHTEEN):
        results_for(little)
    run(at=EIGHTEEN)
    assert [mail.to for mail in outbox()] == ["maria@example.com"]


def test_the_new_adults_own_address_stays(tie, sam):
    contacts.add(patient_id=sam.pk, kind=ContactKind.EMAIL, value="sam@example.com", actor=DESK)
    run(at=EIGHTEEN)
    assert reached_by(sam) == {"sam@example.com"}


def test_with_a_power_of_attorney_named_before_the_birthday_she_goes_on_acting(tie, maria, sam):
    kept = begin(maria, sam, "power of attorney")
    assert (kept.pk, kept.ended_at) == (tie.pk, None)
    run(at=EIGHTEEN + DAY)
    with clock.at(EIGHTEEN + DAY):
        assert wards_of(maria).count() == 1


# -- what was known late, or wrongly -------------------------------------------------------------


def test_a_tie_from_before_gets_its_end_by_itself_once(maria, sam):
    old = Guardianship.objects.create(
        guardian=maria, patient=sam, relation="mother", started_at=EIGHTEEN - 900 * DAY
    )
    assert date_guardianships() == 1
    assert date_guardianships() == 0
    old.refresh_from_db()
    assert old.ended_at == EIGHTEEN


def test_a_child_who_was_18_before_anybody_asked_is_an_adult_with_the_next_tick(maria, sam):
    Guardianship.objects.create(
        guardian=maria, patient=sam, relation="mother", started_at=EIGHTEEN - 900 * DAY
    )
    run(at=EIGHTEEN + 30 * DAY)
    assert reached_by(sam) == set()


def test_a_corrected_date_of_birth_corrects_the_end(tie, sam):
    sam.date_of_birth = "2010-03-01"
    sam.save()
    assert date_guardianships(patient_ids=[sam.pk]) == 1
    tie.refresh_from_db()
    assert tie.ended_at == wall("2028-03-01 00:00")


def test_naming_the_same_guardian_again_makes_no_second_tie(tie, maria, sam):
    assert begin(maria, sam, "guardian").pk == tie.pk
    assert Guardianship.objects.count() == 1


def test_ended_by_the_desk_before_the_birthday_it_stays_ended_then(tie, sam):
    ended = end_guardianship(guardianship_id=tie.pk, actor=DESK).ended_at
    run(at=EIGHTEEN + DAY)
    tie.refresh_from_db()
    assert tie.ended_at == ended == EIGHTEEN - DAY


def test_the_desk_corrects_the_date_of_birth_in_the_admin_and_the_end_follows(tie, sam):
    chief = signed_in(
        User.objects.create_superuser(username="chief@example.com", password="x" * 12)
    )
    page = f"/admin/portal/user/{sam.pk}/change/"
    form = chief.get(page).context["adminform"].form
    sent = {
        name: form.initial.get(name) or ""
        for name in form.fields
        if name not in ("password", "groups", "is_staff", "is_superuser")
    }
    answer = chief.post(page, sent | {"date_of_birth": "2010-03-01", "is_active": "on"})
    assert answer.status_code == 302
    tie.refresh_from_db()
    assert tie.ended_at == wall("2028-03-01 00:00")
