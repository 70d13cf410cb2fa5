"""Words for the tables of docs/routing-lab.md: what columns, policies and settings mean, why targets were missed."""

COLUMNS: dict[str, tuple[str, str]] = {
    "mean_s": ("mean s", "latency from arrival to answer, mean over the calls; mean over the seeds (95 % interval)"),
    "p50_s": ("p50", "seconds within which half of the calls are answered"),
    "p95_s": ("p95", "… 95 % of the calls"),
    "p99_s": ("p99", "… 99 % of the calls"),
    "max_wait_s": ("max wait", "the longest that any call of any seed waited for its start, seconds"),
    "slowdown": ("slowdown", "latency over the call's time alone on a device, mean"),
    "useful": ("useful %", "time that devices compute, at full speed, of all devices' time until the last answer"),
    "loading": ("loading %", "time that devices load, of the same"),
    "duty": ("duty %", "time that devices compute or load, of the same"),
    "makespan_s": ("makespan s", "until the last answer"),
    "loads": ("loads", "models loaded"),
    "joules_per_request": ("J/call", "energy of the whole fleet until the last answer, for each call"),
    "decision_us": ("µs/decision", "wall time of a run for each decision, the simulator's own work included"),
    "bound_ratio": ("x bound", "mean over the lower bound of the mean"),
}
POLICIES = {
    "static": "each model has one home device; homes level the memory. What a team without a scheduler runs",
    "static_popularity": "the same; homes level the expected work (it is told the true number of calls)",
    "random": "any device, blind to load and to what is loaded",
    "round_robin": "each device in turn",
    "power_of_two": "the less busy of two random devices",
    "least_outstanding": "the device with the least work under way",
    "affinity": "where the model already is, unless that is far busier",
    "sect": "shortest expected completion: queue, load in progress, eviction, load and the call itself (ServerlessLLM)",
    "rules": "rules in YAML, the first that fits decides",
    "fcfs": "late binding: calls wait for their model, a device that gets free takes who came first",
    "sjf": "late binding, the shortest call first by predicted size",
    "hrrn": "late binding, highest response ratio next: short calls first, but who waits long for its size overtakes",
    "hrrn_tuned": "the same rule under weights found by CMA-ES on the training seeds: **the bar**",
    "spaced": "response ratio that holds heavy calls back while their device has much under way",
    "spaced_tuned": "that rule, tuned like the bar; what is worth keeping is evicted last. The harder bar",
    "energy": "response ratio weighed by joules",
    "ppo": "a small network on top of `spaced_tuned`'s score; untrained, or refused by its gate, it is that",
    "+oracle": "behind a name: the same policy is told the true sizes instead of a noisy guess; a bracket, not a rival",
}
GROUPS = {
    "devices": ("Other fleets", "Scenario A with its calls in proportion to the devices. Never trained on."),
    "models": ("Other catalogues", "Scenario A with other numbers of models. Never trained on."),
    "shift": (
        "Other traffic and loaders",
        "Scenario A with another skew of popularity (alpha), burstiness (cv) or loader, outside the ranges trained on.",
    ),
    "trace": ("Recordings", "Arrivals, sizes and, where a recording has them, models as they were recorded."),
}
SCENARIOS = {
    "A": "8,000 calls in 600 s to 500 models (Zipf 0.5) on 64 devices; the models take 1.7 times the fleet's memory",
    "B": "7,000 calls, more skewed (Zipf 0.9)",
    "C": "7,000 calls, slow loaders (2 GB/s + 8 s)",
    "D": "16,000 calls in 1,200 s",
    "G": "language models only: batching makes a static partition far less bad",
}
REASONS = {
    "ppo_mean": "The tuned heuristic that it starts from is at {tuned_mean} s, the lower bound at {bound_mean} s.",
    "ppo_p99": "Shorter means were bought with the longest calls; the tuned heuristic's is {tuned_p99} s.",
    "scenarios": "Short in {short}.",
    "devices": "Short on {short}.",
    "models": "Short on {short}.",
    "traces": "Short on {short}.",
    "useful": (
        "The makespan ends with a tail: until the last arrival at {arrivals_s} s {useful_arrivals} % were useful, but"
        " the last long calls, on few devices, end at {makespan_s} s. No policy can exceed {bound_useful} % in A."
    ),
    "ceiling": (
        "Over 95 %: {over}. The mask holds devices that compute at once, memory and batches; loads beside them are not"
        " held back, and duty counts them."
    ),
    "decision": "A call from Python, which unpacks the fleet's arrays anew each time, is part of it.",
    "throughput": (
        "Measured on a shared machine whose load was {load}; the loop alone, under the cheapest policy, reaches"
        " {fastest} requests/s. The rest is what policies and candidates cost at each decision."
    ),
}
"""Why a target was missed; shown only then. Braces are filled with figures of the same results."""
LEARNERS = {
    "heuristic": "the start of all three",
    "maskable_ppo": "MaskablePPO",
    "ours_same_decisions": "ours, as many decisions",
    "ours_same_time": "ours, as long",
}
PROTOTYPE = {
    "static": ("177 (2486)", "470 (7094)", "170 (2410)", "355 (4997)"),
    "static_popularity": ("100 (1216)", "380 (6366)", "116 (1450)", "170 (2604)"),
    "random": ("274 (720)", "176 (570)", "549 (1343)", "496 (1233)"),
    "least_outstanding": ("238 (584)", "150 (422)", "504 (1285)", "430 (994)"),
    "affinity": ("81 (271)", "52 (232)", "115 (380)", "129 (388)"),
    "sect": ("72 (366)", "35 (301)", "99 (366)", "130 (635)"),
    "fcfs": ("106 (284)", "69 (222)", "107 (279)", "169 (469)"),
    "sjf": ("42 (577)", "37 (343)", "50 (664)", "67 (1092)"),
    "hrrn": ("39 (434)", "38 (296)", "45 (467)", "54 (839)"),
}
"""Mean (p99) in seconds in A to D, of a simulator that was thrown away; five seeds."""
