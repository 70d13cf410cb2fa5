"""Forms of base. They check shape alone; rules live in the verbs."""

from collections.abc import Mapping

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from controlplane.base.models import Role, Theme
from controlplane.base.refusals import Refused
from controlplane.base.web import words
from controlplane.base.web.telling import told


class SignIn(forms.Form):
    """Name and password."""

    username = forms.CharField(
        label=_("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )


class SetUp(forms.Form):
    """The account that a set-up link makes."""

    username = forms.CharField(
        label=_("Name"),
        max_length=150,
        help_text=_("Letters, digits and @ . + - _"),
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=_("At least 10 characters. A few words in a row are good; pasting works."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)

    def keep_password(self) -> None:
        """Have a password that is not at fault stand in the form again; pages are never stored."""
        widget = self.fields["password"].widget
        if isinstance(widget, forms.PasswordInput):
            widget.render_value = not self.has_error("password")


class Profile(forms.Form):
    """A person's own choices."""

    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    theme = forms.ChoiceField(
        label=_("Theme"), choices=lambda: [(value, words.word("theme", value)) for value in Theme.values]
    )


class Password(forms.Form):
    """A new password of one's own."""

    old = forms.CharField(
        label=_("Current password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"})
    )
    new = forms.CharField(
        label=_("New password"), strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )


class EgressForm(forms.Form):
    """Where upstreams may be, one entry a line."""

    entries = forms.CharField(
        label=_("Allowed destinations"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5, "class": "editor short", "spellcheck": "false"}),
    )


class Invitation(forms.Form):
    """The role of somebody new."""

    role = forms.ChoiceField(label=_("Role"), choices=lambda: [(r, words.word("role", r)) for r in Role.values])


def blame(form: forms.Form, refusal: Refused, fields: Mapping[str, str]) -> None:
    """Put a refusal beside the field that it is about: by `fields`, else the field that its code names, else above."""
    field = fields.get(refusal.code, refusal.code)
    form.add_error(field if field in form.fields else None, told(refusal.message))
