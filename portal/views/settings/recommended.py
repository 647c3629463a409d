"""What "recommended" means: what each type does for who chose nothing, told by channel."""

from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from notifications.enums import PatientNotificationType
from portal.views.settings.matrix import in_order


@dataclass(frozen=True, kw_only=True)
class Recommended:
    """A channel and the kinds of message that come on it unless told otherwise."""

    channel: Any
    words: str


def by_channel() -> list[Recommended]:
    """Return each channel with its kinds: named, or what is left out where that is shorter."""
    return [Recommended(channel=each, words=_words(each.key)) for each in in_order()]


def _words(channel: str) -> str:
    kinds = PatientNotificationType.classes()
    on = [str(each.label) for each in kinds if channel in each.channels or channel in each.locked]
    off = [str(each.label) for each in kinds if str(each.label) not in on]
    if not off:
        return _("everything")
    if not on:
        return _("nothing")
    if len(off) < len(on):
        return _("everything but: %(kinds)s") % {"kinds": ", ".join(off)}
    return ", ".join(on)
