"""What is coming at a location or to a patient, and what a change of its rules would bring.

By the functions that send (`notifications.foresight`); nothing is written. Ids and codes only:
whoever shows it adds the names the reader may see.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from uuid import UUID

from notifications.enums import PatientNotificationChannel as Channel
from notifications.scheduler import Foreseen, notification_scheduler_service
from portal.models import Appointment, ReminderRule, User
from portal.services.places import visits_concerned
from portal.services.rules import check_rule
from portal.services.visit_calendar import Manner, plans_if
from portal.services.visit_calendar.known import Rules, rules_of

EXAMPLES = 6
TEXT, ABOUT_A_VISIT = "sms", "appointment:"
Place = tuple[str, str, str]  # channel, outcome, reason
GOES, WAITS, NOT_SENT, TO_CALL = "goes", "waits", "not_sent", "call"


def forecast(
    *, location_id: UUID | None = None, patient_id: UUID | None = None, days: int = 14
) -> list[Foreseen]:
    """Return what comes in the coming days at a location, to a patient, or to everybody.

    A location's are the messages about visits there, and, of the patients whose home it is, those
    about anything else than visits.
    """
    if location_id is None:
        return notification_scheduler_service.forecast(days=days, patient_id=patient_id)
    home = set(User.objects.filter(home_location_id=location_id).values_list("pk", flat=True))
    here = dict(Appointment.objects.filter(location_id=location_id).values_list("pk", "patient_id"))
    wanted = home | set(here.values()) if patient_id is None else {patient_id}
    subjects = {Appointment(pk=pk).subject for pk in here}
    seen = notification_scheduler_service.forecast(days=days, patient_ids=wanted)
    return [each for each in seen if _is_of(each, home=home, subjects=subjects)]


def _is_of(each: Foreseen, *, home: set[UUID], subjects: set[str]) -> bool:
    if each.subject.startswith(ABOUT_A_VISIT):
        return each.subject in subjects
    return each.patient_id in home


# -- what a change would bring -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Line:
    """How many messages end so on a channel, as things stand and with the change.

    `channel` is a channel's key, `call`, or empty for plans no message is made of. `outcome` is
    `goes`, `waits` (held first, then it goes), `not_sent` with its reason, or `call`.
    """

    channel: str
    outcome: str
    reason: str
    before: int
    after: int


@dataclass(frozen=True, kw_only=True)
class Example:
    """One message that is new or no longer comes so, with the channels on which it goes.

    `visit_id` None: it is about something else.
    """

    is_new: bool
    lines: Sequence[Foreseen]
    visit_id: UUID | None

    @property
    def at(self) -> datetime:
        return self.lines[0].at


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """What a change of a rule would bring to those whose visits it concerns. Nothing was written.

    `visits` depend on the rule, `changed` of them would be planned anew; `patients` are theirs and
    whoever shares an address with them, all of whose messages are counted in `lines`, since a text
    more to one may be a text less to another. `more` and `fewer` of them would get more or fewer
    messages. `text_price` is in US dollars, None where the practice names none.
    """

    days: int
    visits: int
    changed: int
    patients: int
    more: int = 0
    fewer: int = 0
    lines: Sequence[Line] = ()
    examples: Sequence[Example] = ()
    text_price: Decimal | None = None
    before: Sequence[Foreseen] = field(default=(), repr=False)
    after: Sequence[Foreseen] = field(default=(), repr=False)

    @property
    def texts(self) -> int:
        """Return how many texts more go; below nought: how many fewer."""
        return texts_in(self.after) - texts_in(self.before)

    @property
    def cost(self) -> Decimal | None:
        """Return what those cost, in US dollars; None where no price is known."""
        return None if self.text_price is None else self.texts * self.text_price


def dry_run(rule: ReminderRule, *, remove: bool = False, days: int = 30) -> DryRun:
    """Return what saving a rule, new or changed, would bring, or with `remove` taking it away.

    The rule need not be saved. Raises Refused as `keep` does.
    """
    if not remove:
        check_rule(rule)
    visits = visits_concerned(rule)
    rules = _rules_with(rule, visits, is_there=not remove)
    change, done, concerned = plans_if(visits, Manner(rules=rules, is_change=True))
    before, after = notification_scheduler_service.foresee_change(
        patient_ids={visit.patient_id for visit in concerned}, change=change, days=days
    )
    got = Counter(_got(after))
    got.subtract(_got(before))
    return DryRun(
        days=days,
        visits=done.looked_at,
        changed=done.changed,
        patients=len({visit.patient_id for visit in concerned} | set(got)),
        more=sum(number > 0 for number in got.values()),
        fewer=sum(number < 0 for number in got.values()),
        lines=lines_of(before, after),
        examples=_examples(before, after),
        text_price=rule.location.practice.text_price,
        before=before,
        after=after,
    )


def lines_of(before: Iterable[Foreseen], after: Iterable[Foreseen] = ()) -> list[Line]:
    """Return both counted by channel and outcome: what goes first, then what does not."""
    counts = Counter(map(_place, before)), Counter(map(_place, after))
    places = sorted(counts[0].keys() | counts[1].keys(), key=_order)
    return [
        Line(
            channel=place[0],
            outcome=place[1],
            reason=place[2],
            before=counts[0][place],
            after=counts[1][place],
        )
        for place in places
    ]


def texts_in(seen: Iterable[Foreseen]) -> int:
    """Return how many texts go; what goes as part of another is none of its own."""
    return sum(each.goes and each.channel == TEXT for each in seen)


def _rules_with(rule: ReminderRule, visits: Iterable[Appointment], *, is_there: bool) -> Rules:
    """Return the rules in force at the places of visits, as they would be after the change."""
    rules = {
        place: [each for each in some if each.pk != rule.pk]
        for place, some in rules_of(visits).items()
    }
    if is_there and rule.is_active:
        rules.setdefault(rule.location_id, []).append(rule)
    return rules


def _got(seen: Iterable[Foreseen]) -> list[UUID]:
    return [each.patient_id for each in seen if each.goes]


def _place(each: Foreseen) -> Place:
    if each.is_call:
        return each.channel, TO_CALL, ""
    if each.goes:
        return each.channel, WAITS if each.held else GOES, ""
    return each.channel, NOT_SENT, str(each.reason)


def _order(place: Place) -> tuple[bool, int, Place]:
    channel, outcome, _reason = place
    known = [*Channel.values]
    rank = known.index(channel) if channel in known else len(known)
    return outcome == NOT_SENT, rank, place


def _examples(before: Sequence[Foreseen], after: Sequence[Foreseen]) -> list[Example]:
    """Return the first few messages that go under one calendar and not under the other."""
    went, going = [each for each in before if each.goes], [each for each in after if each.goes]
    told = [*_few(_without(going, went), is_new=True), *_few(_without(went, going), is_new=False)]
    return sorted(told, key=lambda example: example.at)


def _few(seen: Iterable[Foreseen], *, is_new: bool) -> list[Example]:
    messages: dict[tuple, list[Foreseen]] = {}
    for each in seen:
        messages.setdefault((each.at, each.patient_id, each.type, each.subject), []).append(each)
    return [
        Example(is_new=is_new, lines=lines, visit_id=_visit_of(lines[0]))
        for lines in islice(messages.values(), EXAMPLES)
    ]


def _without(seen: Iterable[Foreseen], others: Iterable[Foreseen]) -> list[Foreseen]:
    there = {_mark(each) for each in others}
    return [each for each in seen if _mark(each) not in there]


def _mark(each: Foreseen) -> tuple:
    return each.at, each.patient_id, each.type, each.channel, each.subject


def _visit_of(each: Foreseen) -> UUID | None:
    if not each.subject.startswith(ABOUT_A_VISIT):
        return None
    return UUID(each.subject.removeprefix(ABOUT_A_VISIT))
