"""`manage.py forecast`: what goes out in the coming days, to one patient or at one location.

What is printed may go into a ticket or a log: ids and codes, no names and no words of messages.
"""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model, Q, QuerySet, Value
from django.db.models.functions import Concat
from django.utils import timezone, translation

from notifications import audit, clock
from notifications.enums import AuditAction
from notifications.scheduler import Foreseen
from portal.access import zone_of
from portal.models import Location, User
from portal.services.foreseeing import forecast, lines_of

ACTOR = "system:forecast"
MOST_DAYS = 366
OUTCOMES = {"goes": "goes", "waits": "goes, held first", "not_sent": "not sent", "call": "to make"}


class Command(BaseCommand):
    help = (
        "Say what will go out in the coming days, when and by which channel, what is held until "
        "when, what does not go and why, and which calls are to be made: as if nobody did "
        "anything any more. Writes nothing but that somebody looked."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        of = parser.add_mutually_exclusive_group(required=True)
        of.add_argument("--patient", metavar="WHO", help="an id, a sign-in e-mail, or a full name")
        of.add_argument("--location", metavar="WHERE", help="its id or name")
        parser.add_argument("--days", type=int, default=14)
        parser.add_argument("--json", action="store_true", help="print one line of JSON")

    def handle(self, **options: Any) -> None:
        if not 1 <= options["days"] <= MOST_DAYS:
            raise CommandError(f"--days is from 1 to {MOST_DAYS}.")
        if options["patient"] is not None:
            found = _patient(options["patient"])
            of, zone = {"patient_id": found.pk}, zone_of(found)
        else:
            found = _location(options["location"])
            of, zone = {"location_id": found.pk}, found.zone
        with timezone.override(zone), translation.override("en"):
            seen = forecast(days=options["days"], **of)
            _note_look(found, seen)
            account = _account(seen, of=found, zone=zone, days=options["days"])
            said = json.dumps(account) if options["json"] else "\n".join(_lines(account))
        self.stdout.write(said)


# -- of whom -------------------------------------------------------------------------------------


def _patient(text: str) -> User:
    """Return the one patient with an id, a sign-in, an e-mail or a name. Raises CommandError."""
    people = User.objects.select_related("home_location").defer("date_of_birth")
    named = people.annotate(full=Concat("first_name", Value(" "), "last_name"))
    sign_in = Q(username__iexact=text) | Q(email__iexact=text)
    return _only(
        [_by_id(people, text), people.filter(sign_in), named.filter(full__iexact=text)],
        none="No patient has this id, sign-in or full name. Search the admin's Users by any part "
        "of a name or by a phone number: the id is in the address of the patient's page.",
        many="Several patients are meant. Give one of these ids: ",
    )


def _location(text: str) -> Location:
    known = Location.objects.order_by("name")
    names = ", ".join(known.values_list("name", flat=True)) or "none yet"
    return _only(
        [_by_id(known, text), known.filter(name__iexact=text)],
        none=f"No location has this id or name. There are: {names}.",
        many="Several locations have this name. Give one of these ids: ",
    )


def _by_id(rows: QuerySet, text: str) -> QuerySet:
    try:
        return rows.filter(pk=UUID(text))
    except ValueError:
        return rows.none()


def _only(ways: Sequence[QuerySet], *, none: str, many: str) -> Any:
    """Return the row that the first way that leads anywhere leads to."""
    found = next((rows for rows in (list(way[:10]) for way in ways) if rows), [])
    if not found:
        raise CommandError(none)
    if len(found) > 1:
        raise CommandError(many + ", ".join(str(row.pk) for row in found))
    return found[0]


def _note_look(found: Model, seen: Sequence[Foreseen]) -> None:
    """Note that somebody looked, a row a patient shown."""
    shown = {found.pk} if isinstance(found, User) else {each.patient_id for each in seen}
    rows = [(patient_id, found) for patient_id in sorted(shown)]
    audit.record_many(action=AuditAction.VIEWED, actor=ACTOR, rows=rows, list="forecast")


# -- what is known -------------------------------------------------------------------------------


def _account(seen: Sequence[Foreseen], *, of: Model, zone: str, days: int) -> dict[str, Any]:
    """Return a forecast, JSON-ready. Times are of the wall clock of `zone`, with their offset."""
    return {
        "of": f"{of._meta.model_name.replace('user', 'patient')} {of.pk}",
        "zone": zone,
        "from": _iso(clock.now()),
        "days": days,
        "coming": [_thing(each) for each in seen],
        "calls": sum(each.is_call for each in seen),
        "totals": [
            {
                "channel": line.channel,
                "outcome": line.outcome,
                "reason": line.reason,
                "count": line.before,
            }
            for line in lines_of(seen)
        ],
    }


def _thing(each: Foreseen) -> dict[str, Any]:
    return {
        "at": _iso(each.at),
        "patient": str(each.patient_id),
        "type": each.type,
        "rule": each.rule,
        "about": each.subject,
        "channel": each.channel,
        "status": each.status,
        "goes": each.goes,
        "says": each.says,
        "reason": str(each.reason),
        "next_step": each.next_step,
        "level": each.level,
        "held": [{"reason": str(reason), "until": _iso(until)} for reason, until in each.held],
        "waits": each.waits,
    }


def _iso(moment: datetime) -> str:
    return timezone.localtime(moment).isoformat(timespec="minutes")


# -- in words ------------------------------------------------------------------------------------


def _lines(account: dict[str, Any]) -> Iterator[str]:
    yield (
        f"Forecast of {account['of']}: {account['days']} days from "
        f"{_moment(account['from'], '%a %d %b %Y %H:%M')} ({account['zone']})"
    )
    yield "As if nobody did anything any more, and nothing were held by hand."
    for day, things in groupby(account["coming"], key=lambda thing: thing["at"][:10]):
        yield ""
        yield _moment(day, "%a %d %b %Y")
        for _message, some in groupby(things, key=_message_of):
            yield from _lines_of(list(some))
    yield ""
    yield from _totals(account)


def _message_of(thing: dict[str, Any]) -> tuple[str, ...]:
    return tuple(thing[name] for name in ("at", "patient", "type", "rule", "about"))


def _lines_of(things: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Yield a message's line, and one for each of its channels at that moment."""
    first = things[0]
    rule = f" ({first['rule']})" if first["rule"] else ""
    about = f"  {first['about']}" if first["about"] else ""
    yield f"  {first['at'][11:16]}  {first['type']}{rule}  patient {first['patient']}{about}"
    for each in things:
        yield f"         {each['channel'] or '-':<7} {_standing(each)}"


def _standing(thing: dict[str, Any]) -> str:
    says = thing["says"]
    if thing["reason"] and not thing["goes"]:
        says = f"Not sent: {says}. Next step: {thing['next_step']}"
    return "; then: ".join([*thing["waits"], says])


def _totals(account: dict[str, Any]) -> Iterator[str]:
    if not account["coming"]:
        yield "Nothing is coming."
        return
    yield "Totals"
    for total in account["totals"]:
        why = f" ({total['reason']})" if total["reason"] else ""
        outcome = f"{OUTCOMES[total['outcome']]}{why}"
        yield f"  {total['channel'] or '-':<7} {outcome:<32} {total['count']:>6}"
    yield f"  Calls to make: {account['calls']}"


def _moment(text: str, form: str) -> str:
    return datetime.fromisoformat(text).strftime(form)
