"""The emulated GPUs: devices that do the practice fleet's calls, and tell of it as real exporters do."""
