"""What makes sense as a rule of a location, and what one says in words.

A rule is checked as it would work: with visits at every hour the place is open, through the same
functions that plan real ones.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.translation import gettext as _

from notifications.enums import PatientNotificationType
from notifications.types import Refused
from portal.models import Appointment, Location, ReminderRule
from portal.notification_types.appointment_reminder import LAST_MOMENT
from portal.services.visit_calendar import Hours, VisitFacts
from portal.services.visit_calendar.times import MINUTES_A_DAY, is_night
from portal.services.visit_calendar.visit_plans import LATEST, due_of

What, Until, Audience = ReminderRule.What, ReminderRule.Until, ReminderRule.Audience

TYPES: dict[str, str] = {
    What.SAVE_THE_DATE: "appointment_reminder",
    What.REMIND: "appointment_reminder",
    What.CONFIRM: "appointment_reminder",
    What.FORMS: "forms_due",
    What.MISSED: "appointment_missed",
    What.FOLLOW_UP: "treatment_followup",
    What.REVIEW: "review_request",
}
TEXTED = (What.REMIND, What.CONFIRM)  # what may text a patient who is still to come
LONGEST = 366 * MINUTES_A_DAY
A_WEEK = timedelta(days=7)
HALF_AN_HOUR = timedelta(minutes=30)
# A week in which no clock changes, for working a rule out; the day itself is nothing special.
SOME_DAY = date(2026, 6, 17)


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How many automated texts one number gets: a practice's setting."""

    a_day: int = 1
    a_week: int = 3


def check_rule(rule: ReminderRule) -> None:
    """Raise the first of a rule's problems as Refused; `field` is where it shows."""
    for problem in problems_with(rule):
        raise problem


def problems_with(rule: ReminderRule) -> list[Refused]:
    """Return what is wrong with a rule among those of its location, read from the tables."""
    others = ReminderRule.objects.filter(location_id=rule.location_id, is_active=True)
    return problems_of(
        rule,
        others=list(others.exclude(pk=rule.pk)),
        hours=Hours.of(rule.location),
        allowance=_allowance(rule.location),
    )


def problems_of(
    rule: ReminderRule, *, others: Sequence[ReminderRule], hours: Hours, allowance: Allowance
) -> list[Refused]:
    """Return what is wrong with a rule beside the `others` in force. Pure; empty: it may stand."""
    found = [*_timing(rule), *_until(rule)]
    if found:
        return found  # what it would do cannot be worked out, or is not meant
    found = [*_ladder(rule), *_night(rule, hours)]
    return [*found, *_neighbours(rule, others, hours, allowance)] if rule.is_active else found


# -- what it says --------------------------------------------------------------------------------


def _timing(rule: ReminderRule) -> Iterable[Refused]:
    is_afterwards = rule.what in ReminderRule.AFTERWARDS
    wanted, unwanted = rule.minutes_before, rule.minutes_after
    if is_afterwards:
        wanted, unwanted = unwanted, wanted
    if wanted is None or unwanted is not None:
        yield _wrong_side(is_afterwards=is_afterwards)
    elif wanted > LONGEST:
        yield Refused(_("A year is the longest."), field=_field(rule))
    elif is_afterwards and timedelta(minutes=wanted) >= LATEST[rule.what]:
        yield Refused(_("So long after a visit this is not sent any more."), field="minutes_after")
    elif not is_afterwards and timedelta(minutes=wanted) <= LAST_MOMENT:
        yield Refused(
            _("This is too late: half an hour before a visit nobody reads it any more."),
            field="minutes_before",
        )


def _wrong_side(*, is_afterwards: bool) -> Refused:
    if is_afterwards:
        return Refused(
            _("This goes after a visit: say how long after, and nothing else."),
            field="minutes_after",
        )
    return Refused(
        _("This goes before a visit: say how long before, and nothing else."),
        field="minutes_before",
    )


def _until(rule: ReminderRule) -> Iterable[Refused]:
    is_asked = rule.what in (What.SAVE_THE_DATE, *TEXTED)
    if rule.until == Until.CONFIRMED and not is_asked:
        yield Refused(_("This does not end when a patient confirms."), field="until")
    if rule.until == Until.FORMS_DONE and rule.what != What.FORMS:
        yield Refused(_("Only what asks for forms ends when they are filled in."), field="until")


def _ladder(rule: ReminderRule) -> Iterable[Refused]:
    if not rule.ladder:
        return
    if "sms" not in PatientNotificationType.known(TYPES[rule.what]).channels:
        yield Refused(
            _("This never goes as a text, so it cannot go channel by channel."), field="ladder"
        )
    elif rule.what != What.CONFIRM:
        yield Refused(
            _("Only what asks for an answer goes channel by channel: choose “Please confirm”."),
            field="ladder",
        )
    elif rule.minutes_before < MINUTES_A_DAY:
        yield Refused(
            _("Channel by channel takes a day or more: the call is made the working day before."),
            field="minutes_before",
        )


# -- what it would do ----------------------------------------------------------------------------


def _night(rule: ReminderRule, hours: Hours) -> Iterable[Refused]:
    due = [_due(rule, start, hours) for start in _starts(hours)]
    if due and all(is_night(moment, zone=hours.zone) for moment in due):
        yield Refused(
            _("Whenever the visit is, this falls between 9 in the evening and 8 in the morning."),
            field=_field(rule),
        )


def _neighbours(
    rule: ReminderRule, others: Sequence[ReminderRule], hours: Hours, allowance: Allowance
) -> Iterable[Refused]:
    """Yield what is wrong beside the other rules, for a visit in the middle of the day."""
    starts = _starts(hours)
    if rule.what not in TEXTED or not starts:
        return
    middle = starts[len(starts) // 2]
    for audience in (Audience.NEW, Audience.KNOWN):
        beside = [each for each in others if each.what in TEXTED and _meets(each, audience)]
        if not _meets(rule, audience):
            continue
        due = {each.name: _due(each, middle, hours) for each in beside}
        problem = _too_many(rule.name, _due(rule, middle, hours), due, hours, allowance)
        if problem:
            yield Refused(problem, field=_field(rule))
            return


def _too_many(
    name: str, mine: datetime, others: dict[str, datetime], hours: Hours, allowance: Allowance
) -> str:
    """Return why one more text to the same patient is too many, or nothing."""
    same = [other for other, moment in others.items() if moment == mine]
    if same:
        return _("“%(name)s” goes at the same moment.") % {"name": same[0]}
    moments = sorted([mine, *others.values()])
    on_the_day = Counter(hours.day_of(moment) for moment in moments)[hours.day_of(mine)]
    if on_the_day > allowance.a_day:
        return _("That makes texts on one day: %(count)s. A number gets at most %(most)s.") % {
            "count": on_the_day,
            "most": allowance.a_day,
        }
    in_a_week = max(
        sum(start <= each < start + A_WEEK for each in moments)
        for start in moments
        if start <= mine < start + A_WEEK
    )
    if in_a_week > allowance.a_week:
        return _("That makes texts within a week: %(count)s. A number gets at most %(most)s.") % {
            "count": in_a_week,
            "most": allowance.a_week,
        }
    return ""


def _meets(rule: ReminderRule, audience: str) -> bool:
    return rule.audience in (Audience.EVERYONE, audience)


def _starts(hours: Hours) -> list[datetime]:
    """Return when visits of half an hour may start, on some day the place is open."""
    day = hours.last_open_day(SOME_DAY) or SOME_DAY
    start, end = hours.at(day, hours.opens_at), hours.at(day, hours.closes_at)
    count = max(int((end - start) / HALF_AN_HOUR), 0)
    return [start + number * HALF_AN_HOUR for number in range(count)]


def _due(rule: ReminderRule, starts_at: datetime, hours: Hours) -> datetime:
    ends_at = starts_at + HALF_AN_HOUR
    visit = Appointment(starts_at=starts_at, ends_at=ends_at)
    return due_of(rule, VisitFacts(visit=visit, closed_at=ends_at), hours=hours)


def _allowance(location: Location) -> Allowance:
    practice, usual = location.practice, Allowance()
    return Allowance(
        a_day=getattr(practice, "texts_a_day", usual.a_day),
        a_week=getattr(practice, "texts_a_week", usual.a_week),
    )


def _field(rule: ReminderRule) -> str:
    return "minutes_before" if rule.minutes_before is not None else "minutes_after"
