"""The reader's words for stored values. A value that is not listed is shown as it is."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FAMILIES: dict[str, dict[str, str | Promise]] = {
    "state": {
        "ready": _("Ready"),
        "probing": _("Probing"),
        "unreachable": _("Unreachable"),
        "disabled": _("Disabled"),
        "queued": _("Queued"),
        "running": _("Running"),
        "succeeded": _("Succeeded"),
        "failed": _("Failed"),
        "cancelled": _("Cancelled"),
    },
    "type": {
        "llm": _("LLM"),
        "embedding": _("Embedding"),
        "rerank": _("Rerank"),
        "image": _("Image"),
        "speech": _("Speech"),
        "transcription": _("Transcription"),
        "moderation": _("Moderation"),
        "classification": _("Classification"),
        "detection": _("Detection"),
        "tensor": _("Tensor"),
    },
    "protocol": {
        "openai": "OpenAI",
        "anthropic": "Anthropic",
        "huggingface": "Hugging Face",
        "ollama": "Ollama",
        "kserve_v2": "KServe V2",
    },
    "role": {
        "viewer": _("Viewer"),
        "engineer": _("Engineer"),
        "reviewer": _("Reviewer"),
        "admin": _("Admin"),
        "anonymous": _("Not signed in"),
    },
    "role_hint": {
        "viewer": _("Reads everything, uses the playground."),
        "engineer": _("Also onboards models and makes keys."),
        "reviewer": _("Also approves breaking updates and reads the audit log."),
        "admin": _("Also changes settings and people."),
    },
    "scope": {"call": _("Call models"), "read": _("Read the REST API"), "manage": _("Manage models")},
    "scope_hint": {
        "call": _("/v1: chat, completions, embeddings, predict."),
        "read": _("/api: models, jobs, calls, read only."),
        "manage": _("/api: create, change, import and probe models."),
    },
    "kind": {"import": _("Import"), "probe": _("Probe"), "call": _("Durable call")},
    "theme": {"system": _("System"), "light": _("Light"), "dark": _("Dark")},
    "action": {
        "new": _("New"),
        "changed": _("Changed"),
        "unchanged": _("Unchanged"),
        "invalid": _("Invalid"),
    },
    "phase": {
        "apply": _("Writing models"),
        "applying": _("Writing models"),
        "probe": _("Probing with a real call"),
        "probing": _("Probing with a real call"),
        "done": _("Done"),
    },
    "facet": {
        "type": _("Type"),
        "protocol": _("Protocol"),
        "state": _("State"),
        "tag": _("Tag"),
        "owner": _("Owner"),
    },
    "object": {
        "model": _("Model"),
        "job": _("Job"),
        "setting": _("Setting"),
        "key": _("API key"),
        "credential": _("Credential"),
        "user": _("Account"),
        "setup_link": _("Set-up link"),
        "address": _("Address"),
    },
    "tag": {"practice": _("practice fleet (emulated)")},
    "param_type": {
        "float": _("number"),
        "int": _("whole number"),
        "bool": _("yes or no"),
        "string": _("text"),
        "array": _("list"),
        "object": _("object"),
    },
    "outside": {"refuse": _("refused (400)"), "clamp": _("clamped")},
    "origin": {"detected": _("detected"), "assumed": _("assumed"), "yours": _("yours")},
    "usage": {"reported": _("reported"), "estimated": _("estimated"), "partial": _("partial")},
}


def word(family: str, value: str) -> str:
    """The word of `value` in `family`, or the value itself."""
    return str(FAMILIES[family].get(value, value))


def state(value: str) -> str:
    """The word of a model's or job's state."""
    return word("state", value)
