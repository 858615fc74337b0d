"""The question of a review item: whose values does the one person have?"""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django import forms

from accounts.tenancy.forms import AccountForm
from contacts.explain import ValueStory
from contacts.queries_review import Compared, PairPage, Side

OLD_FORM = "This page is too old. Open it again."
ONE_OF_TWO = "Choose one of the two."

Option = tuple[Side, str, ValueStory | None, bool]
"""A contact of the pair, what it has in a field, who wrote it, and whether it is chosen."""


class MergeForm(AccountForm):
    """Which contact stays, whose value it has in each field where they differ, and the versions that the person saw."""

    survivor = forms.ChoiceField(error_messages={"required": ONE_OF_TWO, "invalid_choice": ONE_OF_TWO})
    versions = forms.Field(widget=forms.HiddenInput, error_messages={"required": OLD_FORM})

    def __init__(self, *args: Any, pair: PairPage, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pair = pair
        sides = [(str(side.contact.pk), side.name) for side in pair.sides]
        self.fields["survivor"].choices = sides  # type: ignore[attr-defined]
        for name in pair.choices:
            self.fields[f"choice-{name}"] = forms.ChoiceField(
                choices=sides, error_messages={"required": ONE_OF_TWO, "invalid_choice": ONE_OF_TWO}
            )
        older = sides[0][0]
        seen = ",".join(str(side.contact.version) for side in pair.sides)
        self.initial = dict.fromkeys(self.fields, older) | {"versions": seen}

    def clean_versions(self) -> dict[UUID, int]:
        seen = self.cleaned_data["versions"].split(",")
        if len(seen) != len(self.pair.sides) or not all(each.isascii() and each.isdecimal() for each in seen):
            raise forms.ValidationError(OLD_FORM)
        return {side.contact.pk: int(each) for side, each in zip(self.pair.sides, seen, strict=True)}

    @property
    def is_outdated(self) -> bool:
        """Whether a contact changed since the person saw it, whatever else is wrong with the form."""
        return bool(self.cleaned_data.get("versions", self._versions) != self._versions)

    @property
    def _versions(self) -> dict[UUID, int]:
        return {side.contact.pk: side.contact.version for side in self.pair.sides}

    def again(self) -> "MergeForm":
        """The form about the contacts as they are now, with what the person chose."""
        chosen = {name: self.data[name] for name in self.fields if name in self.data and name != "versions"}
        return MergeForm({**self.initial, **chosen}, account=self.account, pair=self.pair)

    @property
    def survivor_id(self) -> UUID:
        return UUID(self.cleaned_data["survivor"])

    @property
    def choices(self) -> dict[str, UUID]:
        """Whose value, by contact field."""
        return {name: UUID(self.cleaned_data[f"choice-{name}"]) for name in self.pair.choices}

    def survivors(self) -> list[tuple[Side, bool]]:
        """The contacts, and which of them stays."""
        return [(side, self._is_chosen("survivor", side)) for side in self.pair.sides]

    def rows(self) -> Iterator[tuple[Compared, list[Option], str]]:
        """The fields of the pair with their options, and what is wrong with the choice."""
        for row in self.pair.rows:
            name = f"choice-{row.field.name}"
            wrong = self[name].errors if row.is_choice and self.is_bound else []
            options = [(*value, row.is_choice and self._is_chosen(name, value[0])) for value in row.values]
            yield row, options, " ".join(str(each) for each in wrong)

    def _is_chosen(self, name: str, side: Side) -> bool:
        return bool(str(self[name].value()) == str(side.contact.pk))
