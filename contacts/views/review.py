"""The review of possible duplicates: the list, and an item to decide."""

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.errors import Conflict, DomainError, NotFound, PreconditionFailed
from accounts.permissions import Capability
from accounts.tenancy.views import AccountView
from contacts import queries_review as queries
from contacts.forms_review import MergeForm
from contacts.models import ReviewItem
from contacts.services import reviews
from contacts.views import places


class ReviewListView(AccountView):
    """What waits for a person, and what was decided."""

    section = "review"
    capabilities = {"GET": Capability.SEE}

    def get(self, request: HttpRequest) -> HttpResponse:
        wanted, after = queries.Wanted.read(request.GET), places.after(request, UUID)
        rows, more = queries.listed(self.account, wanted, after)
        return self.page(
            "contacts/review.html",
            {"wanted": wanted, "rows": rows, "more": more, "after": after, "tabs": queries.tabs(self.account, wanted)},
        )


class ReviewItemView(AccountView):
    """Two contacts side by side, or a value that too many share."""

    section = "review"
    capabilities = {"GET": Capability.SEE, "POST": Capability.EDIT_CONTACTS}

    def show(
        self, item: ReviewItem, form: MergeForm | None = None, status: int = 200, refusal: str = ""
    ) -> HttpResponse:
        wanted = self.wanted
        context = {
            "item": item,
            "is_waiting": item.state in queries.WAITING,
            "wanted": wanted,
            "refusal": refusal,
            "next": queries.neighbour(self.account, wanted, item.pk, ">"),
            "previous": queries.neighbour(self.account, wanted, item.pk, "<"),
        }
        if item.contact_id is None:
            crowd = queries.crowd_page(self.account, item)
            context |= {"heading": "A value that too many share", "reason": crowd.reason, "crowd": crowd}
            return self.page("contacts/review_crowd.html", context, status)
        form = form or self.merge_form(item)
        context |= {"heading": "One or two?", "reason": form.pair.reason, "pair": form.pair, "form": form}
        return self.page("contacts/review_pair.html", context, status)

    @property
    def wanted(self) -> queries.Wanted:
        return queries.Wanted.read(self.request.GET)

    def merge_form(self, item: ReviewItem, *data: object) -> MergeForm:
        return MergeForm(*data, account=self.account, pair=queries.pair_page(self.account, item))

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        return self.show(self.row(ReviewItem, pk=pk))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        item = self.row(ReviewItem, pk=pk)
        decide = {"merge": self.merge, "not_a_match": self.not_a_match, "later": self.later}.get(
            request.POST.get("decision", "")
        )
        if decide is None:
            form = self.merge_form(item, request.POST) if item.contact_id else None
            return self.show(item, form, 422, "Choose what to do: merge, not a match, or later.")
        return self.decided(item, decide)

    def decided(self, item: ReviewItem, decide: Callable[[ReviewItem], HttpResponse | None]) -> HttpResponse:
        """On to the next item; what was decided by somebody else meanwhile is told there."""
        try:
            if item.state not in queries.WAITING:
                raise Conflict(f"This was decided already: {item.get_state_display().lower()}.")
            if (refused := decide(item)) is not None:
                return refused
        except (Conflict, NotFound) as error:
            messages.error(self.request, f"{error.detail} Nothing was done.")
        following = queries.next_to_decide(self.account, self.wanted, item.pk)
        if following is None:
            return self.to("contacts-review")
        here = {"account_number": self.account.number, "pk": following}
        return redirect(f"{reverse('contacts-review-item', kwargs=here)}{self.wanted.address}")

    def merge(self, item: ReviewItem) -> HttpResponse | None:
        if item.contact_id is None:
            return self.show(item, status=422, refusal="There are more than two: none of them can be merged here.")
        form = self.merge_form(item, self.request.POST)
        is_valid = form.is_valid()
        if form.is_outdated:
            return self.changed(item)
        if not is_valid:
            return self.show(item, form, 422)
        try:
            done = reviews.merge(
                account=self.account,
                item_id=item.pk,
                survivor_id=form.survivor_id,
                choices=form.choices,
                versions=form.cleaned_data["versions"],
                by=self.actor,
            )
        except (Conflict, NotFound):
            raise
        except PreconditionFailed:
            return self.changed(item)
        except DomainError as error:
            return self.show(item, form, 422, error.detail)
        others = queries.settled_with(done)
        messages.success(
            self.request,
            "Merged: there is one contact now, and its page can undo that."
            + (f" {others} other doubt{'s were' if others > 1 else ' was'} settled with it." if others else ""),
        )
        return None

    def changed(self, item: ReviewItem) -> HttpResponse:
        """The contacts as they are now, with what the person chose."""
        form = self.merge_form(item, self.request.POST).again()
        return self.show(item, form, 409, "A contact has changed since you saw it. Look again before you merge.")

    def not_a_match(self, item: ReviewItem) -> None:
        reviews.not_a_match(account=self.account, item_id=item.pk, by=self.actor)
        about = "They are two, for good." if item.contact_id else "The value identifies nobody, for good."
        messages.success(self.request, f"Not a match: {about}")

    def later(self, item: ReviewItem) -> None:
        reviews.later(account=self.account, item_id=item.pk, by=self.actor)
        messages.success(self.request, "Put aside: it waits under Later.")
