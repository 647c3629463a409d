"""What changed in how a patient is reached, in the patient's words: a plain sentence a row.

The trail keeps ids and codes (H-06); addresses are named masked, and nothing else is told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import get_language_info, gettext_lazy
from django.utils.translation import gettext as _

from notifications.enums import (
    AuditAction,
    ContactKind,
    Digest,
    PatientNotificationChannel,
    PatientNotificationType,
    Purpose,
)
from notifications.preferences import DEFAULTS

TURNED_ON: dict[str, Promise] = {
    "email": gettext_lazy("Emails for %(type)s turned on"),
    "sms": gettext_lazy("Texts for %(type)s turned on"),
    "push": gettext_lazy("Push notes for %(type)s turned on"),
}
TURNED_OFF: dict[str, Promise] = {
    "email": gettext_lazy("Emails for %(type)s turned off"),
    "sms": gettext_lazy("Texts for %(type)s turned off"),
    "push": gettext_lazy("Push notes for %(type)s turned off"),
}
ALL_OFF: dict[str, Promise] = {
    "email": gettext_lazy("All optional emails turned off"),
    "sms": gettext_lazy("All texts turned off"),
    "push": gettext_lazy("All push notes turned off"),
}
OF_AN_ADDRESS: dict[str, Promise] = {
    "added": gettext_lazy("%(address)s added"),
    "code_sent": gettext_lazy("A code sent to %(address)s"),
    "refreshed": gettext_lazy("%(address)s turned on again"),
    "verified": gettext_lazy("%(address)s verified"),
    "active": gettext_lazy("%(address)s in use again"),
    "needs_update": gettext_lazy("%(address)s stopped working"),
    "opted_out": gettext_lazy("All texts to %(address)s stopped by the word STOP"),
    "replaced": gettext_lazy("%(address)s replaced by a newer address"),
    "removed": gettext_lazy("%(address)s removed"),
    "only_this": gettext_lazy("Asked us to use only this: %(address)s"),
    "never_this": gettext_lazy("Asked us not to use this: %(address)s"),
    "request_ended": gettext_lazy("No longer asks this of us: %(address)s"),
    "told_replaced": gettext_lazy("%(address)s told that another took its place"),
    "renamed": gettext_lazy("%(address)s has a new name"),
    "tested": gettext_lazy("A test sent to %(address)s"),
    "guardian_named": gettext_lazy("Somebody may now act for this patient"),
    "guardian_ended": gettext_lazy("Somebody who acted for this patient no longer does"),
}
AGREED: dict[tuple[str, bool], Promise] = {
    (Purpose.TREATMENT, True): gettext_lazy("Agreed to messages about care: %(address)s"),
    (Purpose.TREATMENT, False): gettext_lazy(
        "No longer agrees to messages about care: %(address)s"
    ),
    (Purpose.MARKETING, True): gettext_lazy("Agreed to news and offers: %(address)s"),
    (Purpose.MARKETING, False): gettext_lazy("No longer agrees to news and offers: %(address)s"),
}
ICONS = {ContactKind.EMAIL: "mail", ContactKind.PHONE: "smartphone", ContactKind.PUSH: "bell"}


@dataclass(frozen=True)
class Named:
    """An address as a page names it."""

    masked: str
    kind: str


def sentence_of(row: Any, *, about: Named | None, before: Mapping[str, Any]) -> str:
    """Return what a row of the trail changed. `before` are the details of the row before it."""
    details = row.details
    if row.action == AuditAction.CONSENT:
        said = AGREED.get((details.get("purpose"), bool(details.get("granted"))))
        return _named(said or _("Consent changed"), about)
    if row.action == AuditAction.CONTACT:
        said = OF_AN_ADDRESS.get(str(details.get("change")), _("Address changed"))
        return _named(said, about or _kind_in(details))
    if "channel" in details:
        return _switched(details)
    return _of_all(details, before)


def icon_of(row: Any, about: Named | None) -> str:
    """Return the icon of a row: of what it is about."""
    if row.action == AuditAction.PREFERENCE:
        return "settings"
    return ICONS.get(about.kind, "mail") if about else "shield-check"


def _named(said: Promise | str, about: Named | None) -> str:
    return str(said) % {"address": about.masked if about else _("an address")}


def _kind_in(details: Mapping[str, Any]) -> Named | None:
    """Return what a wish is about that names a kind of address and no single one."""
    kind = details.get("kind")
    return Named(str(ContactKind(kind).label), kind) if kind in ContactKind.values else None


def _switched(details: Mapping[str, Any]) -> str:
    channel, is_on = str(details["channel"]), bool(details.get("enabled"))
    label = str(PatientNotificationType.get(str(details.get("type", ""))).label)
    said = {"type": _inside(label), "channel": PatientNotificationChannel.get(channel).label}
    known = (TURNED_ON if is_on else TURNED_OFF).get(channel)
    other = _("%(channel)s for %(type)s turned on"), _("%(channel)s for %(type)s turned off")
    return str(known or other[not is_on]) % said


def _inside(label: str) -> str:
    """Return a label as it stands inside a sentence; an abbreviation keeps its capitals."""
    is_word = label[1:2].islower()
    return label[:1].lower() + label[1:] if is_word else label


# -- what holds for all types ---------------------------------------------------------------------


def _of_all(details: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    if "reset" in details:
        return _("All choices set back to what we recommend")
    if "put_back" in details:
        return _("Choices put back as they were before")
    if "turned_off" in details:
        return str(ALL_OFF.get(str(details["turned_off"]), _("One way to reach you turned off")))
    if "language" in details:
        return _language_and_zone(details, before)
    said = [
        tell(details.get(name))
        for name, tell in (("paused_until", _pause), ("digest", _digest))
        if details.get(name) != before.get(name, _default(name))
    ]
    if _quiet_in(details) != _quiet_in(before or _defaults()):
        said.append(_quiet(*_quiet_in(details)))
    return ". ".join(said) or _("Settings saved")


def _language_and_zone(details: Mapping[str, Any], before: Mapping[str, Any]) -> str:
    said = []
    if details["language"] != before.get("language"):
        name = get_language_info(details["language"])["name_local"].capitalize()
        said.append(_("Language: %(name)s") % {"name": name})
    if details.get("zone") != before.get("zone"):
        zone = str(details.get("zone") or "").rpartition("/")[2].replace("_", " ")
        said.append(_("Time zone: %(zone)s") % {"zone": zone or _("as at the practice")})
    return ". ".join(said) or _("Language and time zone saved")


def _defaults() -> dict[str, Any]:
    return {name: _default(name) for name in ("quiet_from", "quiet_until")}


def _default(name: str) -> Any:
    """Return a default as the trail writes it."""
    value = getattr(DEFAULTS, name)
    return value if value is None else str(value)


def _pause(until: str | None) -> str:
    moment = parse_datetime(until) if until else None
    if moment is None:
        return _("Pause ended")
    return _("Messages paused until %(date)s") % {
        "date": date_format(localtime(moment), _("D, M j"))
    }


def _digest(value: str | None) -> str:
    return _("Summary by email: %(how)s") % {"how": Digest(value or "").label}


def _quiet_in(details: Mapping[str, Any]) -> tuple[str | None, str | None]:
    return details.get("quiet_from"), details.get("quiet_until")


def _quiet(begins: str | None, ends: str | None) -> str:
    if not begins or not ends:
        return _("Quiet hours turned off")
    said = {"begins": _clock(begins), "ends": _clock(ends)}
    return _("Quiet hours from %(begins)s to %(ends)s") % said


def _clock(value: str) -> str:
    return time_format(time.fromisoformat(value), _("g:i A"))
