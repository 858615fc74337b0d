"""The bases that re-scope what Django would leak: the admin's rows, forms, and the pages of an account."""

from typing import Any

import pytest
from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.test import RequestFactory

from accounts.errors import Conflict, FieldError, ValidationFailed
from accounts.models import Account, Membership, Role, User
from accounts.permissions import Capability
from accounts.tenancy.admin import own_rows
from accounts.tenancy.forms import AccountForm, AccountModelForm
from accounts.tenancy.querysets import ForeignRow
from accounts.tenancy.views import AccountView
from contacts.models import ContactField, IdField
from tests.conftest import Cast
from tests.factories import default_id_field

pytestmark = pytest.mark.django_db


class TestTheAdminsRows:
    def test_partners_have_their_accounts_operators_all_and_others_nothing(self, cast: Cast) -> None:
        def seen(user: User, model: Any) -> set[Any]:
            rows = own_rows(user, model._default_manager.all())
            return set(rows.values_list("pk" if model is Account else "account_id", flat=True))

        for model in (Account, IdField):
            assert seen(cast.agent, model) == {cast.account.pk}
            assert seen(cast.other_agent, model) == {cast.other_account.pk}
            assert seen(cast.operator, model) == {cast.account.pk, cast.other_account.pk}
            assert seen(cast.stray, model) == seen(cast.owner, model) == set()

    def test_rows_of_no_account_are_the_operators_alone(self, cast: Cast) -> None:
        assert not own_rows(cast.agent, User.objects.all()).exists()
        assert own_rows(cast.operator, User.objects.all()).exists()

    def test_who_may_not_sign_in_or_use_the_admin_sees_nothing(self, cast: Cast) -> None:
        for change in ({"is_active": False}, {"is_staff": False}):
            for user in (cast.agent, cast.operator):
                changed = User.objects.get(pk=user.pk)
                for name, value in change.items():
                    setattr(changed, name, value)
                assert not own_rows(changed, Account.objects.all()).exists()


class ChooseForm(AccountForm):
    id_field = forms.ModelChoiceField(IdField.all_accounts.all())
    several = forms.ModelMultipleChoiceField(IdField.all_accounts.all(), required=False)
    number = forms.IntegerField(required=False)


class ContactFieldForm(AccountModelForm):
    class Meta:
        model = ContactField
        fields = ("name", "label", "type")


class TestForms:
    def test_choices_are_the_accounts_own(self, cast: Cast) -> None:
        mine, theirs = default_id_field(cast.account), default_id_field(cast.other_account)
        form = ChooseForm(account=cast.account)
        for name in ("id_field", "several"):
            field = form.fields[name]
            assert isinstance(field, forms.ModelChoiceField)
            assert field.queryset is not None
            assert list(field.queryset) == [mine]
        assert ChooseForm({"id_field": mine.pk, "several": [mine.pk]}, account=cast.account).is_valid()
        refused = ChooseForm({"id_field": theirs.pk, "several": [theirs.pk]}, account=cast.account)
        made_up = ChooseForm({"id_field": 10**9, "several": [10**9]}, account=cast.account)
        assert refused.errors.keys() == {"id_field", "several"}
        assert refused.errors["id_field"] == made_up.errors["id_field"]

    def test_a_duplicate_within_the_account_is_a_form_error(self, cast: Cast) -> None:
        form = ContactFieldForm({"name": "email", "label": "E", "type": "text"}, account=cast.account)
        assert not form.is_valid()
        free = ContactFieldForm({"name": "nickname", "label": "N", "type": "text"}, account=cast.account)
        assert free.is_valid()
        assert free.save().account_id == cast.account.pk

    def test_a_form_does_not_take_another_accounts_row_over(self, cast: Cast) -> None:
        theirs = ContactField.objects.for_account(cast.other_account).get(name="email")
        with pytest.raises(ForeignRow):
            ContactFieldForm({}, account=cast.account, instance=theirs)

    def test_a_services_refusal_stands_at_its_field(self, cast: Cast) -> None:
        form = ChooseForm({"id_field": default_id_field(cast.account).pk}, account=cast.account)
        assert form.is_valid()
        form.add_domain_error(
            ValidationFailed([FieldError("number", "no", "Not that."), FieldError("x", "no", "Nor x.")])
        )
        form.add_domain_error(Conflict("Not now."))
        assert form.errors == {"number": ["Not that."], "__all__": ["Nor x.", "Not now."]}


class Page(AccountView):
    capabilities = {"GET": Capability.SEE, "POST": Capability.BUY_LICENSES}

    def get(self, request: HttpRequest) -> HttpResponse:
        return HttpResponse(f"{self.account.pk} {self.may(Capability.BUY_LICENSES)} {self.actor.label}")

    post = put = get


class TestAccountView:
    def answer(self, user: Any, account: Account | int, method: str = "get") -> Any:
        request = getattr(RequestFactory(), method)("/settings/")
        request.user = user
        number = account if isinstance(account, int) else account.number
        return Page.as_view()(request, account_number=number)

    def test_members_get_the_account(self, cast: Cast) -> None:
        assert self.answer(cast.owner, cast.account).content.decode() == f"{cast.account.pk} True {cast.owner}"
        assert self.answer(cast.viewer, cast.account).content.decode() == f"{cast.account.pk} False {cast.viewer}"
        assert self.answer(cast.viewer, cast.account, "head").status_code == 200

    @pytest.mark.parametrize("who", ["outsider", "agent", "other_agent", "operator", "stray"])
    def test_for_everybody_else_it_does_not_exist(self, who: str, cast: Cast) -> None:
        for account in (cast.account, 10**30, 0):
            with pytest.raises(Http404):
                self.answer(getattr(cast, who), account)

    def test_a_method_that_the_page_does_not_name_is_not_answered(self, cast: Cast) -> None:
        """`put` has a handler: without a capability nobody may reach it."""
        assert [self.answer(cast.owner, cast.account, method).status_code for method in ("put", "options")] == [
            405,
            405,
        ]

    def test_a_row_of_another_account_is_not_found(self, cast: Cast) -> None:
        page = Page()
        page.account = cast.account
        assert page.row(IdField, "account", is_default=True) == default_id_field(cast.account)
        with pytest.raises(Http404):
            page.row(IdField, pk=default_id_field(cast.other_account).pk)

    def test_a_role_counts_in_its_own_account_only(self, cast: Cast) -> None:
        Membership.objects.for_account(cast.other_account).create(user=cast.viewer, role=Role.OWNER)
        assert b"False" in self.answer(cast.viewer, cast.account).content
        assert b"True" in self.answer(cast.viewer, cast.other_account).content
