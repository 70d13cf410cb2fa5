"""An emulator of libnvidia-ml: NVML's C functions with their signatures and structures, as nvidia-ml-py calls them.

Each function is a C function pointer that ctypes makes; arguments and structures cross it as they would cross the
library's border. Nothing of a real device is in it.
"""

import ctypes
from collections import Counter
from collections.abc import Callable
from ctypes import c_char, c_double, c_int, c_uint, c_ulonglong, c_void_p
from dataclasses import dataclass, field
from typing import Any

import pynvml

NOT_SUPPORTED, LOST, NOT_FOUND, TIMEOUT = 3, 15, 6, 10
GIB = 2**30
WORDS: dict[str, tuple[type[Any], ...]] = {
    "nvmlInitWithFlags": (c_uint,),
    "nvmlShutdown": (),
    "nvmlSystemGetDriverVersion": (c_void_p, c_uint),
    "nvmlDeviceGetCount_v2": (c_void_p,),
    "nvmlDeviceGetHandleByIndex_v2": (c_uint, c_void_p),
    "nvmlDeviceGetUUID": (c_void_p, c_void_p, c_uint),
    "nvmlDeviceGetName": (c_void_p, c_void_p, c_uint),
    "nvmlDeviceGetSerial": (c_void_p, c_void_p, c_uint),
    "nvmlDeviceGetPciInfo_v3": (c_void_p, c_void_p),
    "nvmlDeviceGetNvLinkState": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetNvLinkRemotePciInfo_v2": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetUtilizationRates": (c_void_p, c_void_p),
    "nvmlDeviceGetMemoryInfo": (c_void_p, c_void_p),
    "nvmlDeviceGetMemoryInfo_v2": (c_void_p, c_void_p),
    "nvmlDeviceGetTemperatureV": (c_void_p, c_void_p),
    "nvmlDeviceGetTemperature": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetMarginTemperature": (c_void_p, c_void_p),
    "nvmlDeviceGetTemperatureThreshold": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetPowerUsage": (c_void_p, c_void_p),
    "nvmlDeviceGetTotalEnergyConsumption": (c_void_p, c_void_p),
    "nvmlDeviceGetEnforcedPowerLimit": (c_void_p, c_void_p),
    "nvmlDeviceGetClockInfo": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetCurrentClocksEventReasons": (c_void_p, c_void_p),
    "nvmlDeviceGetViolationStatus": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetCurrPcieLinkGeneration": (c_void_p, c_void_p),
    "nvmlDeviceGetCurrPcieLinkWidth": (c_void_p, c_void_p),
    "nvmlDeviceGetPcieReplayCounter": (c_void_p, c_void_p),
    "nvmlDeviceGetPcieThroughput": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetEncoderUtilization": (c_void_p, c_void_p, c_void_p),
    "nvmlDeviceGetDecoderUtilization": (c_void_p, c_void_p, c_void_p),
    "nvmlDeviceGetFanSpeed": (c_void_p, c_void_p),
    "nvmlDeviceGetPerformanceState": (c_void_p, c_void_p),
    "nvmlDeviceGetTotalEccErrors": (c_void_p, c_uint, c_uint, c_void_p),
    "nvmlDeviceGetRemappedRows": (c_void_p, c_void_p, c_void_p, c_void_p, c_void_p),
    "nvmlDeviceGetBAR1MemoryInfo": (c_void_p, c_void_p),
    "nvmlDeviceGetComputeRunningProcesses_v3": (c_void_p, c_void_p, c_void_p),
    "nvmlDeviceGetMigMode": (c_void_p, c_void_p, c_void_p),
    "nvmlDeviceGetMaxMigDeviceCount": (c_void_p, c_void_p),
    "nvmlDeviceGetMigDeviceHandleByIndex": (c_void_p, c_uint, c_void_p),
    "nvmlDeviceGetGpuInstanceId": (c_void_p, c_void_p),
    "nvmlDeviceGetFieldValues": (c_void_p, c_int, c_void_p),
    "nvmlEventSetCreate": (c_void_p,),
    "nvmlEventSetFree": (c_void_p,),
    "nvmlDeviceRegisterEvents": (c_void_p, c_ulonglong, c_void_p),
    "nvmlEventSetWait_v2": (c_void_p, c_void_p, c_uint),
    "nvmlGpmQueryDeviceSupport": (c_void_p, c_void_p),
    "nvmlGpmSampleAlloc": (c_void_p,),
    "nvmlGpmSampleFree": (c_void_p,),
    "nvmlGpmSampleGet": (c_void_p, c_void_p),
    "nvmlGpmMigSampleGet": (c_void_p, c_uint, c_void_p),
    "nvmlGpmMetricsGet": (c_void_p,),
}
"""Each function with the types of its parameters; all return nvmlReturn_t. Pointers of every kind are c_void_p."""


@dataclass
class EmulatedGpu:
    """One device, or a MIG slice of it. `missing` functions and fields answer NOT_SUPPORTED."""

    uuid: str
    name: str = "NVIDIA H100 80GB HBM3"
    serial: str = "1650000000001"
    bus: int = 1
    utilization: tuple[int, int] = (73, 41)
    memory: tuple[int, int, int] = (60 * GIB, 19 * GIB, 80 * GIB)
    temperature: int = 61
    margin: int = 26
    power_mw: int = 412_345
    energy_mj: int = 9_876_543_210
    numbers: dict[str, int] = field(default_factory=dict)
    """What functions of one number give, by function, and by "function/argument"."""
    fields: dict[int, int | None] = field(default_factory=dict)
    gpm: dict[int, float] | None = None
    processes: list[tuple[int, int]] = field(default_factory=lambda: [(4242, 58 * GIB)])
    links: dict[int, int] = field(default_factory=dict)
    """NVLinks: number of the link → bus of the device at its other end."""
    slices: "list[EmulatedGpu]" = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    lost: bool = False


NUMBERS = {
    "nvmlDeviceGetTemperatureThreshold/1": 87, "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetClockInfo/1": 1_755, "nvmlDeviceGetClockInfo/2": 2_619, "nvmlDeviceGetCurrentClocksEventReasons": 4,
    "nvmlDeviceGetViolationStatus/0": 12_500_000_000, "nvmlDeviceGetViolationStatus/1": 0,
    "nvmlDeviceGetCurrPcieLinkGeneration": 5, "nvmlDeviceGetCurrPcieLinkWidth": 16, "nvmlDeviceGetPcieReplayCounter": 3,
    "nvmlDeviceGetPcieThroughput/0": 1_000, "nvmlDeviceGetPcieThroughput/1": 2_000,
    "nvmlDeviceGetEncoderUtilization": 5, "nvmlDeviceGetDecoderUtilization": 7, "nvmlDeviceGetFanSpeed": 45,
    "nvmlDeviceGetPerformanceState": 0, "nvmlDeviceGetBAR1MemoryInfo": 2 * GIB,
    "nvmlDeviceGetTotalEccErrors/0": 6, "nvmlDeviceGetTotalEccErrors/1": 0,
}  # fmt: skip
FIELDS: dict[int, int] = {82: 71, 94: 3, 138: 500, 139: 400, 3: 6, 4: 0, 142: 1, 143: 2}
GPM = {1: 71.0, 2: 66.0, 3: 40.0, 5: 33.0, 10: 55.0, 20: 3.0, 21: 5.0, 60: 7.0, 61: 8.0}
WIDE = {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetTotalEccErrors"}


class EmulatedNvml:
    """The library: install it, and nvidia-ml-py calls it. `calls` counts how often each function was called."""

    def __init__(self, gpus: list[EmulatedGpu]) -> None:
        self.gpus, self.calls, self.events = gpus, Counter[str](), list[tuple[str, int]]()
        self.loaded = True
        self.before: Callable[[str], None] = lambda name: None
        self._handles: dict[int, EmulatedGpu] = {}
        self._samples: dict[int, EmulatedGpu] = {}
        self._kept: list[Any] = []
        for name, types in WORDS.items():
            setattr(self, name, ctypes.CFUNCTYPE(c_int, *types)(self._entry(name)))

    def install(self) -> None:
        """From now on this is the library that nvidia-ml-py has loaded."""
        pynvml.nvmlLib = self
        pynvml._nvmlGetFunctionPointer_cache.clear()

    def _entry(self, name: str) -> Callable[..., int]:
        answer = getattr(self, f"_{name}", None)
        word = name.removesuffix("_v3").removesuffix("_v2")

        def called(*given: Any) -> int:
            self.before(name)
            self.calls[name] += 1
            if not self.loaded and name != "nvmlShutdown":
                return int(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
            gpu = self._handles.get(given[0]) if given and isinstance(given[0], int) else None
            if gpu is not None and gpu.lost:
                return LOST
            if gpu is not None and name in gpu.missing:
                return NOT_SUPPORTED
            return int(answer(*given) if answer else self._number(word, gpu, *given[1:]))

        return called

    def _number(self, word: str, gpu: EmulatedGpu | None, *given: Any) -> int:
        """A function of one number: its last pointers take it."""
        assert gpu is not None, word
        known = {**NUMBERS, "nvmlDeviceGetTemperature": gpu.temperature, "nvmlDeviceGetPowerUsage": gpu.power_mw}
        known = {**known, "nvmlDeviceGetTotalEnergyConsumption": gpu.energy_mj, **gpu.numbers}
        value = known.get(f"{word}/{given[0]}" if len(given) > 1 else word, known.get(word))
        if value is None:
            return NOT_SUPPORTED
        if word == "nvmlDeviceGetViolationStatus":
            pynvml.c_nvmlViolationTime_t.from_address(given[-1]).violationTime = value
        elif word == "nvmlDeviceGetBAR1MemoryInfo":
            pynvml.c_nvmlBAR1Memory_t.from_address(given[-1]).bar1Used = value
        elif word in WIDE:
            c_ulonglong.from_address(given[-1]).value = value
        elif word in {"nvmlDeviceGetEncoderUtilization", "nvmlDeviceGetDecoderUtilization"}:
            c_uint.from_address(given[0]).value = value
        else:
            c_uint.from_address(given[-1]).value = value
        return 0

    def _new_handle(self, gpu: EmulatedGpu, into: int) -> int:
        address = next((one for one, known in self._handles.items() if known is gpu), 0)
        if not address:
            self._kept.append(ctypes.create_string_buffer(16))
            address = ctypes.addressof(self._kept[-1])
            self._handles[address] = gpu
        c_void_p.from_address(into).value = address
        return 0

    def _text(self, text: str, into: int, room: int) -> int:
        (c_char * room).from_address(into).value = text.encode()
        return 0

    def _nvmlInitWithFlags(self, flags: int) -> int:
        return 0

    def _nvmlShutdown(self) -> int:
        self._handles.clear()
        return 0

    def _nvmlSystemGetDriverVersion(self, into: int, room: int) -> int:
        return self._text("580.95.05", into, room)

    def _nvmlDeviceGetCount_v2(self, into: int) -> int:
        c_uint.from_address(into).value = len(self.gpus)
        return 0

    def _nvmlDeviceGetHandleByIndex_v2(self, index: int, into: int) -> int:
        return LOST if self.gpus[index].lost else self._new_handle(self.gpus[index], into)

    def _nvmlDeviceGetUUID(self, handle: int, into: int, room: int) -> int:
        return self._text(self._handles[handle].uuid, into, room)

    def _nvmlDeviceGetName(self, handle: int, into: int, room: int) -> int:
        return self._text(self._handles[handle].name, into, room)

    def _nvmlDeviceGetSerial(self, handle: int, into: int, room: int) -> int:
        return self._text(self._handles[handle].serial, into, room)

    def _nvmlDeviceGetPciInfo_v3(self, handle: int, into: int) -> int:
        pynvml.nvmlPciInfo_t.from_address(into).bus = self._handles[handle].bus
        return 0

    def _nvmlDeviceGetNvLinkState(self, handle: int, link: int, into: int) -> int:
        c_uint.from_address(into).value = link in self._handles[handle].links
        return 0

    def _nvmlDeviceGetNvLinkRemotePciInfo_v2(self, handle: int, link: int, into: int) -> int:
        pynvml.nvmlPciInfo_t.from_address(into).bus = self._handles[handle].links[link]
        return 0

    def _nvmlDeviceGetUtilizationRates(self, handle: int, into: int) -> int:
        found = pynvml.c_nvmlUtilization_t.from_address(into)
        found.gpu, found.memory = self._handles[handle].utilization
        return 0

    def _nvmlDeviceGetMemoryInfo(self, handle: int, into: int) -> int:
        found = pynvml.c_nvmlMemory_t.from_address(into)
        found.used, found.free, found.total = self._handles[handle].memory
        return 0

    def _nvmlDeviceGetMemoryInfo_v2(self, handle: int, into: int) -> int:
        found = pynvml.c_nvmlMemory_v2_t.from_address(into)
        if found.version != pynvml.nvmlMemory_v2:
            return int(pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
        found.used, found.free, found.total = self._handles[handle].memory
        found.reserved = found.total - found.used - found.free
        return 0

    def _nvmlDeviceGetTemperatureV(self, handle: int, into: int) -> int:
        pynvml.c_nvmlTemperature_v1_t.from_address(into).temperature = self._handles[handle].temperature
        return 0

    def _nvmlDeviceGetMarginTemperature(self, handle: int, into: int) -> int:
        pynvml.c_nvmlMarginTemperature_v1_t.from_address(into).marginTemperature = self._handles[handle].margin
        return 0

    def _nvmlDeviceGetRemappedRows(self, handle: int, *into: int) -> int:
        for place, value in zip(into, (1, 2, 0, 0), strict=True):
            c_uint.from_address(place).value = value
        return 0

    def _nvmlDeviceGetComputeRunningProcesses_v3(self, handle: int, count: int, into: int | None) -> int:
        found, room = self._handles[handle].processes, c_uint.from_address(count)
        if len(found) > room.value or (into is None and found):
            room.value = len(found)
            return int(pynvml.NVML_ERROR_INSUFFICIENT_SIZE)
        room.value = len(found)
        if into is not None:
            array = (pynvml.c_nvmlProcessInfo_v3_t * len(found)).from_address(into)
            for place, (pid, used) in zip(array, found, strict=True):
                place.pid, place.usedGpuMemory = pid, used
        return 0

    def _nvmlDeviceGetMigMode(self, handle: int, current: int, pending: int) -> int:
        c_uint.from_address(current).value = bool(self._handles[handle].slices)
        return 0

    def _nvmlDeviceGetMaxMigDeviceCount(self, handle: int, into: int) -> int:
        c_uint.from_address(into).value = 7
        return 0

    def _nvmlDeviceGetMigDeviceHandleByIndex(self, handle: int, index: int, into: int) -> int:
        slices = self._handles[handle].slices
        return self._new_handle(slices[index], into) if index < len(slices) else NOT_FOUND

    def _nvmlDeviceGetGpuInstanceId(self, handle: int, into: int) -> int:
        slice_ = self._handles[handle]
        parent = next(gpu for gpu in self.gpus if slice_ in gpu.slices)
        c_uint.from_address(into).value = parent.slices.index(slice_) + 7
        return 0

    def _nvmlDeviceGetFieldValues(self, handle: int, count: int, into: int) -> int:
        gpu = self._handles[handle]
        known: dict[int, int | None] = {**FIELDS, 83: gpu.energy_mj, **gpu.fields}
        for one in (pynvml.c_nvmlFieldValue_t * count).from_address(into):
            self.calls[f"field {one.fieldId}"] += 1
            value = known.get(one.fieldId)
            one.nvmlReturn = NOT_SUPPORTED if value is None else 0
            if value is not None:
                counter = one.fieldId in (197, 198)
                one.valueType = (
                    pynvml.NVML_VALUE_TYPE_UNSIGNED_INT if counter else (pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG)
                )
                one.value.ullVal = value
        return 0

    def _nvmlEventSetCreate(self, into: int) -> int:
        c_void_p.from_address(into).value = 1
        return 0

    def _nvmlEventSetFree(self, events: int) -> int:
        return 0

    def _nvmlDeviceRegisterEvents(self, handle: int, kinds: int, events: int) -> int:
        return 0 if kinds == pynvml.nvmlEventTypeXidCriticalError else NOT_SUPPORTED

    def _nvmlEventSetWait_v2(self, events: int, into: int, timeout: int) -> int:
        if not self.events:
            return TIMEOUT
        uuid, xid = self.events.pop(0)
        address = next(one for one, gpu in self._handles.items() if gpu.uuid == uuid)
        c_void_p.from_address(into).value = address
        found = pynvml.c_nvmlEventData_t.from_address(into)
        found.eventType, found.eventData = pynvml.nvmlEventTypeXidCriticalError, xid
        return 0

    def _nvmlGpmQueryDeviceSupport(self, handle: int, into: int) -> int:
        pynvml.c_nvmlGpmSupport_t.from_address(into).isSupportedDevice = self._handles[handle].gpm is not None
        return 0

    def _nvmlGpmSampleAlloc(self, into: int) -> int:
        self._kept.append(ctypes.create_string_buffer(16))
        c_void_p.from_address(into).value = ctypes.addressof(self._kept[-1])
        self.calls["gpm samples"] += 1
        return 0

    def _nvmlGpmSampleFree(self, sample: int) -> int:
        self.calls["gpm samples"] -= 1
        return 0

    def _nvmlGpmSampleGet(self, handle: int, sample: int) -> int:
        self._samples[sample] = self._handles[handle]
        return 0

    def _nvmlGpmMigSampleGet(self, handle: int, instance: int, sample: int) -> int:
        slices = self._handles[handle].slices[instance - 7 :]
        self._samples |= dict.fromkeys([sample], slices[0]) if slices else {}
        return 0 if slices else NOT_FOUND

    def _nvmlGpmMetricsGet(self, into: int) -> int:
        asked = pynvml.c_nvmlGpmMetricsGet_t.from_address(into)
        first, second = (ctypes.cast(one, c_void_p).value for one in (asked.sample1, asked.sample2))
        assert first != second
        given = self._samples[second or 0].gpm or {}
        for metric in asked.metrics[: asked.numMetrics]:
            known = metric.metricId in given
            metric.nvmlReturn = 0 if known else NOT_SUPPORTED
            metric.value = c_double(given.get(metric.metricId, 0.0)).value
        return 0
