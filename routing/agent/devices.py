"""The NVIDIA devices of this machine: found, read once a tick, and found again after one was lost or the driver went.

XIDs come as events: none is missed between two ticks.
"""

import ctypes
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pynvml
from pynvml import NVMLError

from routing.agent.watched import LOST, SLOW_TICKS, WatchedDevice, gpm_pair
from routing.samples.pushes import DeviceFacts
from routing.samples.readings import Complaint, Observed, SourceReading
from routing.telemetry import nvml
from routing.telemetry.nvml import Handle

SHORTEST_SEARCH, LONGEST_SEARCH = 5.0, 60.0
"""Seconds between two searches for devices while one is lost."""
MOST_EVENTS = 64
"""Events that are taken at one tick; others wait for the next."""
WHY = {
    pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "NVIDIA's driver is not installed here (there is no libnvidia-ml.so.1)",
    pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "NVIDIA's driver is installed and not loaded",
    pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "NVIDIA's driver was updated and needs to be loaded anew",
    pynvml.NVML_ERROR_NO_PERMISSION: "this user may not use NVIDIA's driver",
}


class NvmlAbsent(Exception):
    """NVML sees no device here; the message says why."""


class NvmlDevices:
    """Every device of this machine, with its MIG slices."""

    def __init__(self) -> None:
        self.driver = ""
        self._gpus: list[WatchedDevice] = []
        self._missing: dict[str, str] = {}
        self._xids: dict[str, float] = {}
        self._events: Any = None
        self._ticks = 0
        self._found = 0
        self._search_at, self._wait = float("inf"), SHORTEST_SEARCH

    def open(self) -> None:
        """Find the devices. Raises NvmlAbsent if there is none."""
        try:
            self._find()
        except NVMLError as error:
            raise NvmlAbsent(WHY.get(error.value, f"NVML does not work: {error}")) from error
        if not self._gpus and not self._missing:
            self.close()
            raise NvmlAbsent("NVIDIA's driver sees no GPU")

    def close(self) -> None:
        """Let go of the library."""
        for gpu in self._gpus:
            gpu.free()
        self._gpus, events, self._events = [], self._events, None
        with suppress(NVMLError):
            if events is not None:
                pynvml.nvmlEventSetFree(events)
            pynvml.nvmlShutdown()

    def facts(self) -> list[DeviceFacts]:
        """Every device that is there, each before its slices."""
        return [one.facts for gpu in self._gpus for one in (gpu, *gpu.slices)]

    def read(self) -> SourceReading:
        """What every device gives now. Never raises: one that is lost has a complaint."""
        now = time.monotonic()
        if now >= self._search_at or (self._ticks % SLOW_TICKS == 0 and self._count() != self._found):
            self._search(now)
        self._take_events()
        subjects: dict[str, Observed] = {}
        complaints: list[Complaint] = []
        for number, gpu in enumerate(list(self._gpus)):
            try:
                subjects |= self._of_one(gpu, now, (self._ticks + number) % SLOW_TICKS == 0, complaints)
            except NVMLError as error:
                self._lose(gpu, str(error), now)
        self._ticks += 1
        complaints += [Complaint("lost", "", uuid, why) for uuid, why in self._missing.items()]
        return SourceReading(subjects, tuple(complaints))

    def _of_one(self, gpu: WatchedDevice, now: float, slow: bool, complaints: list[Complaint]) -> dict[str, Observed]:
        slow = slow or not gpu.looked
        if slow:
            gpu.slices = self._slices(gpu)
        return {one.facts.uuid: one.read(now, slow, complaints) for one in (gpu, *gpu.slices)}

    def _lose(self, gpu: WatchedDevice, why: str, now: float) -> None:
        self._gpus.remove(gpu)
        gpu.free()
        if gpu.last_error:
            why = f"{why} (XID {gpu.last_error:.0f})"
        for one in (gpu, *gpu.slices):
            self._missing[one.facts.uuid] = why
        self._search_at = min(self._search_at, now + self._wait)

    def _search(self, now: float) -> None:
        """Look for devices anew: the library is closed and opened, as after a reload its handles are void."""
        known = [one.facts.uuid for gpu in self._gpus for one in (gpu, *gpu.slices)]
        self.close()
        why = "NVML does not find it any more"
        try:
            self._find()
        except NVMLError as error:
            why = WHY.get(error.value, str(error))
        there = {one.uuid for one in self.facts()}
        lost = self._missing | dict.fromkeys(known, why)
        self._missing = {uuid: reason for uuid, reason in lost.items() if uuid not in there}
        self._wait = min(2 * self._wait, LONGEST_SEARCH) if self._missing else SHORTEST_SEARCH
        self._search_at = now + self._wait if self._missing else float("inf")

    def _find(self) -> None:
        pynvml.nvmlInit()
        self.driver = str(pynvml.nvmlSystemGetDriverVersion())
        self._found = self._count()
        self._events = pynvml.nvmlEventSetCreate()
        handles = {}
        for index in range(self._found):
            with suppress(NVMLError):
                handles[index] = pynvml.nvmlDeviceGetHandleByIndex(index)
        uuids = dict(_by_bus(handles.values()))
        for index, handle in handles.items():
            with suppress(NVMLError):
                self._gpus.append(self._watched(index, handle, uuids))

    def _count(self) -> int:
        try:
            return int(pynvml.nvmlDeviceGetCount())
        except NVMLError as error:
            return 0 if error.value in LOST else self._found

    def _watched(self, index: int, handle: Handle, uuids: dict[tuple[int, ...], str]) -> WatchedDevice:
        facts = _facts(handle, index=index, links=list(_links(handle, uuids)))
        gpm = gpm_pair(handle, lambda sample: pynvml.nvmlGpmSampleGet(handle, sample))
        throughput = [] if gpm else list(nvml.PCIE_THROUGHPUT)
        fields = [*nvml.FIELDS, *([] if gpm else nvml.PCIE_COUNTERS)]
        gpu = WatchedDevice(handle, facts, list(nvml.CALLS), fields, gpm, throughput)
        with suppress(NVMLError):
            pynvml.nvmlDeviceRegisterEvents(handle, getattr(pynvml, nvml.XID), self._events)
            gpu.last_error = self._xids.get(facts.uuid, 0.0)
        return gpu

    def _slices(self, gpu: WatchedDevice) -> list[WatchedDevice]:
        """The MIG slices of a device; those that were known keep what is known of them."""
        known = {one.facts.uuid: one for one in gpu.slices}
        found = []
        for index, handle in _sliced(gpu.handle):
            with suppress(NVMLError):
                uuid = str(pynvml.nvmlDeviceGetUUID(handle))
                found.append(known.pop(uuid) if uuid in known else _slice(gpu, index, handle))
        for gone in known.values():
            gone.free()
        return found

    def _take_events(self) -> None:
        if self._events is None:
            return
        by_address = {gpu.address: gpu for gpu in self._gpus}
        with suppress(NVMLError):
            for _ in range(MOST_EVENTS):
                event = pynvml.nvmlEventSetWait_v2(self._events, 0)
                if gpu := by_address.get(ctypes.cast(event.device, ctypes.c_void_p).value):
                    gpu.last_error = self._xids[gpu.facts.uuid] = float(event.eventData)


def _sliced(handle: Handle) -> Iterator[tuple[int, Handle]]:
    with suppress(NVMLError):
        if not pynvml.nvmlDeviceGetMigMode(handle)[0]:
            return
        for index in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            with suppress(NVMLError):
                yield index, pynvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index)


def _slice(gpu: WatchedDevice, index: int, handle: Handle) -> WatchedDevice:
    instance = pynvml.nvmlDeviceGetGpuInstanceId(handle)
    facts = _facts(handle, index=index, parent=gpu.facts.uuid)
    gpm = gpm_pair(gpu.handle, lambda sample: pynvml.nvmlGpmMigSampleGet(gpu.handle, instance, sample))
    return WatchedDevice(handle, facts, list(nvml.OF_SLICES), [], gpm)


def _facts(handle: Handle, **known: Any) -> DeviceFacts:
    uuid, model = str(pynvml.nvmlDeviceGetUUID(handle)), str(pynvml.nvmlDeviceGetName(handle))
    found: dict[str, Any] = {}
    with suppress(NVMLError):
        found["serial"] = str(pynvml.nvmlDeviceGetSerial(handle))
    with suppress(NVMLError):
        found["memory_bytes"] = int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
    with suppress(NVMLError):
        found["power_limit_w"] = pynvml.nvmlDeviceGetEnforcedPowerLimit(handle) / 1000
    return DeviceFacts(uuid, "nvidia", model, **found, **known)


def _by_bus(handles: Any) -> Iterator[tuple[tuple[int, ...], str]]:
    for handle in handles:
        with suppress(NVMLError):
            yield _bus(pynvml.nvmlDeviceGetPciInfo_v3(handle)), str(pynvml.nvmlDeviceGetUUID(handle))


def _bus(info: Any) -> tuple[int, ...]:
    return info.domain, info.bus, info.device


def _links(handle: Handle, uuids: dict[tuple[int, ...], str]) -> Iterator[dict[str, str]]:
    """Devices that NVLink ties to this one directly; a switch is none."""
    told = set()
    for link in range(pynvml.NVML_NVLINK_MAX_LINKS):
        with suppress(NVMLError):
            if pynvml.nvmlDeviceGetNvLinkState(handle, link):
                told.add(uuids.get(_bus(pynvml.nvmlDeviceGetNvLinkRemotePciInfo(handle, link)), ""))
    yield from ({"to": uuid, "kind": "nvlink"} for uuid in sorted(told - {""}))
