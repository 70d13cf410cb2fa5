"""Forms of the registry. They check shape alone; rules live in the verbs."""

from django import forms
from django.utils.translation import gettext_lazy as _

from controlplane.base import access
from controlplane.base.web import words
from registry.models import Credential


def credential_field() -> forms.ChoiceField:
    """A field that chooses one of the stored credentials by name, or none."""
    return forms.ChoiceField(
        label=_("Credential"),
        required=False,
        choices=lambda: [
            ("", _("none")),
            *((name, name) for name in Credential.objects.order_by("name").values_list("name", flat=True)),
        ],
    )


class NewKeyForm(forms.Form):
    """A caller."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("Who or what calls with it, for example “support bot, production”."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=lambda: [(scope, words.word("scope", scope)) for scope in access.SCOPES],
        initial=["call"],
        widget=forms.CheckboxSelectMultiple,
    )
    models = forms.CharField(
        label=_("Models"),
        required=False,
        help_text=_("Names or patterns such as team-a-*, separated by spaces. Empty: every model."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    calls_per_minute = forms.IntegerField(label=_("Calls a minute"), required=False, min_value=1)
    max_concurrency = forms.IntegerField(label=_("Calls at the same time"), required=False, min_value=1)
    expires_at = forms.DateTimeField(
        label=_("Ends at (UTC)"), required=False, widget=forms.DateTimeInput(attrs={"type": "datetime-local"})
    )
    strict = forms.BooleanField(label=_("Strict"), required=False)


class NewCredentialForm(forms.Form):
    """A secret for an upstream."""

    name = forms.CharField(
        label=_("Name"),
        max_length=200,
        help_text=_("Specs name it: credential: NAME"),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    origin = forms.CharField(
        label=_("Sent to"),
        max_length=300,
        help_text=_("Scheme, host and port. It is never sent anywhere else."),
        widget=forms.TextInput(
            attrs={"placeholder": "https://api.example.com", "inputmode": "url", "spellcheck": "false"}
        ),
    )
    secret = forms.CharField(
        label=_("Secret"),
        strip=True,
        help_text=_("Encrypted at once and never shown again."),
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
    )
