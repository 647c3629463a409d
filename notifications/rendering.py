"""From a payload to words: the templates of a type, a channel and a language.

At L0 the channel's default template is used, whatever the type: it says that there is a message
and nothing else. Above, the type's own template may speak, seeing only what the level allows; an
e-mail's extends `notifications/_default/email.txt` or `.html` and fills its block `body`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.template import Context, loader
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from notifications import clock
from notifications.calendar import calendar_file
from notifications.enums import NAMED_CATEGORIES, NEXT_STEPS, Level, Reason
from notifications.types import NotificationPayload, PatientProfile

IN_APP_PART = "in_app.txt"
LETTERS = "ABCDEF"  # of a household's visits; more than these are no longer one text

# What the labels of Reason tell staff, told to the one it is about.
TO_PATIENT = {
    Reason.PREF_OFF: _("You turned this off on %(date)s"),
    Reason.DEFAULT_OFF: _("You have not turned this on in your settings"),
    Reason.PAUSED: _("You paused messages until %(date)s"),
    Reason.QUIET_HOURS: _("Held until %(time)s, when your quiet hours end"),
    Reason.TEXT_HOURS: _("Held until %(time)s: at this hour we send no texts"),
    Reason.NO_ADDRESS: _("We have no address of yours for this. Add one in your settings"),
    Reason.UNVERIFIED: _("Your mobile number is not verified. Do so in your settings"),
    Reason.NO_CONSENT: _("You have not agreed to texts. You can do so in your settings"),
    Reason.NO_DEVICE: _("You have not turned push on for any device"),
    Reason.OPTED_OUT_STOP: _("You replied STOP on %(date)s. Text START to get texts again"),
    Reason.CONFIDENTIAL: _("You asked us not to use this address"),
    Reason.BOUNCED_HARD: _("This address does not work. Change it in your settings"),
    Reason.SOFT_FAIL: _("It could not be delivered yet. We try again at %(time)s"),
    Reason.PROVIDER_ERROR: _("It could not be delivered. You can read it here"),
    Reason.ANSWER_UNKNOWN: _("We do not know yet if it reached you"),
    Reason.ANSWER_UNSETTLED: _("It may have reached you; we could not find out"),
    Reason.NO_RECEIPT: _("We have not heard whether it arrived"),
    Reason.PUSH_GONE: _("This device is no longer turned on for push"),
    Reason.CHANNEL_OFF: _("We do not send messages this way at the moment"),
    Reason.CHANNEL_PAUSED: _("This way is not working at the moment; it goes when it does"),
    Reason.CHANNEL_RESTING: _("This way is not working at the moment. We try at %(time)s"),
    Reason.ALL_HELD: _("We are sending no messages at the moment; it goes when we do"),
    Reason.DIGEST: _("Waits for your summary on %(date)s at %(time)s"),
    Reason.DUPLICATE: _("You had the same message already"),
    Reason.DEPARTED: _("You are no longer with this practice, so nothing is sent any more"),
    Reason.MERGED: _("It was part of another message"),
    Reason.SUPERSEDED: _("We tried another way instead"),
    Reason.ANSWERED: _("You had already read or answered it"),
    Reason.EXPIRED: _("It would have come too late"),
    Reason.CANCELLED: _("Your visit was changed before this was sent"),
    Reason.WITHDRAWN: _("No longer needed"),
    Reason.RATE_LIMITED: _("You had enough texts from us for now"),
    Reason.PHI_BLOCKED: _("We kept it here, to keep your health matters private"),
    Reason.UNWRITABLE: _("Something went wrong on our side. Please call us"),
}


def render(
    *,
    payload: NotificationPayload,
    parts: tuple[str, ...],
    level: Level,
    profile: PatientProfile,
    links: Mapping[str, str],
) -> dict[str, str]:
    """Return each part's text in the patient's language.

    `links` are full URLs of ours (view_url, settings_url, ...). Raises TemplateDoesNotExist for a
    part without any template.
    """
    context = _context(payload=payload, level=level, profile=profile) | dict(links)
    with translation.override(profile.language), timezone.override(profile.zone):
        return {part: _render_part(part, payload, level, context) for part in parts}


def calendar_of(*, payload: NotificationPayload, level: Level, profile: PatientProfile) -> str:
    """Return the file that puts a message's visit into a calendar, or moves it, or takes it out.

    Empty where there is none, and at L0: it says when and where.
    """
    if level < Level.L1:
        return ""
    with translation.override(profile.language):
        event = payload.calendar(practice_name=profile.public_name)
        return calendar_file(event, now=clock.now(), is_mailed=True) if event else ""


def message_for(*, payload: NotificationPayload, profile: PatientProfile) -> tuple[str, str]:
    """Return title and message as the signed-in patient reads them."""
    text = render(payload=payload, parts=(IN_APP_PART,), level=Level.L2, profile=profile, links={})
    with translation.override(profile.language):
        return str(payload.title), text[IN_APP_PART]


def render_group(
    name: str,
    *,
    payloads: Sequence[NotificationPayload],
    part: str,
    level: Level,
    profile: PatientProfile,
) -> str:
    """Return a part that is about several messages of one type, which its template calls `group`.

    Each of the group is what the level may see of one, with its `letter`; `letters` are all of
    them. The template is the type's own: for "together" and the part `sms.txt` that is
    `sms_together.txt`. Raises TemplateDoesNotExist for a type without one.
    """
    context = _context(payload=payloads[0], level=level, profile=profile)
    context["group"] = [
        payload.context(ceiling=level) | {"letter": letter}
        for payload, letter in zip(payloads, LETTERS, strict=False)
    ]
    context["letters"] = LETTERS[: len(payloads)]
    own = f"notifications/{payloads[0].type_key}/{part.replace('.', f'_{name}.')}"
    with translation.override(profile.language), timezone.override(profile.zone):
        return _write([own], context)


def render_summary(
    *,
    parts: tuple[str, ...],
    titles: Sequence[str],
    level: Level,
    profile: PatientProfile,
    links: Mapping[str, str],
) -> dict[str, str]:
    """Return each part of the one e-mail for several messages: how many, above L0 also which.

    `titles` are the messages' constant ones, in the patient's language.
    """
    context = _addressed(level=level, profile=profile) | dict(links) | {"count": len(titles)}
    if level >= Level.L1:
        context |= {"titles": titles}
    with translation.override(profile.language):
        return {part: _write([f"notifications/_digest/{part}"], context) for part in parts}


def render_code(*, parts: tuple[str, ...], code: str, profile: PatientProfile) -> dict[str, str]:
    """Return the message that carries a verification code, and nothing else."""
    context = {"code": code, "public_name": profile.public_name, "language": profile.language}
    with translation.override(profile.language):
        return {part: _write([f"notifications/_code/{part}"], context) for part in parts}


def render_notice(
    folder: str, *, parts: tuple[str, ...], profile: PatientProfile
) -> dict[str, str]:
    """Return the words of a folder that are no message's: who speaks, and nothing of anybody."""
    context = _addressed(level=Level.L0, profile=profile)
    with translation.override(profile.language):
        return {part: _write([f"notifications/{folder}/{part}"], context) for part in parts}


def render_reply(*, name: str, profile: PatientProfile) -> str:
    """Return one of our answers to a text: who we are, how to call us, and nothing of anybody."""
    context = {"public_name": profile.public_name, "phone": profile.phone}
    with translation.override(profile.language):
        return _write([f"notifications/_reply/{name}.txt"], context)


def content_hash(content: Mapping[str, str]) -> str:
    """Return a fingerprint of what left, kept when the text itself is purged."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def public_url(path: str) -> str:
    """Return the full address of a path of ours."""
    return urljoin(f"{settings.PUBLIC_URL}/", path.lstrip("/"))


def sentence(*, reason: str, params: Mapping[str, str]) -> str:
    """Return a reason code's sentence in the current language and zone."""
    if reason not in Reason.values:
        return str(reason)
    return str(Reason(reason).label) % _said(params)


def sentence_to_patient(*, reason: str, params: Mapping[str, str]) -> str:
    """Return a reason as its patient reads it, in the current language and zone."""
    if reason not in TO_PATIENT:
        return str(_("It did not reach you this way"))
    return str(TO_PATIENT[reason]) % _said(params)


def next_step(reason: str) -> str:
    """Return what staff can do about a reason code."""
    return str(NEXT_STEPS.get(reason, ""))


def _said(params: Mapping[str, str]) -> dict[str, str]:
    """Return a reason's dates in words; one that is not known is a dash."""
    return {"date": "—", "time": "—"} | {name: _moment(name, at) for name, at in params.items()}


def _moment(name: str, value: str) -> str:
    moment = parse_datetime(value)
    if moment is None:
        return value
    return short_time(moment) if name == "time" else date_format(timezone.localtime(moment), "M j")


def short_time(moment: datetime) -> str:
    """Return "2:40 PM EST" in the current zone."""
    local = timezone.localtime(moment)
    return f"{date_format(local, 'g:i A')} {local.tzname()}"


def _context(
    *, payload: NotificationPayload, level: Level, profile: PatientProfile
) -> dict[str, Any]:
    said = _addressed(level=level, profile=profile)
    if level >= Level.L1:
        kind = payload.label if payload.category in NAMED_CATEGORIES else ""
        said |= {"title": payload.title, "kind": kind}
    return said | payload.context(ceiling=level)


def _addressed(*, level: Level, profile: PatientProfile) -> dict[str, Any]:
    """Return who speaks, as far as a level allows, and in which language."""
    said = {"public_name": profile.public_name, "language": profile.language}
    if level >= Level.L1:
        said |= {
            "practice_name": profile.practice_name,
            "phone": profile.phone,
            "postal_address": profile.postal_address,
            "is_for_other": bool(profile.pages),
        }
    return said


def _render_part(
    part: str, payload: NotificationPayload, level: Level, context: dict[str, Any]
) -> str:
    default = f"notifications/_default/{part}"
    own = f"notifications/{payload.type_key}/{part}"
    return _write([default] if level == Level.L0 else [own, default], context)


def _write(names: list[str], context: dict[str, Any]) -> str:
    # Only HTML is escaped: a text or a subject shows what was written.
    words = Context(context, autoescape=names[0].endswith(".html"))
    return loader.select_template(names).template.render(words).strip()
