"""`manage.py explain ID`: what became of one message, or of one of its deliveries, and why.

No bodies and no whole addresses: what is printed may go into a ticket.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import groupby
from textwrap import wrap
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from notifications import audit, contacts
from notifications.enums import AuditAction, PatientNotificationChannel
from notifications.facts import payload_in, profiles_for
from notifications.history import explain, words_for, words_of_call
from notifications.models import CallTask, CarrierEvent, Delivery, PatientNotification
from notifications.rendering import next_step, sentence
from notifications.types import PatientProfile

ACTOR = "system:explain"
Account = dict[str, Any]


class Command(BaseCommand):
    help = (
        "Say what became of one notification: each channel's status, the reason and the next step, "
        "the gates in the order they are asked, the tries, and the receipts kept."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", metavar="ID", help="of a notification or of a delivery")
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        notification, only = _meant(options["id"])
        audit.record(
            action=AuditAction.VIEWED,
            actor=ACTOR,
            patient_id=notification.patient_id,
            obj=notification,
        )
        profiles = profiles_for([notification.patient_id])
        zone = profiles.get(notification.patient_id, PatientProfile()).zone
        with timezone.override(zone):  # the same clock as the patient's own page
            account = _account(notification, only=only)
            told = json.dumps(account) if options["json"] else "\n".join(_lines(account))
        self.stdout.write(told)


def _meant(text: str) -> tuple[PatientNotification, UUID | None]:
    """Return the message, and the one delivery that is asked about if it is one."""
    try:
        found = UUID(text)
        if row := Delivery.objects.select_related("notification").filter(pk=found).first():
            return row.notification, row.pk
        return PatientNotification.objects.get(pk=found), None
    except (ValueError, PatientNotification.DoesNotExist):
        raise CommandError(
            f"There is no notification with the id {text}, nor a delivery."
        ) from None


# -- what is known ------------------------------------------------------------------------------


def _account(notification: PatientNotification, *, only: UUID | None) -> Account:
    """Return what became of a message, JSON-ready; with `only`, one delivery's part of it.

    A fixed number of queries.
    """
    rows = notification.deliveries.select_related("contact").prefetch_related("tries")
    rows = [row for row in rows.order_by("id") if only in (None, row.pk)]
    gates = {each.delivery_id: each.gates for each in explain(notification)}
    receipts = _receipts_of([row.pk for row in rows])
    return {
        "id": str(notification.pk),
        "type": notification.type,
        "priority": notification.priority,
        "created_at": _iso(notification.created_at),
        "read_at": _iso(notification.read_at),
        "acted_at": _iso(notification.acted_at),
        "action_taken": notification.action_taken,
        "expired_at": _iso(notification.expired_at),
        "rungs": _rungs(notification),
        "calls": [_call(row) for row in notification.calls.order_by("due_at", "id")],
        "deliveries": [_delivery(row, gates.get(row.pk, []), receipts[row.pk]) for row in rows],
    }


def _rungs(notification: PatientNotification) -> list[Account]:
    """Return the ladder a message climbs, as it was planned; none where it climbs none."""
    payload = payload_in(notification)
    return [
        {"channel": rung.channel, "from": _iso(rung.due_at), "until": _iso(rung.expires_at)}
        for rung in (payload.rungs() if payload else ())
    ]


def _call(row: CallTask) -> Account:
    return {
        "id": str(row.pk),
        "reason": row.reason,
        "says": words_of_call(row),
        "due_at": _iso(row.due_at),
        "call_by": _iso(row.call_by),
        "settled_at": _iso(row.settled_at),
        "outcome": row.outcome,
    }


def _delivery(row: Delivery, gates: list[tuple[str, str]], receipts: list[Account]) -> Account:
    return {
        "id": str(row.pk),
        "channel": row.channel,
        "step": row.step,
        "label": str(PatientNotificationChannel.get(row.channel).label),
        "to": contacts.masked(row.contact) if row.contact else "",
        "status": row.status,
        "says": words_for(row),
        "reason": row.reason,
        "sentence": sentence(reason=row.reason, params=row.reason_params) if row.reason else "",
        "next_step": next_step(row.reason) if row.reason else "",
        "due_at": _iso(row.due_at),
        "status_at": _iso(row.status_at),
        "gates": [{"gate": name, "objection": reason} for name, reason in gates],
        "tries": [_try(each) for each in sorted(row.tries.all(), key=lambda each: each.number)],
        "receipts": receipts,
    }


def _try(attempt: Any) -> Account:
    return {
        "number": attempt.number,
        "at": _iso(attempt.started_at),
        "result": attempt.result,
        "code": attempt.code,
        "provider_id": attempt.provider_id,
        "latency_ms": attempt.latency_ms,
    }


def _receipts_of(delivery_ids: list[UUID]) -> Mapping[UUID, list[Account]]:
    """Return what carriers called with about each delivery, oldest first; never its content."""
    found: dict[UUID, list[Account]] = defaultdict(list)
    events = CarrierEvent.objects.filter(delivery_id__in=delivery_ids).defer("content")
    for event in events.order_by("received_at", "id"):
        said = {"kind": event.kind, "outcome": event.outcome, "at": _iso(event.received_at)}
        found[event.delivery_id].append(said)
    return found


def _iso(moment: datetime | None) -> str | None:
    return timezone.localtime(moment).isoformat(timespec="seconds") if moment else None


# -- in words -----------------------------------------------------------------------------------


def _lines(account: Account) -> Iterator[str]:
    yield f"Notification {account['id']}"
    yield f"  {account['type']}, {account['priority']}, made {account['created_at']}"
    for name in ("read_at", "acted_at", "expired_at"):
        if account[name]:
            yield f"  {name.removesuffix('_at')} {account[name]} {_answer(account, name)}".rstrip()
    for number, rung in enumerate(account["rungs"], start=1):
        yield f"  rung {number}  {rung['channel']}  from {rung['from']} until {rung['until']}"
    for call in account["calls"]:
        yield f"  call  {call['due_at']}  {call['says']}"
    for delivery in account["deliveries"]:
        yield ""
        yield from _lines_of(delivery)


def _answer(account: Account, name: str) -> str:
    return account["action_taken"] if name == "acted_at" else ""


def _lines_of(delivery: Account) -> Iterator[str]:
    to = f" to {delivery['to']}" if delivery["to"] else ""
    yield f"{delivery['label']}{to}: {delivery['says']}"
    yield f"  delivery {delivery['id']}, {delivery['status']} since {delivery['status_at']}"
    if delivery["reason"]:
        yield f"  reason {delivery['reason']}. Next step: {delivery['next_step']}"
    if delivery["gates"]:
        yield "  gates in order, as they stand now:"
        yield from _gates(delivery["gates"])
    for each in delivery["tries"]:
        took = f"{each['latency_ms']} ms" if each["latency_ms"] is not None else ""
        said = f"  try {each['number']}  {each['at']}  {each['result']} {each['code']} {took}"
        yield said.rstrip()
    for each in delivery["receipts"]:
        yield f"  {each['kind']}  {each['at']}  {each['outcome'] or 'still to be looked at'}"


def _gates(gates: list[dict[str, str]]) -> Iterator[str]:
    """Yield the gates in order, those side by side that pass or object alike."""
    for objection, some in groupby(gates, key=lambda gate: gate["objection"]):
        names = ", ".join(gate["gate"] for gate in some)
        said = f"{'no, ' + objection if objection else 'pass'}: {names}"
        yield from wrap(said, width=96, initial_indent="    ", subsequent_indent="      ")
