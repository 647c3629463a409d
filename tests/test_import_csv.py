"""A practice's CSV: what is taken from it, and what is refused, line by line."""

import pytest

from notifications import clock, consent, contacts
from notifications.enums import ContactKind, Purpose
from portal.access import patient_for
from portal.models import Appointment, Location, Practice, Provider
from tests.imports import (
    ANA,
    BEN,
    LEO,
    NOW,
    csv_of,
    everything,
    patient_called,
    planned,
    row,
    run_import,
    visit_called,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def friday_morning(practice):
    with clock.at(NOW):
        yield


@pytest.fixture
def bring_in(tmp_path):
    """Import lines, or a text as it stands, and expect that exit code."""

    def bring(*content, expect: int = 0, **options):
        text = csv_of(*content) if isinstance(content[0], dict) else content[0]
        outcome = run_import(text, folder=tmp_path, **options)
        assert outcome.code == expect, outcome.seen
        return outcome

    return bring


def utc(visit: Appointment) -> str:
    return visit.starts_at.strftime("%Y-%m-%d %H:%M")


# -- what is taken -------------------------------------------------------------------------------


def test_a_line_becomes_a_patient_a_visit_and_its_reminders(bring_in):
    bring_in(row(ANA, reason="Check-up", patient_language="es-MX"))
    ana, visit = patient_called("P1"), visit_called("A1")
    assert (ana.display_name, ana.language, str(ana.born_on)) == ("Ana Example", "es", "1984-05-31")
    assert visit.patient == ana
    assert (utc(visit), visit.provider.name, visit.location.name) == (
        "2026-12-08 14:30",
        "Dr. Lee",
        "Main Street",
    )
    assert (visit.ends_at - visit.starts_at).total_seconds() == 1800
    assert visit.reason == "Check-up"
    assert planned(visit) == ["7-days", "2-days", "2-hours"]


def test_a_new_location_gets_the_usual_reminder_rules(bring_in):
    bring_in(row(ANA))
    rules = Location.objects.get().reminder_rules.values_list("name", flat=True)
    assert {"save-the-date", "7-days", "2-days", "2-hours", "missed"} < set(rules)


def test_a_location_is_in_the_state_the_file_says_and_stays_there_where_it_says_nothing(bring_in):
    bring_in(row(ANA, location_state="ny"))
    bring_in(row(BEN, appointment_id="A2"))
    assert Location.objects.get().state == "NY"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-12-08T09:30-05:00", "2026-12-08 14:30"),
        ("2026-12-08T14:30Z", "2026-12-08 14:30"),
        ("2026-12-08 09:30", "2026-12-08 14:30"),
        ("2026-12-08T09:30:00", "2026-12-08 14:30"),
        ("2027-11-07 01:30", "2027-11-07 05:30"),  # the clocks go back: the first 1:30 is meant
        ("2027-11-07T01:30-05:00", "2027-11-07 06:30"),  # the second, said by its offset
    ],
)
def test_a_time_is_local_to_its_place_unless_it_says_its_offset(bring_in, cell, expected):
    bring_in(row(ANA, starts_at=cell))
    assert utc(visit_called("A1")) == expected


def test_a_local_time_is_on_the_clock_of_its_own_place(bring_in):
    bring_in(
        row(ANA, location_zone="America/Phoenix"),
        row(BEN, appointment_id="A2", location_id="L2", location_zone="Pacific/Honolulu"),
    )
    assert utc(visit_called("A1")) == "2026-12-08 16:30"
    assert utc(visit_called("A2")) == "2026-12-08 19:30"


def test_a_place_named_with_its_zone_once_keeps_it_on_other_lines_and_in_later_files(bring_in):
    bring_in(
        row(ANA, location_zone=""),
        row(BEN, appointment_id="A2", location_zone="America/Phoenix"),
    )
    assert utc(visit_called("A1")) == "2026-12-08 16:30"
    bring_in(row(ANA, appointment_id="A3", location_zone="", starts_at="2026-12-09 09:30"))
    assert utc(visit_called("A3")) == "2026-12-09 16:30"


def test_a_place_without_a_zone_takes_the_practices_and_says_so(bring_in):
    outcome = bring_in(row(ANA, location_zone=""))
    assert Location.objects.get().zone == Practice.objects.get().zone
    assert "no time zone: the practice's zone is taken (line 2)" in outcome.out


def test_a_visit_that_names_no_place_is_at_the_only_one(bring_in, location):
    bring_in(
        row(
            ANA,
            location_id="",
            location_name="",
            location_zone="",
            provider_id="",
            provider_name="",
        )
    )
    assert visit_called("A1").location == location
    assert visit_called("A1").provider.name == "The dental team"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_byte_order_marks_and_line_endings_do_not_matter(bring_in, ending, mark):
    text = csv_of(row(ANA, patient_first_name="Añá")).replace("\r\n", ending)
    bring_in(mark + text.encode())
    assert patient_called("P1").first_name == "Añá"


def test_what_a_spreadsheet_would_compute_is_plain_text(bring_in):
    bring_in(row(ANA, patient_last_name='=HYPERLINK("x")', location_name="@Main", reason="-1+1"))
    assert patient_called("P1").last_name == '=HYPERLINK("x")'
    assert (visit_called("A1").location.name, visit_called("A1").reason) == ("@Main", "-1+1")


def test_quoted_cells_may_hold_commas_and_line_breaks_and_blank_lines_are_passed_over(bring_in):
    text = csv_of(row(ANA, reason="one,\ntwo"), row(BEN, appointment_id="A2", status="?"))
    outcome = bring_in(text.replace("\r\nA1", "\r\n\r\n,,\r\nA1"), skip_invalid=True)
    assert visit_called("A1").reason == "one,\ntwo"
    assert "line 6: status" in outcome.err  # where the bad line begins, the break counted


def test_the_same_id_is_somebody_else_in_another_source(bring_in):
    bring_in(row(ANA), source="east")
    bring_in(row(BEN, patient_id="P1"), source="west")
    assert patient_called("P1", "east").first_name == "Ana"
    assert patient_called("P1", "west").first_name == "Ben"


def test_the_same_name_and_birthday_under_another_id_is_another_person(bring_in):
    bring_in(
        row(ANA, patient_email=""), row(ANA, appointment_id="A2", patient_id="P9", patient_email="")
    )
    assert patient_called("P1") != patient_called("P9")


# -- addresses and consent -----------------------------------------------------------------------


def test_addresses_are_unverified_and_without_consent_unless_the_file_says_otherwise(bring_in):
    bring_in(row(ANA, patient_phone="(201) 555-0123"))
    email, phone = addresses_of("P1")
    assert (email.value["address"], email.verified_at) == ("ana@example.com", None)
    assert (phone.value["address"], phone.verified_at) == ("+12015550123", None)
    assert not consent.is_granted(contact=phone)


def test_the_file_can_vouch_for_addresses_and_a_consent(bring_in):
    bring_in(row(ANA, **VOUCHED))
    email, phone = addresses_of("P1")
    assert email.verified_at and phone.verified_at
    assert consent.is_granted(contact=phone)
    given = phone.consents.get()
    assert (given.wording, given.source, given.recorded_at.isoformat()) == (
        "paper-2024",
        "front-desk",
        "2026-02-03T15:15:00+00:00",
    )


VOUCHED = {
    "email_verified": "yes",
    "patient_phone": "+1 201 555 0123",
    "phone_verified": "yes",
    "sms_consent_at": "2026-02-03T10:15-05:00",
    "sms_consent_source": "front-desk",
    "sms_consent_wording": "paper-2024",
}


def test_an_older_consent_in_a_later_file_does_not_undo_a_stop(bring_in):
    bring_in(row(ANA, **VOUCHED))
    _email, phone = addresses_of("P1")
    consent.record(
        contact=phone,
        purpose=Purpose.TREATMENT,
        granted=False,
        wording="STOP",
        source="sms",
        actor="system:sms",
    )
    bring_in(row(ANA, **VOUCHED | {"sms_consent_wording": "paper-2025"}))
    assert not consent.is_granted(contact=phone)


def test_a_new_email_in_the_file_takes_the_place_of_the_old_unverified_one(bring_in):
    bring_in(row(ANA))
    bring_in(row(ANA, patient_email="ana.new@example.com"))
    assert [email.value["address"] for email in addresses_of("P1")] == ["ana.new@example.com"]


def test_an_address_the_patient_verified_stays_when_the_file_brings_another(bring_in):
    bring_in(row(ANA))
    contacts.mark_verified(contact_id=addresses_of("P1")[0].pk, actor="system:test")
    bring_in(row(ANA, patient_email="ana.new@example.com"))
    kept = {email.value["address"] for email in addresses_of("P1")}
    assert kept == {"ana@example.com", "ana.new@example.com"}


def addresses_of(patient: str):
    """Return a patient's addresses, e-mail before phone."""
    found = contacts.of_patient(patient_id=patient_called(patient).pk)
    return sorted(found, key=lambda contact: contact.kind)


# -- families ------------------------------------------------------------------------------------


def test_a_mother_may_act_for_her_child_and_her_addresses_reach_him(bring_in, client):
    bring_in(row(LEO), row(ANA, appointment_id="A2"))
    ana, leo = patient_called("P1"), patient_called("P3")
    assert patient_for(user=ana, patient_id=leo.pk) == leo
    reached = {(each.kind, each.relation, each.value["address"]) for each in addresses_of("P3")}
    assert reached == {
        (ContactKind.EMAIL, "mother", "ana@example.com"),
        (ContactKind.PHONE, "mother", "+12015550123"),
    }
    assert not leo.has_usable_password()
    assert "@" not in leo.username


def test_a_guardian_need_not_be_a_patient_and_may_become_one_later(bring_in):
    bring_in(row(LEO))
    guardian = patient_called("P1")
    assert (guardian.display_name, guardian.username) == ("Ana Example", "ana@example.com")
    bring_in(row(LEO), row(ANA, appointment_id="A2"))
    assert patient_called("P1") == guardian
    assert str(patient_called("P1").born_on) == "1984-05-31"


def test_a_family_on_one_email_is_reached_but_none_signs_in_by_it(bring_in):
    shared = {"patient_email": "home@example.com"}
    outcome = bring_in(row(ANA | shared), row(BEN | shared, appointment_id="A2"))
    for patient in ("P1", "P2"):
        assert [each.value["address"] for each in addresses_of(patient)] == ["home@example.com"]
        assert patient_called(patient).username == str(patient_called(patient).pk)
    assert "several people share an email address" in outcome.out


def test_an_email_that_signs_somebody_in_already_is_not_taken_from_them(bring_in, ana):
    bring_in(row(ANA, patient_email="ANA@example.com"))
    assert patient_called("P1") != ana
    assert "@" not in patient_called("P1").username
    assert [each.value["address"] for each in addresses_of("P1")] == ["ana@example.com"]


@pytest.mark.parametrize(
    ("born", "relation", "may"),
    [
        ("2019-08-09", "mother", True),
        ("2008-11-21", "father", True),  # 18 tomorrow
        ("2008-11-19", "father", False),  # 18 yesterday
        ("1950-01-01", "mother", False),
        ("", "parent", False),
        ("1950-01-01", "power of attorney", True),
    ],
)
def test_a_parent_acts_for_a_child_only_and_a_power_of_attorney_for_anyone(
    bring_in, born, relation, may
):
    outcome = bring_in(row(LEO, patient_birth_date=born, guardian_relation=relation))
    assert patient_called("P3").guardians.exists() is may
    assert bool(addresses_of("P3")) is may
    assert ("left out as a guardian" in outcome.out) is not may


# -- what is refused -----------------------------------------------------------------------------

BAD_CELLS = [
    ({"appointment_id": ""}, "appointment_id: is empty"),
    ({"appointment_id": "A 1"}, "appointment_id: an id has no blanks"),
    ({"appointment_id": "x" * 65}, "appointment_id: is longer than 64 characters"),
    ({"patient_id": ""}, "patient_id: is empty"),
    ({"patient_first_name": "A\nB"}, "patient_first_name: holds a line break"),
    ({"patient_birth_date": "31/05/1984"}, "patient_birth_date: must be a date like 1984-05-31"),
    ({"patient_birth_date": "2031-01-01"}, "patient_birth_date: must lie between 1900 and today"),
    ({"patient_email": "ana at home"}, "patient_email: is not an email address"),
    ({"patient_phone": "12"}, "patient_phone: is not a phone number"),
    ({"patient_language": "english please"}, "patient_language: must be a language"),
    ({"email_verified": "maybe"}, "email_verified: must be yes or no"),
    ({"phone_verified": "yes"}, "phone_verified: is yes, but patient_phone is empty"),
    ({"sms_consent_at": "2026-02-03T10:15-05:00"}, "sms_consent_source: is needed with"),
    (VOUCHED | {"phone_verified": "no"}, "sms_consent_at: needs a phone number that is verified"),
    (VOUCHED | {"sms_consent_at": "2026-02-03 10:15"}, "sms_consent_at: must say its offset"),
    (VOUCHED | {"sms_consent_at": "2027-01-01T00:00Z"}, "sms_consent_at: lies in the future"),
    ({"guardian_first_name": "Eva"}, "guardian_id: is empty, yet other guardian columns"),
    ({"guardian_id": "P1", "guardian_relation": "mother"}, "guardian_id: is the patient's own id"),
    ({"guardian_id": "P7"}, "guardian_relation: is empty"),
    (
        {"guardian_id": "P7", "guardian_relation": "boss"},
        "guardian_relation: is not a known relation",
    ),
    ({"location_zone": "Eastern"}, "location_zone: must be a time zone such as"),
    ({"location_state": "Ohio"}, "location_state: must be the two letters of a state"),
    ({"starts_at": ""}, "starts_at: is empty"),
    ({"starts_at": "2026-12-08"}, "starts_at: must be a time like"),
    ({"starts_at": "tomorrow"}, "starts_at: must be a time like"),
    ({"starts_at": "9999-12-31 23:50"}, "starts_at: must lie between 1900 and 2199"),
    ({"starts_at": "9999-12-31T23:50-12:00"}, "starts_at: must lie between 1900 and 2199"),
    ({"starts_at": "0001-01-01T00:00+14:00"}, "starts_at: must lie between 1900 and 2199"),
    ({"starts_at": "2027-03-14 02:30"}, "starts_at: this time does not exist there"),
    ({"duration_minutes": "half an hour"}, "duration_minutes: must be a number of minutes"),
    ({"duration_minutes": "0"}, "duration_minutes: must be between 1 and 1440"),
    ({"duration_minutes": ""}, "duration_minutes: is needed, or ends_at"),
    ({"ends_at": "2026-12-08 10:30"}, "duration_minutes: does not agree with ends_at"),
    ({"duration_minutes": "", "ends_at": "2026-12-08 09:30"}, "ends_at: must follow starts_at"),
    ({"status": "kept"}, "status: is not a known status; known are: proposed, pending"),
]


@pytest.mark.parametrize(("cells", "sentence"), BAD_CELLS, ids=[each[1][:40] for each in BAD_CELLS])
def test_a_bad_cell_is_named_with_file_line_and_column_and_nothing_is_written(
    bring_in, cells, sentence
):
    before = everything()
    outcome = bring_in(row(BEN, appointment_id="A2"), row(ANA, **cells), expect=1)
    first, *rest = outcome.problems
    assert first.startswith(f"visits.csv: line 3: {sentence}")
    assert rest[-1] == f"{len(rest)} problem{'s' if len(rest) > 1 else ''}; nothing was written."
    assert everything() == before


def test_the_good_lines_go_in_and_the_bad_are_listed_when_that_is_asked_for(bring_in):
    lines = (row(BEN, appointment_id="A2"), row(ANA, status="kept"))
    outcome = bring_in(*lines, skip_invalid=True)
    assert visit_called("A2").patient.first_name == "Ben"
    assert Appointment.objects.count() == 1
    assert outcome.problems == [
        line for line in outcome.problems if line.startswith("visits.csv: line 3: status:")
    ]
    assert "1 problem, listed above, was left out." in outcome.out


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (
            {"patient_last_name": "Other"},
            "patient_last_name: differs from line 2 for the same patient_id",
        ),
        (
            {"patient_email": "x@example.com"},
            "patient_email: differs from line 2 for the same patient_id",
        ),
        (
            {"provider_name": "Dr. Who"},
            "provider_name: differs from line 2 for the same provider_id",
        ),
        (
            {"location_zone": "America/Denver"},
            "location_zone: differs from line 2 for the same location_id",
        ),
        ({"appointment_id": "A1"}, "appointment_id: stands on line 2 already"),
    ],
)
def test_lines_that_contradict_each_other_are_refused(bring_in, cells, sentence):
    outcome = bring_in(row(ANA), row(ANA, **{"appointment_id": "A2"} | cells), expect=1)
    assert outcome.problems[0] == f"visits.csv: line 3: {sentence}"


def test_an_empty_cell_contradicts_nothing(bring_in):
    bring_in(row(ANA), row({"patient_id": "P1"}, appointment_id="A2", provider_name=""))
    assert patient_called("P1").first_name == "Ana"
    assert Provider.objects.get().name == "Dr. Lee"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "visits.csv: line 1: file: is empty: it needs a header line"),
        ("name,time\nAna,9:30\n", "visits.csv: line 1: header: lacks appointment_id, patient_id"),
        (b"\xff\xfe\x00a", "visits.csv: line 1: file: the text is not UTF-8"),
        (csv_of(row(ANA)) + 'A2,"P2', "visits.csv: line 3: line: cannot be split into cells"),
        (csv_of(row(ANA)) + "A2,P2\r\n", "visits.csv: line 3: line: has 2 cells, the header has"),
        (
            csv_of(row(ANA)).replace("status", "starts_at"),
            "visits.csv: line 1: header: lacks status",
        ),
        (
            csv_of(row(ANA, tooth="14")),
            "visits.csv: line 1: column 15: is not a known column; known",
        ),
    ],
)
def test_a_file_that_is_no_such_csv_is_refused_in_one_line(bring_in, text, sentence):
    outcome = bring_in(text, expect=1)
    assert outcome.problems[0].startswith(sentence)
    assert outcome.problems[-1] == "1 problem; nothing was written."
    assert Appointment.objects.count() == 0


def test_a_visit_without_a_place_is_refused_when_there_are_several(bring_in, location):
    Location.objects.create(practice=location.practice, name="Annex", zone="America/New_York")
    nowhere = {"location_id": "", "location_name": "", "location_zone": ""}
    outcome = bring_in(row(ANA, **nowhere), expect=1)
    assert outcome.problems[0].startswith("visits.csv: line 2: location: is empty")
