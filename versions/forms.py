"""Forms of versions. They check shape alone; rules live in the verbs."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.base.web import words
from registry.forms import credential_field
from versions.gitops.forges import FORGES
from versions.models import SignaturePolicy, SourceKind


class SourceForm(forms.Form):
    """A place to watch."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    model = forms.CharField(
        label=_("Model"),
        max_length=200,
        help_text=_("The name of the model that comes from there."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=lambda: [(kind, words.word("source_kind", kind)) for kind in SourceKind.values]
    )
    location = forms.CharField(
        label=_("Where"),
        max_length=500,
        required=False,
        help_text=_("owner/name on a hub, an address, or a folder; nothing for the live model."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reference = forms.CharField(
        label=_("Branch, tag or prefix"),
        max_length=200,
        required=False,
        help_text=_("Empty: the default."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    credential = credential_field()
    poll_seconds = forms.IntegerField(label=_("Asked every (seconds)"), initial=900, min_value=30, max_value=604_800)
    signature_policy = forms.ChoiceField(
        label=_("Signature"),
        required=False,
        initial=SignaturePolicy.IGNORE,
        choices=lambda: [(one, words.word("signature_policy", one)) for one in SignaturePolicy.values],
    )
    identity = forms.CharField(
        label=_("Signed by"),
        max_length=300,
        required=False,
        help_text=_("A name in SIGNING_KEYS, or a public key. Keyless (Sigstore) signatures are refused."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    probe_budget = forms.IntegerField(label=_("Calls of one live scan"), initial=60, min_value=1, max_value=10_000)
    webhook_secret = forms.CharField(
        label=_("Webhook secret"),
        required=False,
        strip=True,
        help_text=_("At least 16 characters. Empty: as it is."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


class RepositoryForm(forms.Form):
    """A git repository that holds specs."""

    name = forms.CharField(label=_("Name"), max_length=200, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("As git clones it over HTTP."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    branch = forms.CharField(label=_("Branch"), max_length=200, initial="main")
    folder = forms.CharField(
        label=_("Folder"),
        max_length=300,
        required=False,
        help_text=_("Every YAML file below it must hold specs. Empty: the whole repository."),
    )
    forge = forms.ChoiceField(
        label=_("Server"), choices=lambda: [(forge, words.word("forge", forge)) for forge in FORGES]
    )
    status_api = forms.CharField(
        label=_("Address of its API"),
        max_length=500,
        required=False,
        help_text=_("Commit statuses go there: https://api.github.com, or https://gitlab.example.com/api/v4."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    credential = credential_field()
    webhook_secret = forms.CharField(
        label=_("Webhook secret"),
        required=False,
        strip=True,
        help_text=_("At least 16 characters. Empty: as it is."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )


def draft_of(form: forms.Form) -> dict[str, Any]:
    """What a valid form gives a verb: a secret that was left empty stays as it is."""
    draft = dict(form.cleaned_data)
    if not draft["webhook_secret"]:
        del draft["webhook_secret"]
    return draft
