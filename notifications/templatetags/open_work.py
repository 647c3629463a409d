"""What waits for somebody at the desk, counted: `{% open_work as works %}` in an admin page."""

from collections.abc import Callable
from dataclasses import dataclass

from django import template
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.translation import ngettext

from notifications import calls, delivery
from notifications.enums import ContactStatus
from notifications.models import ContactPoint, InboundText

register = template.Library()

Label = Callable[[int], str]


@dataclass(frozen=True, kw_only=True)
class Work:
    """So many things of one kind, and the list that shows them."""

    label: str
    count: int
    url: str


@register.simple_tag(takes_context=True)
def open_work(context: template.Context) -> list[Work]:
    """Return what is open in the tables the reader may see. One query each."""
    user = context["request"].user
    return [
        _work(rows(), label=label, query=query)
        for permission, label, rows, query in KINDS
        if user.has_perm(permission)
    ]


def _work(rows: QuerySet, *, label: Label, query: dict[str, str]) -> Work:
    count = rows.count()
    return Work(label=label(count), count=count, url=_list_of(rows.model, **query))


def _list_of(model: type, **query: str) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return reverse(name, query=query)


def _texts() -> QuerySet:
    return InboundText.objects.filter(handled_at=None)


def _broken() -> QuerySet:
    return ContactPoint.objects.filter(status=ContactStatus.NEEDS_UPDATE)


Kind = tuple[str, Label, Callable[[], QuerySet], dict[str, str]]
KINDS: tuple[Kind, ...] = (
    (
        "notifications.view_calltask",
        lambda count: ngettext("call to make", "calls to make", count),
        calls.to_make,
        {"state": "open"},
    ),
    (
        "notifications.view_inboundtext",
        lambda count: ngettext(
            "text that waits for an answer", "texts that wait for an answer", count
        ),
        _texts,
        {"state": "open"},
    ),
    (
        "notifications.view_delivery",
        lambda count: ngettext(
            "message of the last 7 days that did not get through",
            "messages of the last 7 days that did not get through",
            count,
        ),
        delivery.for_a_person,
        {"state": "open"},
    ),
    (
        "notifications.view_contactpoint",
        lambda count: ngettext("address that does not work", "addresses that do not work", count),
        _broken,
        {"status__exact": ContactStatus.NEEDS_UPDATE},
    ),
)
