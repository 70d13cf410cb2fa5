"""The reader's words for stored values of the registry."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

FAMILIES: dict[str, dict[str, str | Promise]] = {
    "state": {
        "ready": _("Ready"),
        "probing": _("Probing"),
        "unreachable": _("Unreachable"),
        "disabled": _("Disabled"),
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
    "scope": {"call": _("Call models"), "read": _("Read the REST API"), "manage": _("Manage models")},
    "scope_hint": {
        "call": _("/v1: chat, completions, embeddings, predict."),
        "read": _("/api: models, jobs, calls, read only."),
        "manage": _("/api: create, change, import and probe models."),
    },
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
        "key": _("API key"),
        "credential": _("Credential"),
        "address": _("Address"),
    },
    "verb": {
        "model.create": _("plugged in"),
        "model.change": _("changed"),
        "model.delete": _("deleted"),
        "model.enable": _("enabled"),
        "model.disable": _("disabled"),
        "model.tag": _("tagged"),
        "model.import": _("imported"),
        "model.probe": _("probed"),
        "model.test": _("tested"),
        "model.detect": _("looked at"),
        "key.create": _("key made"),
        "key.revoke": _("key revoked"),
        "credential.create": _("credential stored"),
        "credential.change": _("credential replaced"),
        "credential.delete": _("credential deleted"),
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
    "cause": {
        "name": _("The upstream knows another name"),
        "allow": _("The address is not allowed yet"),
        "key": _("The upstream asks for a key that it accepts"),
    },
}
