"""What the pages' templates need: the bell, icons, addresses for whom one acts, times in words."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template.loader import select_template
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language_info
from django.utils.translation import gettext as _

from notifications import clock, preferences
from notifications.contacts import devices
from notifications.services import patient_notification_service
from notifications.templatetags.notification_text import clock_time, visit_day
from portal import access
from portal.access import wards_of
from portal.models import User

register = template.Library()

THEMES = ("light", "dark")
BADGE_LIMIT = 99


@register.inclusion_tag("portal/_bell.html", takes_context=True)
def patient_notification_center(context: template.Context, patient: User) -> dict[str, Any]:
    """PatientNotificationCenter: the bell with its badge, and the popover script opens from it."""
    unread = patient_notification_service.unread_count(patient_id=patient.pk)
    return {"patient": patient, "unread": unread, "request": context["request"]}


@register.inclusion_tag("portal/_paused.html", takes_context=True)
def pause_notice(context: template.Context) -> dict[str, Any]:
    """Say on every page that a patient's messages are paused, and until when; one query."""
    patient = acting_patient(context)
    until = preferences.settings_of(patient_id=patient.pk).paused_until
    is_paused = until is not None and until > clock.now()
    until_text = _until(until) if is_paused else ""
    return {"until": until_text, "request": context["request"]}


def _until(moment: datetime) -> str:
    """Return "Mon, Nov 30" for a pause to a date, and the time of day too for any other."""
    local = timezone.localtime(moment)
    if (local.hour, local.minute) != (0, 0):
        return full_moment(moment)
    return day_with_year(moment)


@register.simple_tag
@lru_cache(maxsize=128)
def icon(name: str) -> SafeString:
    """Return a Lucide icon as inline SVG, hidden from assistive technology.

    A type or channel may name one that is not here: then a neutral one stands in.
    """
    return select_template([f"icons/{name}.svg", "icons/info.svg"]).render()


@register.simple_tag(takes_context=True)
def patient_url(context: template.Context, name: str, *args: Any) -> str:
    """Return a page's address, below /for/<id>/ when one acts for somebody else."""
    return address(name, *args, user=context["request"].user, patient=acting_patient(context))


@register.simple_tag(takes_context=True)
def patient_path(context: template.Context, path: str) -> str:
    """Return a path a message names, below /for/<id>/ when one acts for somebody else."""
    patient = acting_patient(context)
    home = address("home", user=context["request"].user, patient=patient)
    return home.rstrip("/") + path


def address(name: str, *args: Any, user: User, patient: User) -> str:
    """Return the address of a patient's page as `user` reaches it."""
    return reverse(name, args=args if patient == user else (patient.pk, *args))


@register.simple_tag(takes_context=True)
def acting_patient(context: template.Context) -> User:
    """Return whose pages these are: the reader's own, unless the address says otherwise."""
    request = context["request"]
    return getattr(request, "patient", request.user)


@register.simple_tag(takes_context=True)
def this_page(context: template.Context) -> str:
    """Return where a form leads back to: the page the reader sees, also inside a fragment.

    A view that draws a page in answer to a POST names its address, for that of the POST shows none.
    """
    request = context["request"]
    if getattr(request, "htmx", False):
        return request.htmx.current_url_abs_path or "/"
    return getattr(request, "page_address", None) or request.get_full_path()


@register.simple_tag(takes_context=True)
def people(context: template.Context) -> list[dict[str, Any]]:
    """Return whom the reader may look at, with unread counts; empty without wards."""
    request = context["request"]
    wards = [ward.patient for ward in wards_of(request.user).select_related("patient")]
    everyone = [request.user, *wards] if wards else []
    return [
        {
            "person": person,
            "url": address("centre", user=request.user, patient=person),
            "unread": patient_notification_service.unread_count(patient_id=person.pk),
        }
        for person in everyone
    ]


@register.simple_tag(takes_context=True)
def theme(context: template.Context) -> str:
    """Return the look the reader chose, or "" for the device's own."""
    request = context.get("request")
    chosen = request.COOKIES.get("theme", "") if request else ""
    return chosen if chosen in THEMES else ""


@register.simple_tag(takes_context=True)
def push_to_offer(context: template.Context) -> str:
    """Return the key a browser registers for; "" where pushes are off, or after "Not now"."""
    return "" if "not_now" in context["request"].COOKIES else devices.public_key()


@register.filter
def badge(unread: int) -> str:
    """Return what fits in the badge: "7", "99+"."""
    return f"{BADGE_LIMIT}+" if unread > BADGE_LIMIT else str(unread)


@register.simple_tag
def when(moment: datetime, *, with_day: bool = True) -> SafeString:
    """Return a moment as <time>, in the reader's zone; script adds how long ago it was."""
    local = timezone.localtime(moment)
    iso = local.isoformat(timespec="seconds")
    text = moment_text(moment) if with_day else clock_time(moment)
    return format_html('<time datetime="{}" data-ago>{}</time>', iso, text)


@register.filter
def moment_text(moment: datetime) -> str:
    """Return "2:05 PM EST" for today, "Sat, Nov 21 at 2:05 PM EST" otherwise."""
    if timezone.localdate(moment) == timezone.localdate(clock.now()):
        return clock_time(moment)
    return full_moment(moment)


@register.filter
def full_moment(moment: datetime) -> str:
    """Return "Sat, Nov 21 at 2:05 PM EST" in the reader's zone, with the year if another."""
    return _("%(day)s at %(time)s") % {"day": day_with_year(moment), "time": clock_time(moment)}


@register.filter
def day_with_year(moment: datetime) -> str:
    """Return "Sat, Nov 21" in the reader's zone, with the year if another."""
    day = visit_day(moment, str(timezone.get_current_timezone()))
    year = timezone.localtime(moment).year
    return day if year == timezone.localdate(clock.now()).year else f"{day}, {year}"


@register.filter
def short_day(day: date) -> str:
    """Return "Nov 24", with the year if another."""
    is_this_year = day.year == timezone.localdate(clock.now()).year
    return date_format(day, _("M j") if is_this_year else _("M j, Y"))


@register.filter
def dated_moment(moment: datetime) -> SafeString:
    """Return `full_moment`, which on paper has its year also when it is this one."""
    said, local = full_moment(moment), timezone.localtime(moment)
    if local.year != timezone.localdate(clock.now()).year:
        return format_html("{}", said)
    day = visit_day(moment, str(timezone.get_current_timezone()))
    before, _day, after = said.partition(day)
    on_paper = format_html('<span class="print-only">, {}</span>', local.year)
    return format_html("{}{}{}{}", before, day, on_paper, after)


@register.simple_tag
def practice_name() -> str:
    """Return the practice's name, which heads what is printed."""
    return access.practice_name()


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """Return the languages in their own names."""
    names = {code: get_language_info(code)["name_local"] for code, _name in settings.LANGUAGES}
    return [(code, name.capitalize()) for code, name in names.items()]


HISTORY_ICONS = {
    "read": "mail-open",
    "acted": "circle-check",
    "delivered": "check-check",
    "accepted": "check",
    "sending": "send",
    "planned": "clock",
    "held": "hourglass",
    "failed": "circle-x",
    "refused": "circle-x",
    "unknown": "circle-help",
    "answer_lost": "circle-help",
    "skipped": "ban",
    "cancelled": "ban",
    "expired": "clock",
    "archived": "archive",
    "dismissed": "x",
}


@register.filter
def history_icon(kind: str) -> str:
    """Return the icon of a line of a message's history."""
    return HISTORY_ICONS.get(str(kind), "circle-dashed")
