"""The form of a new item."""

from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from leadroom.lib.errors import BadInput
from leadroom.projects.intake import check_ref, name_of_file
from leadroom.projects.models import Project, WorkItem
from leadroom.projects.rules import REQUEST_LIMIT, check_request

FILE_BYTES = 4 * REQUEST_LIMIT
"""No text in UTF-8 within the limit of characters is longer."""


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "select"})


def _as_typed(text: str) -> str:
    """Forms send CRLF; the person typed lines."""
    return text.replace("\r\n", "\n")


class NewItemForm(forms.Form):
    """Project, request (typed, from a file, or both), title, where it came from; in a rehearsal also the script that
    its model plays. Invalid input stays in the form.

    Once valid, `cleaned_data` has the whole text as `request` and the file's name, or nothing, as `file_name`.
    """

    project = forms.ModelChoiceField(Project.objects.none(), empty_label=None, widget=_select())
    request = forms.CharField(widget=forms.Textarea, strip=False, required=False)
    file = forms.FileField(required=False, allow_empty_file=True)
    ref = forms.CharField(required=False)
    title = forms.CharField(max_length=200, required=False)
    script = forms.ChoiceField(required=False, widget=_select())

    def __init__(self, *args: object, projects: QuerySet[Project], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.fields["project"].queryset = projects  # type: ignore[attr-defined]
        scripts = (
            WorkItem.objects.filter(project__in=projects, project__is_rehearsal=True)
            .exclude(rehearsal_script="")
            .values_list("rehearsal_script", flat=True)
            .distinct()
            .order_by("rehearsal_script")
        )
        self.fields["script"].choices = [(name, name) for name in scripts]  # type: ignore[attr-defined]
        # Django's own check for NUL says less than the rule's sentence
        self.fields["request"].validators = []

    @property
    def limit_word(self) -> str:
        return f"{REQUEST_LIMIT:,}"

    @property
    def typed_count(self) -> int:
        return len(_as_typed(self["request"].value() or ""))

    def clean(self) -> dict[str, Any]:
        """The typed text and the file's as one request; each problem beside the field it is in."""
        data, file = self.cleaned_data, self.files.get("file")
        text = _as_typed(data.get("request") or "")
        try:
            if file is not None:
                read = read_file(file)
                text = f"{text}\n\n{read}" if text.strip() else read
            check_request(text)
        except BadInput as error:
            self.add_error("request" if file is None else "file", str(error))
        try:
            data["ref"] = check_ref(data.get("ref") or "")
        except BadInput as error:
            self.add_error("ref", str(error))
        return data | {"request": text, "file_name": name_of_file(file.name or "") if file is not None else ""}


def read_file(file: UploadedFile) -> str:
    """The text of an uploaded file. Raises BadInput when it is too big, empty or no text in UTF-8."""
    size = file.size or 0
    if size > FILE_BYTES:
        raise BadInput(
            f"The file has {size:,} bytes; {FILE_BYTES:,} is the limit, so no item was created. What you typed is "
            "still here: put long material into a file of the repository."
        )
    try:
        text = _as_typed(file.read().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(
            "The file is not text in UTF-8, so no item was created. Save it as such and try again."
        ) from error
    if not text.strip():
        raise BadInput("The file is empty, so no item was created. Choose another one, or type the request.")
    return text
