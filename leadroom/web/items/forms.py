"""The form of a new item."""

from django import forms
from django.db.models import QuerySet

from leadroom.lib.errors import BadInput
from leadroom.projects.models import Project, WorkItem
from leadroom.projects.rules import REQUEST_LIMIT, check_request


def _select() -> forms.Select:
    return forms.Select(attrs={"class": "select"})


def _as_typed(text: str) -> str:
    """Forms send CRLF; the person typed lines."""
    return text.replace("\r\n", "\n")


class NewItemForm(forms.Form):
    """Project, request, title; in a rehearsal also the script its model plays. Invalid input stays in the form."""

    project = forms.ModelChoiceField(Project.objects.none(), empty_label=None, widget=_select())
    request = forms.CharField(widget=forms.Textarea, strip=False, required=False)
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

    def clean_request(self) -> str:
        text = _as_typed(self.cleaned_data["request"])
        try:
            check_request(text)
        except BadInput as error:
            raise forms.ValidationError(str(error)) from error
        return text
