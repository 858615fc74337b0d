"""The questions that the pages about contacts ask."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms

from accounts.errors import ValidationFailed
from accounts.models import Account
from accounts.tenancy.forms import AccountForm
from contacts import columns, queries_imports
from contacts.rows import ENCODINGS
from contacts.services.samples import Sample

DELIMITERS = [(",", "Comma ,"), (";", "Semicolon ;"), ("\t", "Tab"), ("|", "Bar |")]


class UploadForm(AccountForm):
    """A file, and the system that it came from."""

    id_field = forms.TypedChoiceField(
        label="Which system did the file come from?",
        coerce=int,
        help_text="Its rows are found and kept by the ids of this system, as if the system itself had sent them.",
        error_messages={"required": "Choose the system that the file came from."},
    )
    file = forms.FileField(
        label="File",
        help_text="Drag it here, or choose it. CSV with a header, or NDJSON; plain or gzip, up to 1 GiB.",
        error_messages={"required": "Choose a file.", "empty": "The file has nothing in it."},
    )

    def __init__(self, *args: Any, account: Account, **kwargs: Any) -> None:
        super().__init__(*args, account=account, **kwargs)
        self.systems = queries_imports.systems_of(account)
        choices = [(row.pk, f"{row.source_system} ({row.name})") for row in self.systems]
        self.fields["id_field"].choices = choices if len(choices) == 1 else [("", "Choose a system"), *choices]  # type: ignore[attr-defined]


class ReadingForm(AccountForm):
    """How a CSV is to be read; what was found out stands there at first."""

    delimiter = forms.ChoiceField(label="Between two columns", choices=DELIMITERS)
    encoding = forms.ChoiceField(label="Encoding", choices=[(name, name.upper()) for name in ENCODINGS])


class MappingForm(AccountForm):
    """For each column of a file what it holds. `header`: a digest of the columns that were asked about, so that what
    was chosen for others says nothing."""

    header = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, sample: Sample, targets: Sequence[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sample, self.targets = sample, dict(targets)
        self.mapped: dict[str, int] | None = None
        for number, title in enumerate(sample.header):
            self.fields[f"column_{number}"] = forms.ChoiceField(
                label=title or f"Column {number + 1}", choices=targets, required=False
            )

    @staticmethod
    def digest(titles: Sequence[str]) -> str:
        """What `header` says for these columns."""
        return hashlib.sha256(json.dumps(list(titles)).encode()).hexdigest()

    @staticmethod
    def filled(titles: Sequence[str], chosen: Sequence[str]) -> dict[str, str]:
        """The form's data with these choices."""
        answers = {f"column_{number}": target for number, target in enumerate(chosen)}
        return {"header": MappingForm.digest(titles), **answers}

    @staticmethod
    def is_about(data: Mapping[str, Any], titles: Sequence[str]) -> bool:
        """Whether what was sent is about these columns."""
        return data.get("header") == MappingForm.digest(titles)

    @property
    def questions(self) -> Iterator[tuple[forms.BoundField, list[str]]]:
        """For each column its field, and some of its values."""
        for number in range(len(self.sample.header)):
            yield self[f"column_{number}"], self.sample.values(number)

    @property
    def reading(self) -> ReadingForm:
        """How the file was read to get these columns."""
        read = {"delimiter": self.sample.delimiter, "encoding": self.sample.encoding or ENCODINGS[0]}
        return ReadingForm(read, account=self.account)

    @property
    def shown(self) -> list[str]:
        """What the columns that go somewhere are called, in their order; of a valid form. All of a line without any."""
        return [self.targets[target] for target in self._chosen() if target] or ["Line"]

    def clean(self) -> dict[str, Any]:
        """`mapped`: contact field, or external_id → the column's number; None for a file without columns."""
        data: dict[str, Any] = super().clean() or {}
        if self.sample.header:
            try:
                self.mapped = columns.mapped(self._chosen())
            except ValidationFailed as error:
                self.add_domain_error(error)
        return data

    def _chosen(self) -> list[str]:
        """Where each column goes, as far as that is valid."""
        return [self.cleaned_data.get(f"column_{number}", "") for number in range(len(self.sample.header))]
