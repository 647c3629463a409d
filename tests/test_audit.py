"""The audit trail: what is written, and that nobody can change or take it back unnoticed."""

import json
import time
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import TestCase
from django.utils import timezone

from notifications import audit, clock
from notifications.audit import sealing, writing
from notifications.crypto import new_id
from notifications.enums import AuditAction, ContactKind, Purpose
from notifications.models import AuditEvent, AuditSeal, Consent, ContactPoint
from portal.models import Practice

pytestmark = pytest.mark.django_db

KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
NEW_KEY = "OTg3NjU0MzIxMDk4NzY1NDMyMTA5ODc2NTQzMjEwOTg="


@pytest.fixture(autouse=True)
def audit_keys(settings):
    settings.NOTIFICATIONS_AUDIT_KEYS = f"1:{KEY}"


@pytest.fixture
def passing(monkeypatch):
    """Let time pass: `passing(seconds=6)` moves the real clock forward from now on."""
    started = timezone.now()
    moved = timedelta()
    monkeypatch.setattr(clock, "real_now", lambda: started + moved)

    def move(**amount):
        nonlocal moved
        moved += timedelta(**amount)

    return move


def write(count=1, **details):
    rows = ((uuid4(), None) for _ in range(count))
    audit.record_many(action=AuditAction.CREATED, actor="system:test", rows=rows, **details)
    return list(AuditEvent.objects.order_by("at", "pk"))


def as_superuser(sql, *params):
    """Run SQL the way somebody with every right on the database could."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(sql, params)
            cursor.execute("SET LOCAL session_replication_role = origin")
            return
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute(sql, params)
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
        for _, creation in triggers:
            cursor.execute(creation)


def stored(pk):
    """The id as the database keeps it."""
    return pk.hex if connection.vendor == "sqlite" else pk


# -- writing ------------------------------------------------------------------------------------


@pytest.mark.req("H-01")
def test_every_row_says_who_did_what_to_which_object(django_user_model):
    clerk = django_user_model.objects.create_user(username="clerk@example.com")
    practice = Practice.objects.create(name="Main Street Dental")
    patient_id = uuid4()

    row = audit.record(
        action=AuditAction.VIEWED,
        actor=audit.actor_of(clerk),
        patient_id=patient_id,
        obj=practice,
        reason="opened",
        channels=["email", "sms"],
    )

    row.refresh_from_db()
    assert row.actor == f"user:{clerk.pk}"
    assert row.patient_id == patient_id
    assert (row.object_type, row.object_id) == ("practice", str(practice.pk))
    assert row.details == {"reason": "opened", "channels": ["email", "sms"]}


@pytest.mark.req("H-01")
@pytest.mark.parametrize("nobody", ["", None, "ana", "user:", "user:ana@example.com", "system:"])
def test_a_row_without_an_actor_is_refused(nobody):
    with pytest.raises(ValueError, match="needs an actor"):
        audit.record(action=AuditAction.VIEWED, actor=nobody)
    assert not AuditEvent.objects.exists()


def test_a_missing_user_is_nobody_but_an_anonymous_one_is_named():
    with pytest.raises(ValueError, match="needs an actor"):
        audit.actor_of(None)
    assert audit.actor_of(AnonymousUser()) == "system:anonymous"


@pytest.mark.parametrize(
    "private",
    ["ana@example.com", "+15551234567", "5551234567", "root canal on tooth 14", "Nuñez", {"a": 1}],
)
def test_details_take_ids_and_codes_only(private):
    with pytest.raises(ValueError, match="must be an id or a code") as refused:
        audit.record(action=AuditAction.CONTACT, actor="system:test", note=private)
    assert str(private) not in str(refused.value)


def test_details_keep_ids_codes_numbers_and_moments():
    moment = timezone.now()
    notification_id = new_id()
    row = audit.record(
        action=AuditAction.STATUS,
        actor="system:test",
        notification=notification_id,
        status=AuditAction.SENT,
        at=moment,
        tries=3,
        final=True,
        file="2026-11.csv:12",
        nothing=None,
    )
    row.refresh_from_db()
    assert row.details["notification"] == str(notification_id)
    assert row.details["status"] == "sent"
    assert row.details["at"] == moment.isoformat()
    assert audit.verify() == []


def test_a_row_goes_with_the_transaction_it_was_written_in():
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(action=AuditAction.CREATED, actor="system:test")
        raise RuntimeError
    assert not AuditEvent.objects.exists()


def test_many_rows_take_few_statements(django_assert_max_num_queries):
    with django_assert_max_num_queries(20):  # SQLite takes about a hundred rows a statement
        write(1000)
    assert AuditEvent.objects.count() == 1000
    assert audit.verify() == []


@pytest.mark.req("H-06")
def test_a_refusal_is_one_row_an_actor_route_and_minute(passing):
    actor, other = f"user:{uuid4()}", f"user:{uuid4()}"
    for _ in range(3):
        audit.record_denied(actor=actor, route="api:notification-read")
    audit.record_denied(actor=other, route="api:notification-read")
    audit.record_denied(actor=actor, route="api:preferences")
    assert AuditEvent.objects.filter(action=AuditAction.DENIED).count() == 3

    passing(seconds=61)
    audit.record_denied(actor=actor, route="api:notification-read")
    assert AuditEvent.objects.filter(action=AuditAction.DENIED).count() == 4
    assert audit.verify() == []


def test_the_trail_keeps_real_time_while_planning_pretends(passing):
    with clock.at(timezone.now() + timedelta(days=30)):
        row = audit.record(action=AuditAction.PLAN, actor="system:test")
    assert row.at == clock.real_now()


# -- refused by the database --------------------------------------------------------------------


@pytest.mark.req("H-06")
@pytest.mark.parametrize("table", ["audit_events", "audit_seals", "consents"])
def test_the_database_has_its_guards(table):
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass"
                " AND NOT tgisinternal AND tgenabled = 'O'",
                [table],
            )
        else:
            cursor.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
                [table],
            )
        assert cursor.fetchone() == (2,)


@pytest.mark.req("H-06")
@pytest.mark.parametrize(
    "change",
    [
        lambda row: AuditEvent.objects.filter(pk=row.pk).update(actor="system:nobody"),
        lambda row: AuditEvent.objects.filter(pk=row.pk).delete(),
        lambda row: AuditEvent.objects.all().delete(),
        lambda row: row.save(),
        lambda row: row.delete(),
    ],
)
def test_the_database_refuses_to_change_or_delete_a_row(change):
    [row] = write()
    with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
        change(row)
    assert AuditEvent.objects.count() == 1
    assert audit.verify() == []


@pytest.mark.req("H-06")
def test_the_database_refuses_to_change_or_delete_a_seal(passing):
    write()
    passing(seconds=6)
    made = audit.seal()
    for change in (made.delete, made.save):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change()


@pytest.mark.req("H-12")
def test_the_database_refuses_to_change_or_delete_a_consent(django_user_model):
    consent = make_consent(django_user_model.objects.create_user(username="ana@example.com"))
    for change in (consent.delete, consent.save, consent.contact.delete):
        with pytest.raises(IntegrityError, match="only ever added"), transaction.atomic():
            change()
    consent.refresh_from_db()
    assert consent.granted


def make_consent(patient):
    contact = ContactPoint.objects.create(
        patient=patient, kind=ContactKind.EMAIL, value={"address": "a@b.example"}, value_index="x"
    )
    return Consent.objects.create(
        contact=contact,
        purpose=Purpose.TREATMENT,
        granted=True,
        wording="email-1",
        source="portal",
        actor=f"user:{patient.pk}",
    )


def test_purging_lets_rows_go_and_shuts_behind_itself():
    write(2)
    with audit.purging():
        AuditEvent.objects.all()[0].delete()
        with pytest.raises(IntegrityError), transaction.atomic():
            AuditEvent.objects.update(actor="system:nobody")
    with pytest.raises(IntegrityError), transaction.atomic():
        AuditEvent.objects.all().delete()
    assert AuditEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_flushing_empties_the_trail_as_it_says():
    write(2)
    call_command("flush", interactive=False, verbosity=0)
    assert not AuditEvent.objects.exists()
    write(1)
    with pytest.raises(IntegrityError):
        AuditEvent.objects.all().delete()


# -- sealing ------------------------------------------------------------------------------------


@pytest.mark.req("H-07")
def test_settled_rows_are_sealed_and_young_ones_wait(passing):
    old = write(2)
    passing(seconds=4)
    young = [row for row in write(1) if row not in old]
    passing(seconds=2)

    first = audit.seal()
    assert first.event_ids == [str(row.pk) for row in old]

    passing(seconds=20)
    second = audit.seal()
    assert second.event_ids == [str(row.pk) for row in young]
    assert second.previous_mac == first.mac
    assert audit.seal() is None
    assert audit.verify() == []


@pytest.mark.req("H-07")
def test_a_row_committed_late_is_sealed_with_the_next_block(passing):
    """What a slow transaction began before the last seal is not left behind by it."""
    slow = {"action": AuditAction.CREATED, "actor": "system:test", "details": {}}
    late = writing._event(**slow, patient_id=None, obj=None)
    passing(seconds=30)
    write(1)
    passing(seconds=10)
    audit.seal()
    late.save(force_insert=True)
    passing(seconds=20)

    assert audit.seal().event_ids == [str(late.pk)]
    assert audit.verify() == []


def test_asked_every_second_it_makes_a_block_now_and_then(passing):
    for _ in range(60):
        write(1)
        passing(seconds=1)
        audit.seal()
    assert AuditSeal.objects.count() == 3
    assert audit.verify() == []


def test_a_long_backlog_is_sealed_in_blocks_after_the_clock_stood_still(passing, monkeypatch):
    monkeypatch.setattr(sealing, "BLOCK", 3)
    write(5)
    passing(days=2)
    write(2)
    passing(seconds=6)

    assert audit.seal().number == 3
    sizes = [len(block.event_ids) for block in AuditSeal.objects.order_by("number")]
    assert sizes == [3, 3, 1]
    assert audit.verify() == []


def test_of_two_that_seal_at_once_one_gives_way(passing, monkeypatch):
    write(2)
    passing(seconds=6)
    original = sealing._seal_block

    def beaten(block):
        monkeypatch.setattr(sealing, "_seal_block", original)
        made = original(block)
        AuditSeal(number=made.number, event_ids=[], key_version=1, mac="").save(force_insert=True)

    monkeypatch.setattr(sealing, "_seal_block", beaten)
    assert audit.seal() is None
    assert audit.seal().number == 1
    assert audit.verify() == []


def test_the_first_seal_of_a_day_is_anchored_in_the_log(passing, caplog, settings):
    caplog.set_level("INFO", logger="notifications.audit")
    anchors = []
    for pause in ({"seconds": 6}, {"seconds": 20}, {"days": 1}):
        write(1)
        passing(**pause)
        with TestCase.captureOnCommitCallbacks(execute=True):
            made = audit.seal()
        anchors.append(f"audit anchor {made.number}:{made.mac}")
    logged = [record.getMessage() for record in caplog.records]
    assert anchors[0] in logged
    assert anchors[2] in logged
    assert anchors[1] not in logged


# -- verifying ----------------------------------------------------------------------------------


@pytest.fixture
def sealed(passing):
    """Five rows in two seals, and one row not sealed yet."""
    write(3)
    passing(seconds=6)
    audit.seal()
    write(2)
    passing(seconds=20)
    audit.seal()
    write(1)
    return list(AuditEvent.objects.order_by("at", "pk"))


@pytest.mark.req("H-07")
@pytest.mark.parametrize("which", [0, 4, 5])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("actor", "system:other"),
        ("action", "viewed"),
        ("object_id", "x"),
        ("object_type", "x"),
        ("details", '{"a": 2}'),
        ("at", "2020-01-01 00:00:00"),
        ("patient_id", "00000000000000000000000000000000"),
        ("mac", "0" * 64),
        ("key_version", 7),
    ],
)
def test_a_changed_byte_is_named(sealed, which, column, value):
    as_superuser(
        f"UPDATE audit_events SET {column} = %s WHERE id = %s", value, stored(sealed[which].pk)
    )
    named = [problem for problem in audit.verify() if str(sealed[which].pk) in problem]
    assert named
    others = [row for row in sealed if row != sealed[which]]
    assert not [problem for problem in audit.verify() if any(str(o.pk) in problem for o in others)]


@pytest.mark.req("H-07")
@pytest.mark.parametrize(("column", "rubbish"), [("details", "{"), ("at", "soon"), ("actor", None)])
def test_a_row_that_cannot_even_be_read_is_named(sealed, column, rubbish):
    if connection.vendor == "postgresql":  # its types refuse such bytes; a null is left to try
        as_superuser("ALTER TABLE audit_events ALTER COLUMN actor DROP NOT NULL")
        column, rubbish = "actor", None
    elif rubbish is None:
        column, rubbish = "patient_id", "not-an-id"
    as_superuser(
        f"UPDATE audit_events SET {column} = %s WHERE id = %s", rubbish, stored(sealed[0].pk)
    )
    problems = audit.verify()
    assert len(problems) == 1
    assert str(sealed[0].pk) in problems[0]
    assert "changed" in problems[0]


@pytest.mark.req("H-07")
def test_a_deleted_row_is_named(sealed):
    as_superuser("DELETE FROM audit_events WHERE id = %s", stored(sealed[1].pk))
    assert audit.verify() == [f"event {sealed[1].pk} of seal 1 is gone"]


@pytest.mark.req("H-07")
def test_a_row_under_another_id_is_named(sealed):
    stranger = uuid4()
    as_superuser(
        "UPDATE audit_events SET id = %s WHERE id = %s", stored(stranger), stored(sealed[1].pk)
    )
    assert set(audit.verify()) == {
        f"event {sealed[1].pk} of seal 1 is gone",
        f"event {stranger} was changed",
    }


@pytest.mark.req("H-07")
def test_a_row_made_up_without_the_key_is_named(sealed):
    made_up = AuditEvent(actor="system:x", action="viewed", key_version=1, mac="0" * 64)
    made_up.save(force_insert=True)
    assert audit.verify() == [f"event {made_up.pk} was changed"]


@pytest.mark.req("H-07")
def test_a_changed_seal_is_named(sealed):
    as_superuser("UPDATE audit_seals SET event_ids = %s WHERE number = 2", "[1, null]")
    assert "seal 2 was changed" in audit.verify()


@pytest.mark.req("H-07")
@pytest.mark.parametrize("rubbish", ['{"a": "b"}', "7", '["soon", 1, null]'])
def test_a_seal_full_of_rubbish_is_named(sealed, rubbish):
    as_superuser("UPDATE audit_seals SET event_ids = %s WHERE number = 1", rubbish)
    assert "seal 1 was changed" in audit.verify()


@pytest.mark.req("H-07")
def test_a_missing_seal_is_named(sealed):
    as_superuser("DELETE FROM audit_seals WHERE number = 1")
    assert "seal 1 is missing" in audit.verify()


@pytest.mark.req("H-07")
def test_a_block_cut_off_with_its_seal_shows_against_the_anchor(sealed):
    last = AuditSeal.objects.get(number=2)
    assert audit.verify(anchor=f"2:{last.mac}") == []
    for pk in last.event_ids:
        as_superuser("DELETE FROM audit_events WHERE id = %s", stored(UUID(pk)))
    as_superuser("DELETE FROM audit_events WHERE id = %s", stored(sealed[5].pk))
    as_superuser("DELETE FROM audit_seals WHERE number = 2")
    assert audit.verify(anchor=f"2:{last.mac}") == ["seal 2 is not the one that was anchored"]
    assert audit.verify(anchor="soon") == ["seal soon is not the one that was anchored"]


@pytest.mark.req("H-07")
def test_a_row_never_sealed_is_named_after_the_window(sealed, passing):
    assert audit.verify() == []
    passing(minutes=3)
    assert audit.verify() == [f"event {sealed[5].pk} was never sealed"]


def test_rows_purged_after_six_years_are_not_missed(sealed, passing):
    with audit.purging():
        AuditEvent.objects.filter(pk__in=AuditSeal.objects.get(number=1).event_ids).delete()
    assert len(audit.verify()) == 3
    passing(days=7 * 365)
    audit.seal()
    assert not [problem for problem in audit.verify() if "gone" in problem]


@pytest.mark.req("H-05")
def test_a_new_key_signs_new_rows_and_old_rows_still_verify(sealed, settings):
    settings.NOTIFICATIONS_AUDIT_KEYS = f"2:{NEW_KEY},1:{KEY}"
    write(1)
    assert AuditEvent.objects.filter(key_version=2).count() == 1
    assert audit.verify() == []


def test_a_lost_key_is_named_rather_than_blamed_on_the_row(sealed, settings):
    settings.NOTIFICATIONS_AUDIT_KEYS = f"2:{NEW_KEY}"
    assert f"event {sealed[0].pk} needs audit key 1, which is missing" in audit.verify()


# -- the command --------------------------------------------------------------------------------


def test_verify_audit_says_that_all_is_well(sealed, capsys):
    call_command("verify_audit")
    assert capsys.readouterr().out == "The audit trail is whole. Events: 6, seals: 2.\n"


@pytest.mark.req("H-07")
def test_verify_audit_names_what_is_wrong_and_fails(sealed, capsys):
    as_superuser("DELETE FROM audit_events WHERE id = %s", stored(sealed[1].pk))
    with pytest.raises(CommandError, match="Problems: 1"):
        call_command("verify_audit")
    assert f"event {sealed[1].pk} of seal 1 is gone" in capsys.readouterr().out

    with pytest.raises(CommandError):
        call_command("verify_audit", "--json")
    answer = json.loads(capsys.readouterr().out)
    assert not answer["ok"]
    assert answer["events"] == 5
    assert len(answer["problems"]) == 1


@pytest.mark.req("H-07")
def test_a_hundred_thousand_rows_verify_within_a_minute(passing):
    for _ in range(10):
        rows = ((uuid4(), None) for _ in range(10_000))
        audit.record_many(action=AuditAction.SENT, actor="system:test", rows=rows, channel="email")
    passing(seconds=6)
    audit.seal()
    started = time.monotonic()
    assert audit.verify() == []
    assert time.monotonic() - started < 60
