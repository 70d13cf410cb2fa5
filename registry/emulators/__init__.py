"""The practice fleet (emulated): many small model servers in one process, each speaking a real wire on loopback."""
