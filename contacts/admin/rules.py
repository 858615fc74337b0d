"""Rule sets: to read, to change by a draft with a preview, to publish and to restore."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.contrib.admin import display, register
from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from accounts import queries, spreadsheets
from accounts.admin_site import site
from accounts.middleware import actor_of
from accounts.tenancy.admin import ActionPage, OwnAccountFilter, PartnerScopedAdmin, moment, posted
from accounts.tenancy.forms import AccountForm
from contacts import rule_sets
from contacts.models import Job, Policy, PreviewPair, RuleSet
from contacts.services import previews, reading, rules
from contacts.services.rules import IDENTIFY_NOBODY, MAX_FIELDS, MAX_RULES, Draft

WAITING = {RuleSet.Status.BUILDING, RuleSet.Status.READY}
LABELS: dict[str, str] = {
    RuleSet.Status.SUPERSEDED: "Restore these rules…",
    RuleSet.Status.CANCELLED: "Start from these rules…",
}
"""Of the button that leads to a draft, where it starts from other rules than the current ones."""
EMPTY_RULES = 2
"""That a draft has room for, below those that it has."""


class DraftForm(AccountForm):
    """What a rule set says, as fields and order. Takes `rule_set=`, the one to start from.

    Each rule is a row: its place, and the contact fields that together identify a person. A row without fields is no
    rule; so rules are removed by emptying them, and moved by other places.
    """

    policy = forms.ChoiceField(
        label="When a contact that is found is taken, or several are found",
        choices=Policy.choices,
        widget=forms.RadioSelect,
    )
    blocked = forms.CharField(
        label="Values that identify nobody",
        required=False,
        widget=forms.Textarea({"rows": 5}),
        help_text="One a line: a contact field, a colon, the value. Such as email: info@example.com",
    )
    folds_plus_tags = forms.BooleanField(
        label="Take jan+shop@example.com for jan@example.com",
        required=False,
    )
    phone_region = forms.CharField(
        label="Where phone numbers without a country are from", max_length=2, help_text="Two letters, such as NL."
    )

    def __init__(self, *args: Any, rule_set: RuleSet, **kwargs: Any) -> None:
        draft = rules.draft_of(rule_set=rule_set)
        initial = {
            "policy": draft.policy,
            "blocked": "\n".join(f"{name}: {value}" for name, values in draft.blocked.items() for value in values),
            "folds_plus_tags": draft.folds_plus_tags,
            "phone_region": draft.phone_region,
        }
        super().__init__(*args, initial=initial, **kwargs)
        named = rule_sets.fields_for_rules(self.account, IDENTIFY_NOBODY)
        names = {name for rule in draft.rules for name in rule}
        choices = [("", "-"), *named.items(), *((name, name) for name in sorted(names - named.keys()))]
        for number in range(1, MAX_RULES + 1):
            rule = draft.rules[number - 1] if number <= len(draft.rules) else ()
            place = forms.IntegerField(
                label=f"Place of rule {number}", initial=number, required=False, min_value=1, max_value=99
            )
            self.fields[f"place_{number}"] = place
            for position in range(1, MAX_FIELDS + 1):
                self.fields[f"rule_{number}_{position}"] = forms.ChoiceField(
                    label=f"Rule {number}, field {position}",
                    choices=choices,
                    required=False,
                    initial=rule[position - 1] if position <= len(rule) else "",
                )

    @property
    def rows(self) -> list[list[forms.BoundField]]:
        """The rules that are there and some empty ones, the place first."""
        filled = [number for number in range(1, MAX_RULES + 1) if any(self._fields_of(number))]
        shown = min(MAX_RULES, max(filled, default=0) + EMPTY_RULES)
        return [[self[name] for name in self._names(number)] for number in range(1, shown + 1)]

    @property
    def others(self) -> list[forms.BoundField]:
        return [self[name] for name in ("policy", "folds_plus_tags", "blocked", "phone_region")]

    def _names(self, number: int) -> list[str]:
        return [f"place_{number}", *(f"rule_{number}_{position}" for position in range(1, MAX_FIELDS + 1))]

    def _fields_of(self, number: int) -> list[Any]:
        return [self[name].value() for name in self._names(number)[1:]]

    def clean_blocked(self) -> dict[str, list[str]]:
        blocked: dict[str, list[str]] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["blocked"].splitlines())):
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not value:
                raise forms.ValidationError(f"“{line}” is not a contact field, a colon and a value.")
            blocked.setdefault(name, []).append(value)
        return blocked

    def clean(self) -> dict[str, Any]:
        answers: dict[str, Any] = super().clean() or {}
        if not self.errors:
            answers["draft"] = self._draft(answers)
        return answers

    def _draft(self, answers: Mapping[str, Any]) -> Draft:
        """What was answered; rules in the order of their places."""
        placed = []
        for number in range(1, MAX_RULES + 1):
            place, *fields = (answers.get(name) for name in self._names(number))
            if any(fields):
                placed.append((place or number, number, [name for name in fields if name]))
        return Draft(
            rules=[fields for _, _, fields in sorted(placed)],
            policy=answers["policy"],
            blocked=answers["blocked"],
            folds_plus_tags=answers["folds_plus_tags"],
            phone_region=answers["phone_region"].upper(),
        )


class ChangeRules(ActionPage):
    name, label, title = "draft", "Change the rules…", "Preview these rules"
    template = "admin/contacts/draft.html"

    def possible(self, row: RuleSet) -> bool:
        return row.status not in WAITING and rule_sets.coming(row.account) is None

    def label_for(self, row: RuleSet) -> str:
        return LABELS.get(row.status, self.label)

    def make_form(self, request: HttpRequest, row: RuleSet) -> DraftForm:
        as_operator = queries.is_operator(request.user)
        reading.record_common_values_seen(account=row.account, as_operator=as_operator, by=actor_of(request))
        return DraftForm(posted(request), account=row.account, rule_set=row)

    def explanation(self, row: RuleSet) -> str:
        return (
            "The first rule that finds anybody decides. Nothing changes yet: the rules are built beside the current "
            "ones, and you see what they would newly match before you publish them."
        )

    def facts(self, row: RuleSet) -> Sequence[tuple[str, object]]:
        return [
            (f"Commonest {rule}", "\n".join(values)) for rule, values in rule_sets.common_values(row.account) if values
        ]

    def perform(self, request: HttpRequest, row: RuleSet, answers: Mapping[str, Any]) -> str:
        draft: Draft = answers["draft"]
        rule_set = previews.begin(account=row.account, draft=draft, by=actor_of(request))
        return f"{rule_set} is being built. Its preview follows here."

    def leads_to(self, row: RuleSet) -> RuleSet:
        return rule_sets.coming(row.account) or row


class WaitingAction(ActionPage):
    """Something that is done to a rule set that is not current yet."""

    form_class = AccountForm

    def possible(self, row: RuleSet) -> bool:
        return row.status in WAITING

    def state(self, row: RuleSet) -> str | None:
        """Of the preview."""
        preview = rule_sets.preview_of(row)
        return None if preview is None else preview.job.state


class PublishForm(AccountForm):
    limit = forms.IntegerField(
        label="Pairs that may have come since",
        initial=previews.NEW_PAIRS,
        min_value=0,
        max_value=previews.MAX_CHANGED,
        help_text="If contacts changed since the preview and make more pairs than this, nothing is published.",
    )


class PublishRules(WaitingAction):
    name, label, title = "publish", "Publish…", "Publish these rules"
    form_class = PublishForm

    def possible(self, row: RuleSet) -> bool:
        return super().possible(row) and self.state(row) == Job.State.COMPLETED

    def explanation(self, row: RuleSet) -> str:
        return (
            "The very next write is decided by these rules. Contacts that are there already are not merged: have them "
            "sent to review afterwards. The rules of now can be restored."
        )

    def facts(self, row: RuleSet) -> Sequence[tuple[str, object]]:
        return [(f"Rule {number}: {rule}", said) for number, rule, said in rule_sets.preview_lines(row)]

    def perform(self, request: HttpRequest, row: RuleSet, answers: Mapping[str, Any]) -> str:
        came = previews.publish(account=row.account, rule_set_id=row.pk, limit=answers["limit"], by=actor_of(request))
        return f"{row} is current. New since the preview, and accepted: {came}." if came else f"{row} is current."


class PreviewAgain(WaitingAction):
    name, label, title = "preview", "Preview anew…", "Preview anew"

    def possible(self, row: RuleSet) -> bool:
        return super().possible(row) and self.state(row) in Job.ENDED

    def explanation(self, row: RuleSet) -> str:
        return "Looks at the whole base as it is now. What the last preview found is forgotten."

    def perform(self, request: HttpRequest, row: RuleSet, answers: Mapping[str, Any]) -> str:
        previews.again(account=row.account, rule_set_id=row.pk, by=actor_of(request))
        return "The preview is being made anew."


class DiscardRules(WaitingAction):
    name, label, title, dangerous = "discard", "Discard…", "Discard these rules", True

    def explanation(self, row: RuleSet) -> str:
        return "These rules are given up, and their preview with them. The current rules stay; no contact is touched."

    def perform(self, request: HttpRequest, row: RuleSet, answers: Mapping[str, Any]) -> str:
        previews.discard(account=row.account, rule_set_id=row.pk, by=actor_of(request))
        return f"{row} is discarded."


class SendToReview(ActionPage):
    name, label, title = "review", "Send duplicates to review…", "Send duplicates to review"
    form_class = AccountForm

    def possible(self, row: RuleSet) -> bool:
        return row.status == RuleSet.Status.CURRENT and rule_sets.has_pairs(row)

    def explanation(self, row: RuleSet) -> str:
        return (
            "Every pair of the preview that still matches becomes a review item, for the account's people to decide. "
            "Nobody is merged. A pair that was decided before stays as it was decided."
        )

    def perform(self, request: HttpRequest, row: RuleSet, answers: Mapping[str, Any]) -> str:
        previews.open_items(account=row.account, rule_set_id=row.pk, by=actor_of(request))
        return "The review items are being opened."


@register(RuleSet, site=site)
class RuleSetAdmin(PartnerScopedAdmin):
    audit_noun = "rule_set"
    action_pages = (ChangeRules(), PublishRules(), PreviewAgain(), DiscardRules(), SendToReview())
    list_display = ("number", "account", "status", "created")
    list_display_links = ("number",)
    list_filter = (OwnAccountFilter, "status")
    list_select_related = ("account",)
    search_fields = ("account__name", "account__number")
    ordering = ("account__name", "-number")
    fields = (
        *("account", "number", "status", "says", "policy", "folding", "blocked_values", "phone_region", "created"),
        *("newly_matches", "commonest_values"),
    )

    related = ("account", "preview__job")

    class Media:
        js = ("concord/refresh.js",)

    def get_fields(self, request: HttpRequest, obj: RuleSet | None = None) -> Any:
        shown = super().get_fields(request, obj)
        return shown if obj is None or rule_sets.tells_values(obj) else shown[:-1]

    def on_shown(self, request: HttpRequest, row: RuleSet) -> None:
        if rule_sets.tells_values(row):
            as_operator = queries.is_operator(request.user)
            reading.record_common_values_seen(account=row.account, as_operator=as_operator, by=actor_of(request))

    @display(description="rules")
    def says(self, rule_set: RuleSet) -> str:
        said = enumerate(rule_set.signatures, start=1)
        return "\n".join(f"{number}. {rule}" for number, rule in said)

    @display(description="plus-tags")
    def folding(self, rule_set: RuleSet) -> str:
        folds = any(signature.folds_plus_tags for signature in rule_set.signatures)
        return "Left out of addresses" if folds else "Part of addresses"

    @display(description="values that identify nobody")
    def blocked_values(self, rule_set: RuleSet) -> str:
        return "\n".join(f"{name}: {value}" for name, values in rule_set.blocked.items() for value in values) or "-"

    @display(description="created")
    def created(self, rule_set: RuleSet) -> str:
        return moment(rule_set.created_at, rule_set.account.zone, rule_set.created_by)

    @display(description="newly matches")
    def newly_matches(self, rule_set: RuleSet) -> str:
        preview = rule_sets.preview_of(rule_set)
        if preview is None:
            return "-"
        if preview.job.state in {Job.State.FAILED, Job.State.CANCELLED}:
            return f"{preview.job.get_state_display()}. {preview.job.failure_detail}"
        lines = format_html_join("", "<li><strong>{}. {}</strong><br>{}</li>", rule_sets.preview_lines(rule_set))
        if preview.job.state != Job.State.COMPLETED:
            address = reverse("admin:contacts_ruleset_change", args=(rule_set.pk,))
            said = rule_sets.preview_progress(preview)
            return format_html('<p data-refresh>{} <a href="{}">Look again</a></p><ul>{}</ul>', said, address, lines)
        pairs = f"{reverse('admin:contacts_previewpair_changelist')}?preview={preview.pk}"
        download = reverse("admin:contacts_ruleset_pairs", args=(rule_set.pk,))
        return format_html(
            '<ul>{}</ul><p><a href="{}">Every pair</a> · <a href="{}">Download as CSV</a></p>', lines, pairs, download
        )

    @display(description="commonest values")
    def commonest_values(self, rule_set: RuleSet) -> str:
        """What a partner may want to block."""
        return format_html(
            "<ul>{}</ul><p>A value that says nothing about a person, such as "
            "info@example.com, is blocked in a draft: discard these rules, start from them again, and add it to the "
            "values that identify nobody.</p>",
            format_html_join(
                "",
                "<li><strong>{}</strong><br>{}</li>",
                (
                    (rule, format_html_join(mark_safe("<br>"), "{}", ((value,) for value in values)))
                    for rule, values in rule_sets.values_in_preview(rule_set)
                    if values
                ),
            ),
        )

    def get_urls(self) -> list[URLPattern]:
        pairs = self.admin_site.admin_view(self.pairs_view)
        return [path("<path:object_id>/pairs/", pairs, name="contacts_ruleset_pairs"), *super().get_urls()]

    def pairs_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Every pair of the preview, as CSV."""
        row: RuleSet = self._row(request, object_id)
        reading.record_pairs_read(rule_set=row, by=actor_of(request))
        name = f"pairs-{row.account.number}-{row.number}.csv"
        return StreamingHttpResponse(
            csv_of(rule_sets.pairs_of(row)),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
        )


def csv_of(pairs: Iterable[PreviewPair]) -> Iterator[str]:
    """Ids, and no values."""
    columns = ("rule", "contact", "other contact", "both have an id in")
    return spreadsheets.file(
        columns, ((pair.rule, pair.contact_id, pair.other_id, pair.id_field and pair.id_field.name) for pair in pairs)
    )
