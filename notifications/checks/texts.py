"""Types and their templates: a class in law for each, and nothing above its channel's ceiling.

A template cannot show what its context lacks, but it would then leave a hole in a sentence. So
each one is read, with what it extends and includes, for the names of fields above the ceiling.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

from django.core.checks import Error, register
from django.template import TemplateDoesNotExist, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Node,
    Template,
    Token,
    TokenType,
    Variable,
)
from django.template.loader import get_template
from django.template.loader_tags import ExtendsNode, IncludeNode

from notifications.channels.base import Channel
from notifications.checks.engine import error
from notifications.enums import (
    Category,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
)
from notifications.types import NotificationPayload

# What a stranger may see beside a message: L0 whatever the channel's ceiling.
NEUTRAL_PARTS = ("email_subject.txt", "push.txt")
DEFAULT_PART = "notifications/_default/{part}"


@register("notifications")
def check_types(**_: Any) -> list[Error]:
    """Report a type without a class in law (H-22), or with constants nobody knows."""
    return [
        error(20, f"{cls.__module__}.{cls.__name__}: {problem}.", hint=hint)
        for cls in PatientNotificationType.classes()
        for problem, hint in _wrong_constants(cls)
    ]


def _wrong_constants(cls: type[NotificationPayload]) -> Iterator[tuple[str, str]]:
    for name, known in (
        ("category", Category.values),
        ("purpose", Purpose.values),
        ("priority", PatientNotificationPriority.values),
    ):
        if getattr(cls, name, None) not in known:
            yield f"{name} is not one of the known", f"Known are {', '.join(known)}."
    for name in ("channels", "locked"):
        if strangers := set(getattr(cls, name)) - set(PatientNotificationChannel.values):
            yield f"{name} names no channel: {', '.join(sorted(strangers))}", "See channels/."
    for field in dataclasses.fields(cls):
        if not isinstance(field.metadata.get("level"), Level):
            yield f"{field.name} has no level", "Use public(), logistics() or phi()."


@register("notifications")
def check_default_templates(**_: Any) -> list[Error]:
    """Report a channel whose parts have no default template: a type without its own needs it."""
    return [
        error(21, f"{name} is missing: channel {cls.key} could say nothing.", hint="Write it.")
        for cls in PatientNotificationChannel.classes()
        for name in (DEFAULT_PART.format(part=part) for part in cls.parts)
        if _load(name) is None
    ]


@register("notifications")
def check_ceilings(**_: Any) -> list[Error]:
    """Report a template that names a field its channel may never say (H-10)."""
    return [
        error(
            22,
            f"{name} uses {field!r}, which channel {channel.key} may not say.",
            hint="Leave it to the portal (in_app.txt), or lower the field's level if it is wrong.",
        )
        for channel in PatientNotificationChannel.classes()
        for cls in PatientNotificationType.classes()
        for name, field in _above_ceiling(channel, cls)
    ]


def _above_ceiling(
    channel: type[Channel], cls: type[NotificationPayload]
) -> Iterator[tuple[str, str]]:
    for part in channel.parts:
        ceiling = Level.L0 if part in NEUTRAL_PARTS else channel.ceiling
        hidden = {
            field.name
            for field in dataclasses.fields(cls)
            if field.metadata.get("level", Level.L2) > ceiling
        }
        name = f"notifications/{cls.type_key}/{part}"
        for field in sorted(hidden & names_in(name)):
            yield name, field


def names_in(template_name: str) -> set[str]:
    """Return the names a template looks up, with what it extends and includes; none if absent."""
    template = _load(template_name)
    return set(_names(template.nodelist, seen={})) if template else set()


def _load(name: str) -> Template | None:
    try:
        return get_template(name).template
    except (TemplateDoesNotExist, TemplateSyntaxError):
        return None


def _names(part: Any, *, seen: dict[int, Any]) -> Iterator[str]:
    """Walk whatever a node keeps: expressions, other nodes, and lists and tables of them."""
    if id(part) in seen:
        return
    seen[id(part)] = part  # kept, so that no other object gets the same id meanwhile
    if isinstance(part, Variable):
        yield from (part.lookups or ())[:1]
    elif isinstance(part, Token) and part.token_type == TokenType.VAR:  # inside a blocktranslate
        yield part.contents.split("|")[0].strip()
    for inner in _kept_by(part):
        yield from _names(inner, seen=seen)


def _kept_by(part: Any) -> list:
    """Return what to look into next: nothing for strings, functions and the like."""
    if isinstance(part, list | tuple):
        return list(part)
    if isinstance(part, dict):
        return list(part.values())
    if isinstance(part, FilterExpression):
        return [part.var, part.filters]
    if isinstance(part, ExtendsNode | IncludeNode):
        other = part.parent_name if isinstance(part, ExtendsNode) else part.template
        template = _load(other.var) if isinstance(other.var, str) else None
        return [*vars(part).values(), template.nodelist if template else None]
    # A condition is a tree of its own, which has no base class but can be evaluated.
    return list(vars(part).values()) if isinstance(part, Node) or _is_condition(part) else []


def _is_condition(part: Any) -> bool:
    return hasattr(part, "eval") and hasattr(part, "__dict__")
