"""Forms of projects."""

from pathlib import Path

from django import forms

from leadroom.agents.enums import Role
from leadroom.lib.errors import BadInput, LeadroomError
from leadroom.projects.enums import Publish
from leadroom.worktrees.inspection import SourceFacts, inspect_source

KEY_LIMIT = 4_000


class PathForm(forms.Form):
    """The first step: where the repository is. Looks at it, and keeps what was found in `facts`."""

    path = forms.CharField(max_length=1_000, error_messages={"required": "Say where the repository is."})
    facts: SourceFacts | None = None

    def clean_path(self) -> str:
        raw = self.cleaned_data["path"]
        if not raw.startswith(("/", "~")):
            raise forms.ValidationError("Give the whole path, from / on, or from ~ for Leadroom's own user.")
        try:
            self.facts = inspect_source(Path(raw))
        except LeadroomError as error:
            raise forms.ValidationError(str(error)) from error
        return str(self.facts.path)


class SettingsForm(forms.Form):
    """What a lead may change of a project."""

    name = forms.CharField(max_length=120, error_messages={"required": "A project needs a name."})
    publish = forms.ChoiceField(choices=Publish.choices, widget=forms.Select(attrs={"class": "select"}))
    setup_command = forms.CharField(max_length=2_000, required=False)

    def check(self) -> None:
        """Raises BadInput with the first thing that is wrong."""
        if not self.is_valid():
            raise BadInput(f"{_first(self)} Nothing was changed.")


class ConnectForm(SettingsForm):
    """The second step: name and branch of the repository that was looked at."""

    branch = forms.CharField(max_length=250)


class EndpointForm(forms.Form):
    """A model's server; an empty key keeps the stored one."""

    role = forms.ChoiceField(choices=[("", "Every role"), *Role.choices], required=False)
    base_url = forms.CharField(max_length=500, error_messages={"required": "Give the server's address."})
    model = forms.CharField(max_length=120, error_messages={"required": "Name the model the server should use."})
    key = forms.CharField(max_length=KEY_LIMIT, required=False)
    forget_key = forms.BooleanField(required=False)

    def check(self) -> None:
        """Raises BadInput with the first thing that is wrong."""
        if not self.is_valid():
            raise BadInput(f"{_first(self)} Nothing was changed.")

    @property
    def new_key(self) -> str | None:
        """The key to store, empty to forget it, None to keep the stored one."""
        if self.cleaned_data["forget_key"]:
            return ""
        return self.cleaned_data["key"] or None


def _first(form: forms.Form) -> str:
    return next(str(message) for messages in form.errors.values() for message in messages)
