"""The agent on a GPU node, without a framework, a database or a store: it reads NVML and pushes frames to the door."""
