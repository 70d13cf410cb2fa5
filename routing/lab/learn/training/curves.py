"""The curves of a training as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


def draw(curve: Sequence[dict[str, float]], path: Path) -> None:
    """Validation, what the sampled rollouts cost, their entropy and divergence, over the minutes of training."""
    figure = Figure(figsize=(9, 5.5), layout="constrained")
    panels = figure.subplots(2, 2)
    minutes = [line["seconds"] / 60 for line in curve]
    shown = (
        (("mean", "p99"), "validation, share of the heuristic's"),
        (("entropy",), "entropy of explored decisions, nats"),
        (("kl",), "divergence of an update, nats"),
        (("explored",), "cost of the rollouts, share of the heuristic's"),
    )
    for panel, (names, title) in zip(panels.flat, shown, strict=True):
        for name in names:
            panel.plot(minutes, [line[name] for line in curve], label=name, linewidth=1.2)
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("minutes of training", fontsize=9)
        panel.grid(alpha=0.3)
    panels[0, 0].axhline(1.0, color="black", linewidth=0.8)
    panels[0, 0].legend(fontsize=9)
    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=110)
