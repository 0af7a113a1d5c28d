"""Forms of projects."""

from pathlib import Path
from typing import Any

from django import forms

from leadroom.agents.enums import Role
from leadroom.lib.errors import BadInput, LeadroomError
from leadroom.projects.enums import ProjectKind, Publish, Risk
from leadroom.testplans.rules import MOST_REVIEWERS
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
    reviewers_light = forms.ChoiceField(choices=[(str(n), n) for n in range(MOST_REVIEWERS + 1)], required=False)
    reviewers_standard = forms.ChoiceField(choices=[(str(n), n) for n in range(1, MOST_REVIEWERS + 1)], required=False)
    reviewers_critical = forms.ChoiceField(choices=[(str(n), n) for n in range(1, MOST_REVIEWERS + 1)], required=False)

    def check(self) -> None:
        """Raises BadInput with the first thing that is wrong."""
        if not self.is_valid():
            raise BadInput(f"{_first(self)} Nothing was changed.")

    @property
    def reviewers(self) -> dict[str, int] | None:
        """Numbers of plan reviews by risk as far as they were sent, None when none was."""
        sent = {risk: self.cleaned_data[f"reviewers_{risk}"] for risk in Risk.values}
        return {risk: int(count) for risk, count in sent.items() if count} or None


class ProfileForm(forms.Form):
    """What the project is, and what it takes to work on it."""

    kind = forms.ChoiceField(choices=ProjectKind.choices, required=False)
    setup_command = forms.CharField(max_length=2_000, required=False)
    start_command = forms.CharField(max_length=2_000, required=False)
    health_command = forms.CharField(max_length=2_000, required=False)
    test_command = forms.CharField(max_length=2_000, required=False)
    tools = forms.CharField(max_length=1_300, required=False)

    def check(self) -> None:
        """Raises BadInput with the first thing that is wrong."""
        if not self.is_valid():
            raise BadInput(f"{_first(self)} Nothing was changed.")

    @property
    def values(self) -> dict[str, Any]:
        """The profile, tools as a list."""
        return {**self.cleaned_data, "tools": self.cleaned_data["tools"].replace(",", " ").split()}


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
