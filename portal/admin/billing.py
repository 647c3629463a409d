"""Statements: issued, paid and withdrawn through `portal.services`.

A list shows no amount; what a statement is for is written once and not shown again (H-02).
"""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal import services
from portal.admin.through import ThroughServices
from portal.models import Statement


class StatementEntry(forms.ModelForm):
    """A new statement. Amounts are sealed as text: staff type a number of dollars."""

    amount = forms.DecimalField(label=_("amount"), decimal_places=2, max_digits=9)
    issued_on = forms.DateField(
        label=_("issued on"),
        required=False,
        widget=admin.widgets.AdminDateWidget,
        help_text=_("Empty: today"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        payer = self.fields["guarantor"]
        payer.label, payer.required = _("who pays"), False
        payer.help_text = _("Empty: whoever pays for this patient")


@admin.register(Statement)
class StatementAdmin(ThroughServices):
    patient_paths = ("patient", "guarantor")
    autocomplete_fields = ("patient", "guarantor")
    list_display = ("due_on", "payer_name", "patient_name", "issued_on", "paid_at", "withdrawn_at")
    list_filter = (
        ("paid_at", admin.EmptyFieldListFilter),
        ("withdrawn_at", admin.EmptyFieldListFilter),
        "due_on",
    )
    list_select_related = ("patient", "guarantor")
    actions = ("mark_paid", "withdraw")
    entered = ("patient", "guarantor", "amount", "what_for", "issued_on", "due_on")
    shown = ("patient_name", "payer_name", "amount", "issued_on", "due_on")
    shown += ("created_at", "paid_at", "withdrawn_at")
    entry_form = StatementEntry

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).defer("what_for")

    def add_row(self, cleaned: dict[str, Any], *, actor: str) -> Statement:
        payer = cleaned["guarantor"]
        return services.issue_statement(
            patient_id=cleaned["patient"].pk,
            guarantor_id=payer.pk if payer else None,
            amount=cleaned["amount"],
            what_for=cleaned["what_for"] or "",
            issued_on=cleaned["issued_on"],
            due_on=cleaned["due_on"],
            actor=actor,
        )

    @admin.display(description=_("who pays"))
    def payer_name(self, row: Statement) -> str:
        return row.guarantor.display_name

    @admin.action(description=_("Mark as paid and send a receipt"), permissions=["change"])
    def mark_paid(self, request: HttpRequest, rows: QuerySet) -> None:
        def pay(row: Statement, *, actor: str) -> None:
            services.pay_statement(statement_id=row.pk, actor=actor)

        self.each(request, rows, pay)

    @admin.action(description=_("Withdraw"), permissions=["change"])
    def withdraw(self, request: HttpRequest, rows: QuerySet) -> None:
        def withdraw(row: Statement, *, actor: str) -> None:
            services.withdraw_statement(statement_id=row.pk, actor=actor)

        self.each(request, rows, withdraw)
