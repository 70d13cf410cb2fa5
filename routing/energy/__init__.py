"""Energy and cost of own devices: measured in windows of ten seconds, shared out to calls, idle energy apart."""
