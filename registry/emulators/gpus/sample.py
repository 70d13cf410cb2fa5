"""One look at an emulated device, and how looks become the text of an exporter: all but the numbers is made once."""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from registry.emulators.gpus.physics import DeviceLoad, Physical
from registry.emulators.gpus.rack import EmulatedDevice


class DeviceSample(msgspec.Struct, frozen=True):
    """What an exporter may tell of a device now. Rates are per second of the time since the look before."""

    device: EmulatedDevice
    state: Physical
    load: DeviceLoad
    memory_used: int
    models: int
    ecc_corrected: int
    ecc_uncorrected: int
    xid: int

    @property
    def sm_active(self) -> float:
        """Share of the multiprocessors that worked."""
        return self.load.busy * (0.3 + 0.62 * self.load.intensity)

    @property
    def tensor_active(self) -> float:
        """Share of cycles of the tensor pipe: small batches wait for memory."""
        return self.load.busy * (0.05 + 0.55 * self.load.intensity)

    @property
    def dram_active(self) -> float:
        """Share of cycles of the memory interface."""
        return self.load.busy * (0.72 - 0.3 * self.load.intensity)

    @property
    def bus_bytes(self) -> float:
        """Bytes per second over PCIe, one way: what runs, and four bytes of each token."""
        return 2e5 + 6e7 * self.load.busy + 4.0 * self.load.tokens_per_s

    @property
    def fabric_bytes(self) -> float:
        """Bytes per second between devices of one model, one way."""
        return 2.1e10 * self.load.busy * self.load.intensity if self.device.kind.links else 0.0


class ExporterMetric(msgspec.Struct, frozen=True):
    """A line for each device: name, help, format of the number, and labels beside the device's own."""

    name: str
    help: str
    number: str = "%d"
    kind: str = "gauge"
    labels: str = ""


def template(metrics: Iterable[ExporterMetric], devices: Sequence[str], ending: str = "") -> bytes:
    """The exposition of devices, given by their labels, with a place for each number: metric by metric."""
    lines, told = [], ""
    for metric in metrics:
        if metric.name != told:
            lines += [f"# HELP {metric.name} {metric.help.replace('%', '%%')}", f"# TYPE {metric.name} {metric.kind}"]
            told = metric.name
        for labels in devices:
            beside = f",{metric.labels}" if metric.labels else ""
            lines.append(f"{metric.name}{{{labels.replace('%', '%%')}{beside}}} {metric.number}{ending}")
    return ("\n".join(lines) + "\n").encode()


def filled(text: bytes, rows: Iterable[tuple[float, ...]]) -> bytes:
    """The template with each device's numbers, which stand in the order of its metrics."""
    return text % tuple(chain.from_iterable(zip(*rows, strict=True)))
