"""Filters for message texts: moments in words, with their zone, and sums of money."""

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from django import template
from django.utils import formats, timezone
from django.utils.translation import gettext as _

register = template.Library()


@register.filter
def visit_time(moment: datetime | None, zone: str = "UTC") -> str:
    """Return "Tue, Nov 24 at 9:30 AM EST": the wall clock where the visit is."""
    if moment is None:
        return ""
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    return _("%(day)s at %(time)s") % {"day": visit_day(moment, zone), "time": _clock(local)}


@register.filter
def visit_day(moment: datetime | None, zone: str = "UTC") -> str:
    """Return "Tue, Nov 24" where the visit is."""
    if moment is None:
        return ""
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    return formats.date_format(local, _("D, M j"))


@register.filter
def wall_time(moment: datetime | None, zone: str = "UTC") -> str:
    """Return "9:30 AM" where the visit is, for texts that name the zone once."""
    if moment is None:
        return ""
    return formats.time_format(moment.astimezone(ZoneInfo(zone or "UTC")), _("g:i A"))


@register.filter
def zone_name(moment: datetime | None, zone: str = "UTC") -> str:
    """Return "EST": what the wall clock of a zone is called at a moment."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone or "UTC")).tzname() or ""


@register.filter
def clock_time(moment: datetime | None) -> str:
    """Return "2:05 PM EST" in the zone of the reader."""
    return "" if moment is None else _clock(timezone.localtime(moment))


@register.filter
def dollars(amount: Decimal | None) -> str:
    """Return "$1,234.50": US dollars, written the same in every language of the country."""
    if amount is None:
        return ""
    return f"-${-amount:,.2f}" if amount < 0 else f"${amount:,.2f}"


def _clock(local: datetime) -> str:
    with timezone.override(local.tzinfo):
        return f"{formats.date_format(local, _('g:i A'))} {local.tzname()}"
