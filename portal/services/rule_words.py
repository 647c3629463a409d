"""A rule in plain words: "2 days before, by text, email and push, until the patient confirmed"."""

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notifications.enums import PatientNotificationChannel, PatientNotificationType
from portal.models import ReminderRule
from portal.services.rules import TYPES, What
from portal.services.visit_calendar.times import MINUTES_A_DAY


def sentence_of(rule: ReminderRule) -> str:
    """Return what a rule does: when, how, to whom, until when. In the active language."""
    parts = [_when(rule), _how(rule)]
    if rule.audience != ReminderRule.Audience.EVERYONE:
        parts.append(_lower(rule.get_audience_display()))
    if rule.until != ReminderRule.Until.STANDS:
        parts.append(_lower(rule.get_until_display()))
    return ", ".join(parts)


def _when(rule: ReminderRule) -> str:
    if rule.what == What.MISSED and rule.minutes_after < MINUTES_A_DAY:
        return _("the same evening")
    if rule.minutes_after is not None:
        return _("%(long)s after") % {"long": _long(rule.minutes_after)}
    return _("%(long)s before") % {"long": _long(rule.minutes_before)}


def _long(minutes: int) -> str:
    """Return "2 days" or "1 hour 30 minutes": no unit that is none."""
    days, rest = divmod(minutes, MINUTES_A_DAY)
    hours, rest = divmod(rest, 60)
    units = (
        (days, ngettext("%(count)s day", "%(count)s days", days)),
        (hours, ngettext("%(count)s hour", "%(count)s hours", hours)),
        (rest, ngettext("%(count)s minute", "%(count)s minutes", rest)),
    )
    return " ".join(text % {"count": count} for count, text in units if count) or _("at once")


def _how(rule: ReminderRule) -> str:
    """Return the channels that are on by default: a patient's own settings still decide."""
    if rule.ladder:
        return _lower(rule.get_ladder_display())
    keys = PatientNotificationType.known(TYPES[rule.what]).channels
    if rule.what == What.SAVE_THE_DATE:
        keys = [key for key in keys if key not in ("sms", "push")]
    known = [PatientNotificationChannel.known(key) for key in keys]
    outside = [_lower(channel.label) for channel in known if channel.contact_kind]
    if not outside:
        return _("in the portal")
    return _("by %(channels)s") % {"channels": get_text_list(outside, _("and"))}


def _lower(text: str) -> str:
    text = str(text)
    return text[:1].lower() + text[1:]
