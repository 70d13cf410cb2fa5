"""What every page template needs: navigation, theme, words for the scripts."""

import json
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language, gettext

from controlplane.base.models import Theme
from controlplane.base.web.doors import BEGAN, UNDO
from controlplane.base.web.navigation import navigation, place_of


def page_context(request: HttpRequest) -> dict[str, Any]:
    """Context of every page: the signed-in person's theme, the navigation they may use, the scripts' words."""
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    return {
        "LANGUAGE_CODE": get_language() or settings.LANGUAGE_CODE,
        "theme": getattr(user, "theme", "system") if signed_in else "system",
        "themes": Theme.values,
        "navigation": navigation(user) if signed_in else [],
        "script_words": json.dumps(script_words(), ensure_ascii=False),
        "here": place_of((request.resolver_match.url_name or "") if request.resolver_match else ""),
        "read_at": f"{request.META.get(BEGAN, 0):.3f}",
        "undo": request.session.pop(UNDO, None) if signed_in and UNDO in request.session else None,
    }


def script_words() -> dict[str, str]:
    """Every text that a script writes into a page, in the reader's language."""
    return {
        "copied": gettext("Copied"),
        "copy_failed": gettext("Copying was refused by the browser. Select the text instead."),
        "live": gettext("Live"),
        "as_of": gettext("as of {age} ago"),
        "connecting": gettext("Connecting…"),
        "reconnecting": gettext("Reconnecting…"),
        "stale": gettext("Not live: last news {age} ago"),
        "seconds": gettext("{n} s"),
        "minutes": gettext("{n} min"),
        "paused": gettext("Live updates paused"),
        "resumed": gettext("Live updates resumed"),
        "failed": gettext("That did not work ({status}). Nothing was changed. Try again."),
        "offline": gettext("The server did not answer. Check the connection and try again."),
        "signed_in": gettext("Signed in again. Your page is as you left it."),
        "sign_in_failed": gettext("The password is not right."),
        "sign_in_later": gettext("Many people are signing in at this moment. Try again in a few seconds."),
        "selected": gettext("{n} selected"),
        "nothing": gettext("Nothing found."),
        "shortcuts_on": gettext("Single-key shortcuts are on"),
        "shortcuts_off": gettext("Single-key shortcuts are off"),
        "stopped": gettext("Stopped"),
        "streaming": gettext("Streaming"),
        "waiting": gettext("Waiting for the first token"),
        "done": gettext("Done"),
        "error": gettext("Error {status}"),
        "choose_model": gettext("Choose a model first."),
        "no_such_model": gettext("No model is called “{name}”. Choose one from the list."),
        "default": gettext("default {value}"),
        "required": gettext("required"),
        "not_json": gettext("{name} is not valid JSON."),
        "tensors": gettext("{name} takes tensors: write a JSON list of name, shape, datatype and data."),
        "write_prompt": gettext("Write a message first."),
        "no_answer": gettext("The answer was empty."),
        "adapted": gettext("Adapted: {names}"),
        "cut": gettext("The stream ended before its end mark."),
        "per_second": gettext("{n}/s"),
        "new_rows": gettext("{n} new, show"),
        "serving_all": gettext("every gateway serves it"),
        "serving_some": gettext("{n} of {all} gateways serve it"),
        "type_name": gettext("Type “{name}” to go on."),
    }
