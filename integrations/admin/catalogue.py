"""The catalogue of integrations and their prices, which is the operator's."""

from typing import Any, ClassVar

from django import forms
from django.contrib.admin import TabularInline, register
from django.contrib.admin.widgets import AdminTextInputWidget
from django.http import HttpRequest

from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import OperatorEditedAdmin, RefusableForm
from integrations.models import Integration, Price
from integrations.services import catalogue


class PriceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Price
        fields = ("currency", "amount")
        # Django's rows of a table have no labels
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "currency": AdminTextInputWidget({"aria-label": "Currency"}),
            "amount": forms.NumberInput({"aria-label": "Amount"}),
        }


class PriceFormSet(forms.BaseInlineFormSet):  # type: ignore[type-arg]
    @classmethod
    def get_deletion_widget(cls) -> Any:
        return forms.CheckboxInput({"aria-label": "Delete this price"})


class PriceInline(TabularInline):  # type: ignore[type-arg]
    model = Price
    form = PriceForm
    formset = PriceFormSet
    extra = 0


class IntegrationForm(RefusableForm):
    class Meta:
        model = Integration
        fields = ("code", "name", "description", "is_available", "position")


@register(Integration, site=site)
class IntegrationAdmin(OperatorEditedAdmin):
    audit_noun = "integration"
    form = IntegrationForm
    inlines = (PriceInline,)
    list_display = ("name", "code", "is_available", "position")
    fields = ("code", "name", "description", "is_available", "position")

    def save_model(self, request: HttpRequest, obj: Integration, form: Any, change: bool) -> None:
        answers = {name: form.cleaned_data[name] for name in IntegrationForm.Meta.fields}
        saved = catalogue.save_integration(integration=obj if change else None, **answers, by=actor_of(request))
        obj.pk = saved.pk

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        kept = [row.cleaned_data for row in formset.forms if row not in formset.deleted_forms and row.cleaned_data]
        prices = {answers["currency"]: answers["amount"] for answers in kept}
        catalogue.set_prices(integration=form.instance, prices=prices, by=actor_of(request))
