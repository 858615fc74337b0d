"""One contact: what is known of it, and what people do to it. Every dialog is a page too."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse

from accounts.errors import Conflict, DomainError, Gone, PreconditionFailed
from accounts.permissions import Capability
from accounts.tenancy.views import AccountView
from contacts import queries_contact as queries
from contacts import queries_history
from contacts.forms_contact import ChosenForm, EditForm, EraseForm, LiftForm
from contacts.models import Contact, ExternalId, Merge
from contacts.provenance import Writer
from contacts.services import erasure, merges, reading, splits

CHANGED = (
    "This contact changed since you opened this page, and nothing was done. Below is what is there now: look again."
)


class ContactView(AccountView):
    """What a contact's pages have in common: one that was merged away leads to the one that it lives on in. `heading`:
    that of a dialog, about a contact of this name."""

    section = "contacts"
    heading = "{name}"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return super().dispatch(request, *args, **kwargs)
        except Http404:
            # None for who is no member: they are told nothing.
            account = getattr(self, "account", None)
            erased = None if account is None else queries_history.erasure(account, kwargs["pk"])
            if erased is None:
                raise
            return self.page("contacts/contact_erased.html", {"erased": erased}, Gone.status)

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact = self.row(Contact, pk=pk)
        if contact.merged_into_id is None:
            return self.show(contact)
        messages.info(request, "The contact that you asked for was merged into this one.")
        return self.back(queries.survivor_of(contact))

    def show(self, contact: Contact, form: Any = None, status: int = 200) -> HttpResponse:
        raise NotImplementedError

    def back(self, contact: Contact) -> HttpResponse:
        return self.to("contacts-contact", pk=contact.pk)

    def contact_page(self, template: str, contact: Contact, status: int = 200, **more: Any) -> HttpResponse:
        name = queries.name_of(contact.values)
        heading = self.heading.format(name=name or "the contact")
        context = {"contact": contact, "name": name, "heading": heading, **more}
        return self.page(f"contacts/{template}.html", context, status)


class ContactPageView(ContactView):
    """All that is known of a contact."""

    capabilities = {"GET": Capability.SEE}

    def show(self, contact: Contact, form: Any = None, status: int = 200) -> HttpResponse:
        before = self.request.GET.get("before", "")
        if before and not (before.isascii() and before.isdecimal() and len(before) < 19):
            raise Http404
        changes, older = queries_history.history(self.account, contact.pk, int(before) if before else None)
        page = queries.contact_page(self.account, contact)
        return self.contact_page("contact", contact, status, shown=page, changes=changes, older=older, before=before)


class EditView(ContactView):
    """Changes values by hand."""

    heading = "Edit {name}"
    capabilities = {"GET": Capability.EDIT_CONTACTS, "POST": Capability.EDIT_CONTACTS}

    def show(self, contact: Contact, form: EditForm | None = None, status: int = 200) -> HttpResponse:
        form = form or EditForm(account=self.account, contact=contact)
        return self.contact_page("contact_edit", contact, status, form=form)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact = self.row(Contact, pk=pk)
        form = EditForm(request.POST, account=self.account, contact=contact)
        if not form.is_valid():
            return self.show(contact, form, 422)
        values = form.changes()
        if form.errors:
            return self.show(contact, form, 422)
        version = form.cleaned_data["seen_version"]
        try:
            alike = splits.edit(
                account=self.account, contact_id=contact.pk, values=values, version=version, by=self.actor
            )
        except PreconditionFailed:
            contact = self.row(Contact, pk=pk)
            form = form.again(contact)
            form.add_error(
                None, "Somebody changed this contact since you opened it. What you typed is here; look, and save again."
            )
            return self.show(contact, form, 409)
        except DomainError as error:
            form.add_domain_error(error)
            return self.show(contact, form, 409 if isinstance(error, Conflict) else 422)
        messages.success(request, "Saved." if values else "Nothing was changed.")
        if alike:
            messages.warning(request, f"It may be the same as {len(alike)} other now: see the doubts below.")
        return self.back(contact)


class UndoView(ContactView):
    """Takes the newest merge of a contact back."""

    heading = "Undo the merge"
    capabilities = {"GET": Capability.EDIT_CONTACTS, "POST": Capability.EDIT_CONTACTS}

    def show(self, contact: Contact, form: Any = None, status: int = 200, notice: str = "") -> HttpResponse:
        newest = next((each for each in queries.merged_from(self.account, contact.pk) if not each.is_undone), None)
        if newest is None:
            return self.contact_page("contact_undo", contact, 409, refusal="There is no merge of this contact to undo.")
        try:
            undoing = merges.look_at_undo(account=self.account, merge_id=newest.merge.pk)
        except DomainError as error:
            return self.contact_page("contact_undo", contact, 409, refusal=error.detail)
        fields = queries.sides(self.account, undoing.values)
        shown = {"merge": newest.merge, "undoing": undoing, "fields": fields, "form": form, "notice": notice}
        return self.contact_page("contact_undo", contact, status, **shown)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact, form = self.row(Contact, pk=pk), ChosenForm(request.POST, account=self.account)
        if not form.is_valid():
            return self.show(contact, form, 422)
        seen = form.cleaned_data
        merge = self.row(Merge, pk=seen["chosen"], survivor_id=contact.pk)
        try:
            undone = merges.undo(account=self.account, merge_id=merge.pk, version=seen["seen_version"], by=self.actor)
        except PreconditionFailed:
            return self.show(self.row(Contact, pk=pk), status=409, notice=CHANGED)
        except DomainError as error:
            messages.error(request, error.detail)
        else:
            stayed = [*(f"{field} {value}" for field, value in undone.stayed_ids), *undone.stayed_fields]
            messages.success(
                request,
                "The merge is undone: there are two contacts again."
                + (f" What came since stayed here: {', '.join(stayed)}." if stayed else ""),
            )
        return self.back(contact)


class SplitView(ContactView):
    """Takes an external id out of a contact, into one of its own."""

    heading = "Split off an id"
    capabilities = {"GET": Capability.EDIT_CONTACTS, "POST": Capability.EDIT_CONTACTS}

    def show(self, contact: Contact, form: Any = None, status: int = 200, notice: str = "") -> HttpResponse:
        ids = queries.ids_of(self.account, contact.pk)
        wanted = self.request.GET.get("id") or self.request.POST.get("chosen")
        chosen = next((row for row in ids if str(row.pk) == wanted), None)
        heading = self.heading
        fields = []
        if chosen is not None:
            writer = Writer(chosen.id_field_id, chosen.value)
            looked = splits.look_at_split(contact=contact, writer=writer)
            fields = queries.sides(self.account, looked)
            heading = f"Split off {chosen.id_field.source_system or chosen.id_field.name} {chosen.value}"
        shown = {"ids": ids, "chosen": chosen, "fields": fields, "heading": heading, "form": form, "notice": notice}
        return self.contact_page("contact_split", contact, status, **shown)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact, form = self.row(Contact, pk=pk), ChosenForm(request.POST, account=self.account)
        if not form.is_valid():
            return self.show(contact, form, 422)
        row = ExternalId.objects.for_account(self.account).filter(pk=form.cleaned_data["chosen"]).first()
        if row is None:
            messages.error(request, "This id is not linked to this contact any more; nothing was split off.")
            return self.back(contact)
        try:
            apart = splits.split(
                account=self.account,
                id_field_id=row.id_field_id,
                external_id=row.value,
                contact_id=contact.pk,
                version=form.cleaned_data["seen_version"],
                by=self.actor,
            )
        except PreconditionFailed:
            return self.show(self.row(Contact, pk=pk), status=409, notice=CHANGED)
        except DomainError as error:
            messages.error(request, error.detail)
            return self.back(contact)
        messages.success(request, f"{row.value} is a contact of its own now, this one. The two are no match for good.")
        return self.to("contacts-contact", pk=apart)


class ExportView(ContactView):
    """Everything that is known of a contact, as a file."""

    heading = "Export {name}"
    capabilities = {"GET": Capability.EXPORT_CONTACTS, "POST": Capability.EXPORT_CONTACTS}

    def show(self, contact: Contact, form: Any = None, status: int = 200) -> HttpResponse:
        return self.contact_page("contact_export", contact, status)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact = self.row(Contact, "account", pk=pk)
        if contact.merged_into_id is not None:
            return self.back(contact)
        reading.record_exported(contact=contact, by=self.actor)
        return JsonResponse(
            queries.everything(self.account, contact),
            json_dumps_params={"ensure_ascii": False, "indent": 2},
            headers={
                "Content-Disposition": f'attachment; filename="contact-{contact.pk}.json"',
                "Cache-Control": "no-store",
            },
        )


class EraseView(ContactView):
    """Erases a contact, after its name was typed."""

    heading = "Erase {name}"
    capabilities = {"GET": Capability.ERASE_CONTACTS, "POST": Capability.ERASE_CONTACTS}

    def form(self, contact: Contact, data: Any = None) -> EraseForm:
        return EraseForm(data, account=self.account, contact=contact)

    def show(
        self, contact: Contact, form: EraseForm | None = None, status: int = 200, notice: str = ""
    ) -> HttpResponse:
        shown = {"form": form or self.form(contact), "weight": queries.weight(self.account, contact), "notice": notice}
        return self.contact_page("contact_erase", contact, status, **shown)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        contact = self.row(Contact, pk=pk)
        form = self.form(contact, request.POST)
        if not form.is_valid():
            return self.show(contact, form, 422)
        version = form.cleaned_data["seen_version"]
        try:
            erasure.erase(account=self.account, contact_id=contact.pk, version=version, by=self.actor)
        except PreconditionFailed:
            return self.show(self.row(Contact, pk=pk), status=409, notice=CHANGED)
        except DomainError as error:
            messages.error(request, error.detail)
            return self.back(contact)
        messages.success(request, "The contact is erased. Its ids are refused until you lift that here.")
        return self.to("contacts-erasures")


class ErasuresView(AccountView):
    """Lets erased ids be written again."""

    section = "erasures"
    capabilities = {"GET": Capability.ERASE_CONTACTS, "POST": Capability.ERASE_CONTACTS}

    def show(self, form: LiftForm, status: int = 200) -> HttpResponse:
        return self.page("contacts/erasures.html", {"form": form}, status)

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.show(LiftForm(account=self.account))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = LiftForm(request.POST, account=self.account)
        if form.is_valid():
            try:
                erasure.lift(
                    account=self.account,
                    id_field_id=form.cleaned_data["id_field"],
                    external_id=form.cleaned_data["external_id"],
                    by=self.actor,
                )
            except DomainError as error:
                form.add_error("external_id", error.detail)
            else:
                messages.success(request, "The id may be written again: its system makes a new contact with it.")
                return self.to("contacts-erasures")
        return self.show(form, 422)
