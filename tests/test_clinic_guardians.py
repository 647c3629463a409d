"""A guardianship ends: what the desk does in the admin, and what no longer reaches the guardian."""

import pytest
from django.urls import reverse

from notifications import contacts
from notifications.enums import ContactKind
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.models import Guardianship, User
from portal.notification_types.lab_results import LabResultsPayload
from portal.services import end_guardianship
from tests.conftest import make_patient, signed_in

pytestmark = pytest.mark.django_db
DESK = "system:desk"


@pytest.fixture
def maria(location):
    return make_patient("maria@example.com", "Maria", location)


@pytest.fixture
def sam(location, maria):
    """A child reached at his mother's address."""
    child = User.objects.create(username="sam", first_name="Sam", home_location=location)
    child.set_unusable_password()
    child.save()
    contacts.add(
        patient_id=child.pk,
        kind=ContactKind.EMAIL,
        value="maria@example.com",
        relation="mother",
        actor=DESK,
    )
    return child


@pytest.fixture
def tie(maria, sam):
    return Guardianship.objects.create(guardian=maria, patient=sam, relation="mother")


def results_for(patient):
    patient_notification_service.create_notification(
        patient_id=patient.pk, payload=LabResultsPayload.example()
    )
    notification_scheduler_service.run_due()


@pytest.mark.req("H-14")
def test_ended_at_the_desk_the_mother_gets_no_further_mail_about_her_son(tie, sam, outbox):
    results_for(sam)
    assert [mail.to for mail in outbox()] == ["maria@example.com"]
    chief = signed_in(
        User.objects.create_superuser(username="chief@example.com", password="x" * 12)
    )
    chief.post(
        reverse("admin:portal_guardianship_changelist"),
        {"action": "end", "_selected_action": [str(tie.pk)], "index": "0", "confirmed": "yes"},
    )
    results_for(sam)
    assert len(outbox()) == 1
    tie.refresh_from_db()
    assert tie.ended_at is not None


@pytest.mark.req("H-14")
def test_a_mother_whose_guardianship_ended_no_longer_sees_the_childs_pages(tie, maria, sam):
    client = signed_in(maria)
    assert client.get(f"/for/{sam.pk}/notifications/").status_code == 200
    end_guardianship(guardianship_id=tie.pk, actor=DESK)
    assert client.get(f"/for/{sam.pk}/notifications/").status_code == 404


def test_an_address_another_guardian_shares_is_still_used(tie, sam, location, outbox):
    father = make_patient("father@example.com", "Joe", location)
    contacts.add(
        patient_id=father.pk, kind=ContactKind.EMAIL, value="maria@example.com", actor=DESK
    )
    Guardianship.objects.create(guardian=father, patient=sam, relation="father")
    end_guardianship(guardianship_id=tie.pk, actor=DESK)
    results_for(sam)
    assert [mail.to for mail in outbox()] == ["maria@example.com"]


def test_ending_twice_changes_nothing(tie):
    first = end_guardianship(guardianship_id=tie.pk, actor=DESK).ended_at
    assert end_guardianship(guardianship_id=tie.pk, actor=DESK).ended_at == first
