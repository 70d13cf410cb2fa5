"""One device or MIG slice as the agent watches it: which of NVML's functions it still asks, and what they give."""

import ctypes
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pynvml
from pynvml import NVMLError

from routing.samples.dimensions import SERIES
from routing.samples.pushes import DeviceFacts
from routing.samples.readings import Complaint, Observed
from routing.telemetry import nvml
from routing.telemetry.nvml import Handle, NvmlCall, NvmlField

Values = dict[str, float]
SLOW_TICKS = 10
"""Ticks between two looks at what seldom changes; between them the last value is given again."""
UNSUPPORTED = {
    pynvml.NVML_ERROR_NOT_SUPPORTED, pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_NO_PERMISSION,
    pynvml.NVML_ERROR_INVALID_ARGUMENT, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH, pynvml.NVML_ERROR_DEPRECATED,
    pynvml.NVML_ERROR_VGPU_ECC_NOT_SUPPORTED,
}  # fmt: skip
"""A call that fails so is not made again."""
LOST = {
    pynvml.NVML_ERROR_GPU_IS_LOST, pynvml.NVML_ERROR_RESET_REQUIRED, pynvml.NVML_ERROR_GPU_NOT_FOUND,
    pynvml.NVML_ERROR_UNINITIALIZED, pynvml.NVML_ERROR_DRIVER_NOT_LOADED, pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
}  # fmt: skip
"""A device whose calls fail so is gone for now, or all are."""
_VALUES = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")
"""The members of a field's value, by NVML's number of the type."""
WRAPS = {pynvml.NVML_VALUE_TYPE_UNSIGNED_INT: 2**32}
"""Where a counter of bytes begins again, by the type of its field; what else falls was reset."""


@dataclass(slots=True)
class GpmPair:
    """Two samples of GPM: its metrics are means over the time between them. `take` fills a sample anew."""

    take: Callable[[Any], Any]
    asked: Any
    older: Any
    newer: Any
    filled: bool = False

    def read(self) -> Values:
        """The metrics since the last look; none at the first one. Raises NVMLError."""
        self.older, self.newer = self.newer, self.older
        self.take(self.newer)
        if not self.filled:
            self.filled = True
            return {}
        self.asked.sample1, self.asked.sample2 = self.older, self.newer
        pynvml.nvmlGpmMetricsGet(self.asked)
        given = zip(self.asked.metrics, nvml.GPM.values(), strict=False)
        return {series: metric.value * scale for metric, (series, scale) in given if metric.nvmlReturn == 0}

    def free(self) -> None:
        """Give the samples back to the library."""
        for sample in (self.older, self.newer):
            with suppress(NVMLError):
                pynvml.nvmlGpmSampleFree(sample)


def gpm_pair(handle: Handle, take: Callable[[Any], Any]) -> GpmPair | None:
    """A pair for a device or, with a `take` of its own, a slice of it; None before Hopper."""
    with suppress(NVMLError):
        if pynvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
            asked = pynvml.c_nvmlGpmMetricsGet_t()
            asked.version, asked.numMetrics = pynvml.NVML_GPM_METRICS_GET_VERSION, len(nvml.GPM)
            for index, name in enumerate(nvml.GPM):
                asked.metrics[index].metricId = getattr(pynvml, name)
            return GpmPair(take, asked, pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc())
    return None


@dataclass(slots=True)
class WatchedDevice:
    """A device or a slice. `calls` and `fields` shrink to those that it supports."""

    handle: Handle
    facts: DeviceFacts
    calls: list[NvmlCall]
    fields: list[NvmlField]
    gpm: GpmPair | None = None
    throughput: list[NvmlCall] = field(default_factory=list)
    last_error: float | None = None
    looked: bool = False
    slices: "list[WatchedDevice]" = field(default_factory=list)
    _slow: Values = field(default_factory=dict)
    _bytes: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def address(self) -> int | None:
        """The library's own pointer to the device, by which events name it."""
        return ctypes.cast(self.handle, ctypes.c_void_p).value

    def read(self, now: float, slow: bool, complaints: list[Complaint]) -> Observed:
        """What it gives now (a monotonic time). `slow`: also what seldom changes. Raises NVMLError if it is lost."""
        values = self._gpm()
        self._read_fields(values, now)
        if slow:
            self._slow.clear()
        for call in [one for one in self.calls if slow or not one.slow]:
            self._ask(call, self.calls, self._slow if call.slow else values, values)
        for call in list(self.throughput) if slow else ():
            self._ask(call, self.throughput, self._slow, values)
        self.looked = True
        values = {**self._slow, **values}
        if self.last_error is not None:
            values["last_error"] = self.last_error
        return Observed(values={name: one for name, one in values.items() if self._true(name, one, complaints)})

    def free(self) -> None:
        """Give back what the library keeps for it."""
        for one in (self, *self.slices):
            if one.gpm is not None:
                one.gpm.free()

    def _gpm(self) -> Values:
        if self.gpm is None:
            return {}
        try:
            return self.gpm.read()
        except NVMLError as error:
            if error.value in LOST:
                raise
            if error.value in UNSUPPORTED:
                self.gpm.free()
                self.gpm = None
            return {}

    def _read_fields(self, values: Values, now: float) -> None:
        if not self.fields:
            return
        try:
            given = pynvml.nvmlDeviceGetFieldValues(self.handle, [(one.number, one.scope) for one in self.fields])
        except NVMLError as error:
            if error.value in LOST:
                raise
            if error.value in UNSUPPORTED:
                self.fields = []
            return
        unsupported = []
        for one, found in zip(self.fields, given, strict=True):
            if found.nvmlReturn in LOST:
                raise NVMLError(found.nvmlReturn)
            if found.nvmlReturn in UNSUPPORTED:
                unsupported.append(one)
            elif found.nvmlReturn == 0 and found.valueType < len(_VALUES):
                number = getattr(found.value, _VALUES[found.valueType])
                if one in nvml.PCIE_COUNTERS:
                    self._rate(one.series, values, number, now, WRAPS.get(found.valueType, 0))
                else:
                    values[one.series] = number * one.scale
        self.fields = [one for one in self.fields if one not in unsupported]

    def _rate(self, series: str, values: Values, counted: float, now: float, wraps: int) -> None:
        before, at = self._bytes.get(series, (counted, now))
        self._bytes[series] = (counted, now)
        grown = counted - before + (wraps if counted < before else 0)
        if series not in values and now > at and grown >= 0:
            values[series] = grown / (now - at)

    def _ask(self, call: NvmlCall, among: list[NvmlCall], into: Values, known: Values) -> None:
        if all(series in known or series in into for series in call.series):
            return
        try:
            found = call.ask(self.handle)
        except NVMLError as error:
            if error.value in LOST:
                raise
            if error.value in UNSUPPORTED:
                among.remove(call)
            return
        into.update({series: one for series, one in zip(call.series, found, strict=True) if one is not None})

    def _true(self, series: str, value: float, complaints: list[Complaint]) -> bool:
        fault = SERIES[series].fault(value)
        if fault:
            complaints.append(Complaint(fault, nvml.names(series)[0], self.facts.uuid, repr(value)))
        return not fault
