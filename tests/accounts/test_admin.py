"""The admin's doors: signing in, what partners see, what only operators may."""

import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.actor import SYSTEM
from accounts.admin import AccountAdmin
from accounts.admin_site import site
from accounts.models import Account, AuditEvent, Partner, PartnerStaff, User
from accounts.services import partners
from tests.conftest import Cast, SignIn
from tests.factories import PASSWORD, AccountFactory, PartnerFactory, UserFactory, operator, partner_user
from tests.rows import furnish

pytestmark = pytest.mark.django_db


class TestSigningIn:
    def test_nobody_signs_in_on_a_page_of_the_admin(self, client: Client, cast: Cast) -> None:
        answer = client.post("/admin/login/?next=/admin/", {"username": cast.operator.email, "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/auth/login/?next=/admin/")
        assert "sessionid" not in client.cookies

    def test_not_even_who_is_signed_in_already(self, cast: Cast, sign_in: SignIn) -> None:
        """Django's own page would let a partner in as an operator, with a password and no second factor."""
        client = sign_in(cast.agent)
        answer = client.post("/admin/login/", {"username": cast.operator.email, "password": PASSWORD})
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert client.session["_auth_user_id"] == str(cast.agent.pk)

    def test_one_comes_back_to_where_one_was_going_and_nowhere_else(self, client: Client) -> None:
        wanted = client.get("/admin/contacts/contact/?q=x")
        assert wanted["Location"] == "/admin/login/?next=/admin/contacts/contact/%3Fq%3Dx"
        assert client.get(wanted["Location"])["Location"] == "/auth/login/?next=/admin/contacts/contact/%3Fq%3Dx"
        for foreign in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
            assert client.get("/admin/login/", {"next": foreign})["Location"] == "/auth/login/?next=/admin/"

    def test_passwords_change_through_allauth_only(self, cast: Cast, sign_in: SignIn) -> None:
        assert sign_in(cast.agent).get("/admin/password_change/").status_code == 404
        assert sign_in(cast.agent).get("/admin/logout/")["Location"] == "/auth/logout/"

    @pytest.mark.parametrize(
        "path",
        ["/authx/", "/auth", "/admin/auth/", "//auth/", "/admin/?next=/auth/", "/AUTH/", "/staticx/", "/api/v1/me"],
    )
    def test_no_trick_with_a_path_spares_staff_the_second_factor(
        self, path: str, cast: Cast, sign_in: SignIn, settings: Settings
    ) -> None:
        settings.STAFF_SECOND_FACTOR_REQUIRED = True
        answer = sign_in(cast.agent).get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/auth/2fa/")

    def test_dots_in_a_path_lead_nowhere(self, cast: Cast, sign_in: SignIn, settings: Settings) -> None:
        settings.STAFF_SECOND_FACTOR_REQUIRED = True
        for path in ("/auth/../admin/", "/static/../admin/", "/auth/%2e%2e/admin/", "/auth//admin/"):
            answer = sign_in(cast.agent).get(path)
            assert answer.status_code == 404 or answer["Location"] == "/auth/2fa/", path


class TestTheFirstPage:
    def test_it_sums_up_the_own_accounts_and_no_others(self, cast: Cast, sign_in: SignIn) -> None:
        rows = furnish(cast.account)
        furnish(cast.other_account)
        furnish(AccountFactory.create(partner=cast.other_partner))
        context = sign_in(cast.agent).get("/admin/").context
        assert context["account_count"] == 1
        assert {figure.label: total for figure, total in context["totals"]} == {
            "Possible duplicates": 1,
            "Keys that fail": 0,
            "Open requests": 1,
        }
        [(account, cells)] = context["account_rows"]
        assert account == cast.account
        assert {figure.label: value for figure, value in cells} == {
            "Possible duplicates": 1,
            "Active licenses": 1,
            "Last API use": None,
            "Keys that fail": None,
            "Open requests": 1,
        }
        (template, panel), *_ = context["panels"]
        assert (template, list(panel["requests"])) == ("admin/integrations/requests_panel.html", [rows.request])

    def test_an_operator_sees_all_accounts(self, cast: Cast, sign_in: SignIn) -> None:
        context = sign_in(cast.operator).get("/admin/").context
        assert [account for account, _ in context["account_rows"]] == [cast.account, cast.other_account]

    def test_staff_of_no_partner_see_nothing(self, cast: Cast, sign_in: SignIn) -> None:
        answer = sign_in(cast.stray).get("/admin/")
        assert (answer.context["account_count"], answer.context["app_list"]) == (0, [])
        assert cast.account.name not in answer.content.decode()

    def test_more_accounts_take_no_more_queries(
        self, cast: Cast, sign_in: SignIn, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        client = sign_in(cast.agent)
        client.get("/admin/")
        with django_assert_num_queries(13):
            client.get("/admin/")
        for account in AccountFactory.create_batch(3, partner=cast.partner):
            furnish(account)
        with django_assert_num_queries(13):
            assert len(client.get("/admin/").context["account_rows"]) == 4

    def test_figures_are_of_all_accounts_and_rows_of_the_first_ones(
        self, cast: Cast, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for account in AccountFactory.create_batch(3, partner=cast.partner):
            furnish(account)
        monkeypatch.setattr("accounts.admin_site.SHOWN", 2)
        context = sign_in(cast.agent).get("/admin/").context
        assert (context["account_count"], len(context["account_rows"])) == (4, 2)
        assert {figure.label: total for figure, total in context["totals"]} == {
            "Possible duplicates": 3,
            "Open requests": 3,
            "Keys that fail": 0,
        }
        _, cells = context["account_rows"][1]
        assert {figure.label: value for figure, value in cells}["Active licenses"] == 1


class TestWhatPartnersCanNot:
    def test_they_see_people_as_text(self, cast: Cast, sign_in: SignIn) -> None:
        page = sign_in(cast.agent).get(f"/admin/accounts/account/{cast.account.pk}/change/").content.decode()
        assert f"{cast.owner.email}: Owner" in page
        assert "/admin/accounts/user/" not in page
        assert "/admin/accounts/partner/" not in page

    @pytest.mark.parametrize("path", ["", "add/", "1/change/", "1/delete/"])
    @pytest.mark.parametrize("model", ["user", "partner", "partnerstaff"])
    def test_people_and_partners_are_the_operators(self, model: str, path: str, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.agent)
        for method in ("get", "post"):
            assert getattr(client, method)(f"/admin/accounts/{model}/{path}").status_code in {403, 404}

    def test_a_row_that_is_not_theirs_answers_like_one_that_is_not_there(self, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.agent)
        for page in ("change", "history"):
            foreign = client.get(f"/admin/accounts/account/{cast.other_account.pk}/{page}/")
            missing = client.get(f"/admin/accounts/account/{10**9}/{page}/")
            assert foreign.status_code == missing.status_code == 404
            assert re.sub(rb'value="\w{64}"', b"", foreign.content) == re.sub(rb'value="\w{64}"', b"", missing.content)

    @pytest.mark.parametrize("query", ["_to_field=id", "_to_field=number", "_to_field=name", "_popup=1"])
    def test_parameters_of_popups_open_no_door(self, query: str, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.agent)
        for key in (cast.other_account.pk, cast.other_account.number, cast.other_account.name):
            answer = client.get(f"/admin/accounts/account/{key}/change/?{query}")
            assert answer.status_code in {400, 404}
        listed = client.get(f"/admin/accounts/account/?{query}")
        assert cast.other_account.name not in listed.content.decode()

    @pytest.mark.parametrize(
        ("model", "query"),
        [
            ("accounts/account", "partner__name__startswith=Agency"),
            ("accounts/account", "partner__staff__user__email__startswith=p"),
            ("accounts/account", "vat_number__startswith=N"),
            ("accounts/auditevent", "actor_user_id=1"),
            ("contacts/contact", "values__email__startswith=j"),
            ("integrations/authentication", "secret_digest__gt=a"),
            ("integrations/authentication", "pepper=1"),
            ("integrations/license", "account__memberships__user__password__startswith=argon2"),
        ],
    )
    def test_lists_can_not_be_asked_by_other_columns(self, model: str, query: str, cast: Cast, sign_in: SignIn) -> None:
        """Otherwise a digest could be guessed, one character at a time."""
        assert sign_in(cast.agent).get(f"/admin/{model}/?{query}").status_code == 400

    def test_the_account_filter_offers_the_own_accounts_and_finds_no_others(self, cast: Cast, sign_in: SignIn) -> None:
        furnish(cast.account)
        furnish(cast.other_account)
        client = sign_in(cast.agent)
        page = client.get("/admin/integrations/license/")
        [choices] = [f.lookup_choices for f in page.context["cl"].filter_specs if f.title == "account"]
        assert choices == [(str(cast.account.number), cast.account.name)]
        for number, count in ((cast.account.number, 1), (cast.other_account.number, 0), (1, 0), ("x'", 0)):
            answer = client.get("/admin/integrations/license/", {"account": number})
            assert (answer.status_code, answer.context["cl"].queryset.count()) == (200, count)

    def test_searching_finds_the_own_rows(self, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.agent)
        for term, count in ((cast.account.name, 1), (cast.other_account.name, 0), (cast.other_account.number, 0)):
            # Quoted, as a whole: a word of it alone may stand in an account's random number.
            page = client.get("/admin/accounts/account/", {"q": f'"{term}"'})
            assert page.context["cl"].queryset.count() == count

    def test_autocompletes_offer_the_own_accounts(self, cast: Cast, sign_in: SignIn) -> None:
        def offered(**names: str) -> Any:
            return sign_in(cast.agent).get("/admin/autocomplete/", names)

        fields = {"app_label": "contacts", "model_name": "idfield", "field_name": "account"}
        assert offered(**fields).json()["results"] == [{"id": str(cast.account.pk), "text": cast.account.name}]
        assert offered(**fields, term=f'"{cast.other_account.name}"').json()["results"] == []
        for source in (
            {"app_label": "accounts", "model_name": "partnerstaff", "field_name": "user"},
            {"app_label": "accounts", "model_name": "account", "field_name": "partner"},
            {"app_label": "accounts", "model_name": "membership", "field_name": "user"},
            {"app_label": "mfa", "model_name": "authenticator", "field_name": "user"},
        ):
            assert offered(**source).status_code == 403

    def test_nothing_is_deleted_and_nothing_changed_in_bulk(self, cast: Cast, sign_in: SignIn) -> None:
        for user in (cast.agent, cast.operator):
            client = sign_in(user)
            client.post("/admin/accounts/account/", {"action": "delete_selected", "_selected_action": cast.account.pk})
            assert client.post(f"/admin/accounts/account/{cast.account.pk}/delete/", {"post": "yes"}).status_code == 403
            answer = client.post(f"/admin/accounts/account/{cast.account.pk}/change/", {"name": "Mine now"})
            assert answer.status_code == 403
        assert Account.objects.get(pk=cast.account.pk).name == cast.account.name

    def test_the_activity_is_that_of_the_own_accounts(self, cast: Cast, sign_in: SignIn) -> None:
        nobodys = AuditEvent.objects.create(actor="system", action="x.y", object_id="1", object_label="x")
        theirs = AuditEvent.objects.filter(account_id=cast.other_account.pk).latest("pk")
        client = sign_in(cast.agent)
        listed = client.get("/admin/accounts/auditevent/").context["cl"].queryset
        assert {event.account_id for event in listed} == {cast.account.pk}
        for event in (nobodys, theirs):
            assert client.get(f"/admin/accounts/auditevent/{event.pk}/change/").status_code == 404
        shown = sign_in(cast.operator).get(f"/admin/accounts/auditevent/{nobodys.pk}/change/")
        assert shown.status_code == 200

    def test_the_history_of_a_row_is_its_audit_events(self, cast: Cast, sign_in: SignIn) -> None:
        page = sign_in(cast.agent).get(f"/admin/accounts/account/{cast.account.pk}/history/")
        assert [event.action for event in page.context["events"]] == ["account.opened"]

    def test_who_leaves_a_partner_is_out_at_once(self, cast: Cast, sign_in: SignIn) -> None:
        client = sign_in(cast.agent)
        assert client.get("/admin/accounts/account/").status_code == 200
        partners.remove_staff(staff=cast.agent.partner_staff, by=SYSTEM)
        assert client.get("/admin/accounts/account/")["Location"].startswith("/admin/login/")

    def test_a_row_from_elsewhere_is_not_shown_either(self, cast: Cast) -> None:
        """Where Django asks with a row in hand, and not through the list."""
        request = RequestFactory().get("/")
        request.user = cast.agent
        page = AccountAdmin(Account, site)
        assert page.has_view_permission(request, cast.account)
        assert not page.has_view_permission(request, cast.other_account)
        request.user = cast.stray
        assert not page.has_view_permission(request, cast.account)
        with pytest.raises(PermissionDenied):
            page.get_queryset(request)


class TestWhatOperatorsCan:
    @pytest.fixture
    def client(self, cast: Cast, sign_in: SignIn) -> Client:
        return sign_in(cast.operator)

    def save(self, client: Client, path: str, **answers: Any) -> Any:
        return client.post(f"/admin/accounts/{path}", answers)

    def errors(self, response: Any) -> Any:
        assert response.status_code == 200
        return response.context["adminform"].form.errors

    def test_they_add_people_who_set_their_password_themselves(self, client: Client) -> None:
        answer = self.save(client, "user/add/", email="New@Example.com", name="N", is_active="on", is_staff="on")
        assert answer.status_code == 302
        user = User.objects.get(email="new@example.com")
        assert (user.name, user.is_staff, user.is_superuser, user.has_usable_password()) == ("N", True, False, False)
        event = AuditEvent.objects.latest("pk")
        assert (event.action, event.object_id, event.account_id) == ("user.added", str(user.pk), None)

    def test_an_address_belongs_to_one_person(self, client: Client, cast: Cast) -> None:
        taken = self.save(client, "user/add/", email=cast.owner.email.upper(), is_active="on")
        assert "email" in self.errors(taken)
        changed = self.save(client, f"user/{cast.admin.pk}/change/", email=cast.owner.email, is_active="on")
        assert "email" in self.errors(changed)
        assert User.objects.get(pk=cast.admin.pk).email == cast.admin.email

    def test_a_new_address_ends_the_old_one_for_signing_in(self, client: Client, cast: Cast) -> None:
        EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
        answer = self.save(client, f"user/{cast.owner.pk}/change/", email="moved@example.com", is_active="on")
        assert answer.status_code == 302
        assert not EmailAddress.objects.filter(user=cast.owner).exists()
        event = AuditEvent.objects.latest("pk")
        assert event.before is not None
        assert (event.before["email"], event.after and event.after["email"]) == (cast.owner.email, "moved@example.com")

    def test_saving_without_a_change_leaves_no_trace(self, client: Client, cast: Cast) -> None:
        count = AuditEvent.objects.count()
        self.save(client, f"user/{cast.owner.pk}/change/", email=cast.owner.email, is_active="on")
        assert (AuditEvent.objects.count(), LogEntry.objects.count()) == (count, 0)

    def test_the_last_operator_can_not_step_down(self, client: Client, cast: Cast) -> None:
        path = f"user/{cast.operator.pk}/change/"
        for answers in ({"is_active": "on", "is_staff": "on"}, {"is_staff": "on", "is_superuser": "on"}):
            refused = self.save(client, path, email=cast.operator.email, **answers)
            assert "another operator" in self.errors(refused)["__all__"][0]
        operator()
        assert self.save(client, path, email=cast.operator.email, is_active="on", is_staff="on").status_code == 302

    def test_they_set_passwords_that_are_hashed_and_end_sessions(
        self, client: Client, cast: Cast, sign_in: SignIn
    ) -> None:
        owner = sign_in(cast.owner)
        path = f"user/{cast.owner.pk}/password/"
        assert self.save(client, path, password1="short", password2="short").status_code == 200
        mismatch = self.save(client, path, password1="a long new password", password2="another long password")
        assert mismatch.context["form"].errors.keys() == {"password2"}
        answer = self.save(client, path, password1="a long new password", password2="a long new password")
        assert answer.status_code == 302
        user = User.objects.get(pk=cast.owner.pk)
        assert user.check_password("a long new password")
        assert "a long new password" not in user.password
        assert owner.get("/auth/password/change/").status_code == 302
        assert "password" not in str(AuditEvent.objects.latest("pk").after)
        self.save(client, path, usable_password="false")
        assert not User.objects.get(pk=cast.owner.pk).has_usable_password()

    def test_an_operators_own_new_password_keeps_them_signed_in(self, client: Client, cast: Cast) -> None:
        self.save(client, f"user/{cast.operator.pk}/password/", password1=PASSWORD * 2, password2=PASSWORD * 2)
        assert client.get("/admin/").status_code == 200

    def test_they_sign_people_out_and_take_lost_second_factors_away(
        self, client: Client, cast: Cast, sign_in: SignIn
    ) -> None:
        TOTP.activate(cast.owner, generate_totp_secret())
        owner = sign_in(cast.owner)
        owner.get("/auth/password/change/")
        UserSession.objects.create(user=cast.owner, ip="192.0.2.1", session_key=owner.session.session_key)
        path = f"user/{cast.owner.pk}/remove-second-factors/"
        page = client.get(f"/admin/accounts/{path}")
        assert "signs in with the password alone" in page.content.decode()
        assert self.save(client, path).status_code == 302
        assert not Authenticator.objects.filter(user=cast.owner).exists()
        assert owner.get("/auth/password/change/").status_code == 302
        actions = AuditEvent.objects.filter(object_id=str(cast.owner.pk)).values_list("action", flat=True)
        assert set(actions) >= {"user.second_factors_removed", "user.sessions_ended"}
        assert self.save(client, path).status_code == 302  # there is none left: nothing happens
        assert self.save(client, f"user/{cast.owner.pk}/end-sessions/").status_code == 302

    def test_what_second_factors_and_sessions_are_made_of_is_not_shown(self, client: Client, cast: Cast) -> None:
        TOTP.activate(cast.owner, generate_totp_secret())
        factor = Authenticator.objects.get(user=cast.owner)
        session = UserSession.objects.create(user=cast.owner, ip="192.0.2.1", session_key="s" * 32)
        for path in (f"mfa/authenticator/{factor.pk}/change/", "mfa/authenticator/"):
            page = client.get(f"/admin/{path}").content.decode()
            assert factor.data["secret"] not in page
        assert "s" * 32 not in client.get(f"/admin/usersessions/usersession/{session.pk}/change/").content.decode()

    def test_they_keep_partners_and_their_staff(self, client: Client, cast: Cast) -> None:
        person = UserFactory.create()
        inline = {"staff-TOTAL_FORMS": 1, "staff-INITIAL_FORMS": 0, "staff-0-user": person.pk}
        contact = {"name": "New agency", "email": "desk@new.example", "phone": ""}
        assert self.save(client, "partner/add/", **contact, **inline).status_code == 302
        partner = Partner.objects.get(name="New agency")
        assert PartnerStaff.objects.get(user=person).partner == partner
        assert User.objects.get(pk=person.pk).is_staff
        staff = PartnerStaff.objects.get(user=person)
        leaving = {"staff-TOTAL_FORMS": 1, "staff-INITIAL_FORMS": 1, "staff-0-id": staff.pk, "staff-0-DELETE": "on"}
        leaving["staff-0-partner"] = partner.pk
        assert self.save(client, f"partner/{partner.pk}/change/", **contact, **leaving).status_code == 302
        assert not PartnerStaff.objects.filter(user=person).exists()
        assert not User.objects.get(pk=person.pk).is_staff
        actions = AuditEvent.objects.filter(object_id=str(partner.pk), action__startswith="partner.").order_by("pk")
        assert [event.action for event in actions] == ["partner.added", "partner.staff_added", "partner.staff_removed"]

    def test_a_persons_second_partner_and_a_second_partner_of_a_name_are_refused(
        self, client: Client, cast: Cast
    ) -> None:
        inline = {"staff-TOTAL_FORMS": 1, "staff-INITIAL_FORMS": 0, "staff-0-user": cast.agent.pk}
        taken = self.save(client, "partner/add/", name="Third", email="t@third.example", **inline)
        assert taken.status_code == 200
        assert not Partner.objects.filter(name="Third").exists()
        nobody = {"staff-TOTAL_FORMS": 0, "staff-INITIAL_FORMS": 0}
        path = f"partner/{cast.partner.pk}/change/"
        same = self.save(client, path, name=cast.other_partner.name, email="x@x.example", **nobody)
        assert self.errors(same).keys() == {"name"}

    def test_an_operator_who_leaves_a_partner_stays_operator(self) -> None:
        partner = PartnerFactory.create()
        user = partner_user(partner)
        User.objects.filter(pk=user.pk).update(is_superuser=True)
        partners.remove_staff(staff=PartnerStaff.objects.get(user=user), by=SYSTEM)
        assert User.objects.get(pk=user.pk).is_staff
