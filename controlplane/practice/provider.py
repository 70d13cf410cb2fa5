"""The providers of a practice month: they publish descriptions, serve new versions, and move hosted models in place."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from controlplane.practice import specs
from controlplane.practice.changes import MonthOfChanges, Rules, UpstreamChange, either
from registry.emulators.roster import emulated


class Provider:
    """Everybody upstream, through the control addresses of the practice fleet at `fleet`."""

    def __init__(self, fleet: str, month: MonthOfChanges) -> None:
        self._fleet = fleet
        self._month = month
        self._announced = {model: [rules] for model, rules in month.first.items()}
        self._client = httpx.AsyncClient(base_url=fleet, timeout=30.0)

    def first_documents(self) -> list[dict[str, Any]]:
        """The specs of the first day."""
        return [self._document(model, 1, rules) for model, rules in self._month.first.items()]

    def document(self, change: UpstreamChange) -> dict[str, Any]:
        """The spec of a changed version."""
        return self._document(change.model, change.version, change.rules)

    def addresses(self) -> dict[str, str]:
        """Where each model's description is, by the model's name."""
        return {emulated(model).name: f"{self._fleet}/m/{model}/spec.yaml" for model in self._month.first}

    async def publish_first(self) -> None:
        """The contracts and descriptions of the first day."""
        for model, rules in self._month.first.items():
            await self._put(model, "v1", {"parameters": rules, "current": "v1"})
            await self._describe(model, 1, rules)

    async def publish(self, change: UpstreamChange) -> None:
        """Publish a description; a new version is served at its own address from now on.

        A hosted model's address takes what either version takes until the notice is over, as providers do it.
        """
        if change.in_place:
            self._announced[change.model].append(change.rules)
            await self._serve(change.model)
        else:
            await self._put(change.model, f"v{change.version}", {"parameters": change.rules})
        await self._describe(change.model, change.version, change.rules)

    async def force_after(self, change: UpstreamChange, seconds: float) -> None:
        """Take nothing any more that only older versions of a hosted model took, once the notice is over."""
        await asyncio.sleep(seconds)
        versions = self._announced[change.model]
        del versions[: versions.index(change.rules)]
        await self._serve(change.model)

    async def _serve(self, model: int) -> None:
        rules = self._announced[model][0]
        for later in self._announced[model][1:]:
            rules = either(rules, later)
        await self._put(model, "v1", {"parameters": rules, "current": "v1"})

    async def tell(self, change: UpstreamChange, url: str, made: Mapping[str, Any]) -> None:
        """Send a signed webhook (Standard Webhooks) about a change to the model's source."""
        source = made["sources"][emulated(change.model).name]
        body = json.dumps({"type": "model.updated", "data": {"model": emulated(change.model).name}}).encode()
        message_id, stamp = f"msg_{uuid.uuid4().hex}", str(int(time.time()))
        key = base64.b64decode(str(made["secret"]).removeprefix("whsec_"))
        signed = hmac.new(key, f"{message_id}.{stamp}.".encode() + body, hashlib.sha256).digest()
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": stamp,
            "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
            "content-type": "application/json",
        }
        answer = await self._client.post(f"{url}/hooks/sources/{source}", content=body, headers=headers)
        answer.raise_for_status()

    def _document(self, model: int, version: int, rules: Rules) -> dict[str, Any]:
        return specs.document(model, version, rules, self._fleet, model in self._month.hosted)

    async def _describe(self, model: int, version: int, rules: Rules) -> None:
        text = specs.text([self._document(model, version, rules)])
        (await self._client.put(f"/control/m/{model}", json={"spec": text})).raise_for_status()

    async def _put(self, model: int, version: str, contract: Mapping[str, Any]) -> None:
        (await self._client.put(f"/control/m/{model}/{version}", json=contract)).raise_for_status()
