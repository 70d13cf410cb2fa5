"""What the emulated devices are: numbers of real products, rounded, from their makers' data sheets."""

import msgspec

MIB = 2**20


class DeviceKind(msgspec.Struct, frozen=True):
    """A product. Watts, degrees Celsius, megahertz; `links` counts its links to the others of its node.

    `vendor` names the exporter that tells of it: dcgm, amd or ascend.
    """

    name: str
    vendor: str
    model: str
    memory_bytes: int
    idle_w: float
    limit_w: float
    slowdown_c: float
    sm_mhz: int
    idle_mhz: int
    memory_mhz: int
    pcie: tuple[int, int]
    links: int


H200 = DeviceKind("h200", "dcgm", "NVIDIA H200", 143_771 * MIB, 76, 700, 87, 1980, 345, 3201, (5, 16), 18)
H100 = DeviceKind("h100", "dcgm", "NVIDIA H100 80GB HBM3", 81_559 * MIB, 70, 700, 87, 1980, 345, 2619, (5, 16), 18)
A100 = DeviceKind("a100", "dcgm", "NVIDIA A100-SXM4-80GB", 81_920 * MIB, 55, 400, 89, 1410, 210, 1593, (4, 16), 12)
L40S = DeviceKind("l40s", "dcgm", "NVIDIA L40S", 46_068 * MIB, 36, 350, 91, 2520, 210, 9001, (4, 16), 0)
MI300X = DeviceKind("mi300x", "amd", "AMD INSTINCT MI300X", 196_592 * MIB, 140, 750, 100, 2100, 132, 1300, (5, 16), 7)
ASCEND_910B = DeviceKind("910b", "ascend", "910B3-Ascend-V1", 65_536 * MIB, 93, 400, 95, 1800, 800, 1600, (4, 16), 7)
MIX = (H200, H100, MI300X, A100, H100, ASCEND_910B, L40S, H200)
"""The kinds of eight nodes; a larger fleet repeats them."""
