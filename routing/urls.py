"""Addresses of routing: `pages` for people, `api` for programs (under /api/). The roof includes both."""

from django.urls import URLPattern, path, register_converter
from django.urls.converters import StringConverter

from controlplane.base.rest.generics import routes
from routing.api import agents as agents_api
from routing.api import alert_rules as alert_rules_api
from routing.api import alerts as alerts_api
from routing.api import calls as calls_api
from routing.api import energy as energy_api
from routing.api import fleet as fleet_api
from routing.api import history as history_api
from routing.api import lab as lab_api
from routing.api import telemetry as telemetry_api
from routing.views import (
    agents,
    alert_receivers,
    alert_rules,
    alerts,
    calls,
    device,
    energy,
    energy_prices,
    fleet,
    hosted,
    inventory,
    lab,
    playground,
    telemetry,
)


class WordConverter(StringConverter):
    """A word of letters: /gpus/692219000710/0 is the page of a device, and no move of the device 692219000710."""

    regex = "[a-z]+"


register_converter(WordConverter, "word")
pages: list[URLPattern] = [
    path("alerts", alerts.alerts, name="alerts"),
    path("alerts/silences/new", alerts.silence_create, name="alert-silence-create"),
    path("alerts/silences/<int:silence_id>/end", alerts.silence_end, name="alert-silence-end"),
    path("alerts/rules", alert_rules.rules, name="alert-rules"),
    path("alerts/rules/edit", alert_rules.rules_edit, name="alert-rules-edit"),
    path("alerts/rules.yaml", alert_rules.rules_export, name="alert-rules-export"),
    path("alerts/rules/<str:name>/<str:wanted>", alert_rules.rule_switch, name="alert-rule-switch"),
    path("alerts/receivers", alert_receivers.receivers, name="alert-receivers"),
    path("alerts/receivers/new", alert_receivers.receiver_create, name="alert-receiver-create"),
    path("alerts/receivers/<int:receiver_id>/edit", alert_receivers.receiver_edit, name="alert-receiver-edit"),
    path("alerts/receivers/<int:receiver_id>/<str:wanted>", alert_receivers.receiver_act, name="alert-receiver-act"),
    path("alerts/<int:alert_id>/silence", alerts.alert_silence, name="alert-silence"),
    path("alerts/<int:alert_id>/acknowledge", alerts.alert_acknowledge, name="alert-acknowledge"),
    path("calls", calls.calls, name="calls"),
    path("calls/newer", calls.calls_newer, name="calls-newer"),
    path("calls/traffic", calls.calls_traffic, name="calls-traffic"),
    path("calls/of/<path:name>", calls.calls_of, name="calls-of"),
    path("calls/summary/<path:name>", calls.calls_summary, name="calls-summary"),
    path("calls/<path:call_id>", calls.call, name="call"),
    path("gpus", fleet.gpus, name="gpus"),
    path("gpus/news", fleet.gpus_news, name="gpus-news"),
    path("gpus/fleet.yaml", fleet.gpus_export, name="gpus-export"),
    path("gpus/agents", agents.agents, name="agents"),
    path("gpus/agents/create", agents.agent_create, name="agent-create"),
    path("gpus/agents/<int:key_id>/revoke", agents.agent_revoke, name="agent-revoke"),
    path("gpus/import", fleet.gpus_import, name="gpus-import"),
    path("gpus/nodes/new", inventory.node_new, name="gpus-node-new"),
    path("gpus/nodes/<int:node_id>/edit", inventory.node_edit, name="gpus-node-edit"),
    path("gpus/new", inventory.device_new, name="gpus-new"),
    path("gpus/<int:device_id>/edit", inventory.device_edit, name="gpus-edit"),
    path("gpus/nodes/<int:node_id>/<str:move>", fleet.node_move, name="gpus-node-move"),
    path("gpus/<int:device_id>/labels", fleet.device_labels, name="gpus-labels"),
    path("gpus/<int:device_id>/<word:move>", fleet.device_move, name="gpus-move"),
    path("gpus/models", hosted.hosted, name="hosted"),
    path("gpus/telemetry", telemetry.sources, name="gpus-telemetry"),
    path("gpus/telemetry/add", telemetry.source_add, name="gpus-telemetry-add"),
    path("gpus/telemetry/<int:endpoint_id>/edit", telemetry.source_edit, name="gpus-telemetry-edit"),
    path("gpus/telemetry/<int:endpoint_id>/<str:move>", telemetry.source_move, name="gpus-telemetry-move"),
    path("gpus/trends/<path:uuid>", device.device_trends, name="gpus-trends"),
    path("gpus/events/<path:uuid>", device.device_events, name="gpus-events"),
    path("gpus/<path:uuid>", device.device, name="gpus-device"),
    path("energy", energy.energy, name="energy"),
    path("energy/export", energy.energy_export, name="energy-export"),
    path("energy/prices", energy_prices.energy_prices, name="energy-prices"),
    path("energy/prices/set", energy_prices.energy_tariff, name="energy-tariff"),
    path("energy/prices/<int:tariff_id>/withdraw", energy_prices.energy_withdraw, name="energy-withdraw"),
    path("energy/intensity", energy_prices.energy_intensity, name="energy-intensity"),
    path("playground", playground.playground, name="playground"),
    path("playground/key", playground.playground_key, name="playground-key"),
    path("playground/models", playground.playground_models, name="playground-models"),
    path("playground/models/<path:name>", playground.playground_contract, name="playground-contract"),
    path("routing/lab", lab.lab_home, name="lab"),
    path("routing/lab/start", lab.lab_start, name="lab-start"),
    path("routing/lab/compare", lab.lab_compare, name="lab-compare"),
    path("routing/lab/<uuid:job_id>", lab.lab_race, name="lab-race"),
    path("routing/lab/<uuid:job_id>/progress", lab.lab_progress, name="lab-progress"),
]
api: list[URLPattern] = [
    *routes("alerts", alerts_api.Alerts.as_view(), "alerts"),
    *routes("alerts/<int:alert_id>", alerts_api.OneAlert.as_view(), "alert"),
    *routes("alerts/<int:alert_id>/acknowledge", alerts_api.AcknowledgeAlert.as_view(), "alert-acknowledge"),
    *routes("alerts/rules", alert_rules_api.Rules.as_view(), "alert-rules"),
    *routes("alerts/rules.yaml", alert_rules_api.RulesYaml.as_view(), "alert-rules-yaml"),
    *routes("alerts/rules/check", alert_rules_api.CheckRules.as_view(), "alert-rules-check"),
    *routes("alerts/rules/<str:name>", alert_rules_api.OneRule.as_view(), "alert-rule"),
    *routes("alerts/silences", alerts_api.Silences.as_view(), "alert-silences"),
    *routes("alerts/silences/<int:silence_id>", alerts_api.OneSilence.as_view(), "alert-silence"),
    *routes("alerts/receivers", alerts_api.AlertReceivers.as_view(), "alert-receivers"),
    *routes("alerts/receivers/<int:receiver_id>", alerts_api.OneAlertReceiver.as_view(), "alert-receiver"),
    *routes("alerts/receivers/<int:receiver_id>/rotate", alerts_api.RotateSecret.as_view(), "alert-receiver-rotate"),
    *routes("alerts/receivers/<int:receiver_id>/test", alerts_api.TryReceiver.as_view(), "alert-receiver-test"),
    *routes("alerts/receivers/<int:receiver_id>/messages", alerts_api.ReceiverMessages.as_view(), "alert-messages"),
    *routes("calls", calls_api.Calls.as_view(), "calls"),
    *routes("calls/<path:call_id>", calls_api.OneCall.as_view(), "call"),
    *routes("fleet.yaml", fleet_api.FleetYaml.as_view(), "fleet-yaml"),
    *routes("nodes", fleet_api.Nodes.as_view(), "nodes"),
    *routes("nodes/<int:node_id>", fleet_api.OneNode.as_view(), "node"),
    *routes("nodes/<int:node_id>/<str:action>", fleet_api.NodeAction.as_view(), "node-action"),
    *routes("devices", fleet_api.Devices.as_view(), "devices"),
    *routes("devices/<path:uuid>/history", history_api.DeviceHistory.as_view(), "device-history"),
    *routes("engines", history_api.Engines.as_view(), "engines"),
    *routes("engines/<path:subject>/history", history_api.EngineHistory.as_view(), "engine-history"),
    *routes("devices/<int:device_id>", fleet_api.OneDevice.as_view(), "device"),
    *routes("devices/<int:device_id>/<str:action>", fleet_api.DeviceAction.as_view(), "device-action"),
    *routes("telemetry/endpoints", telemetry_api.TelemetryEndpoints.as_view(), "telemetry-endpoints"),
    *routes(
        "telemetry/endpoints/<int:endpoint_id>", telemetry_api.OneTelemetryEndpoint.as_view(), "telemetry-endpoint"
    ),
    *routes("agents", agents_api.Agents.as_view(), "agents"),
    *routes("agents/<int:key_id>", agents_api.OneAgent.as_view(), "agent"),
    *routes("energy", energy_api.Energy.as_view(), "energy"),
    *routes("energy/rows.csv", energy_api.EnergyCsv.as_view(), "energy-csv"),
    *routes("energy/now", energy_api.EnergyRightNow.as_view(), "energy-now"),
    *routes("energy/prices", energy_api.EnergyPrices.as_view(), "energy-prices"),
    *routes("energy/prices/<int:tariff_id>", energy_api.OneEnergyPrice.as_view(), "energy-price"),
    *routes("energy/intensity", energy_api.EnergyIntensity.as_view(), "energy-intensity"),
    *routes("lab/races", lab_api.Races.as_view(), "lab-races"),
    *routes("lab/races/<uuid:job_id>", lab_api.OneRace.as_view(), "lab-race"),
]
