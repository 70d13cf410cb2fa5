"""`python -m tests.real.llama MODEL.gguf KEY`: llama.cpp's own server on a free port, until its standard input ends."""

import sys

import xllamacpp


def main() -> None:
    """Serve and print the address."""
    parameters = xllamacpp.CommonParams()
    parameters.model.path = sys.argv[1]
    parameters.model_alias = {"tiny-chain"}
    parameters.api_keys = [sys.argv[2]]
    parameters.hostnames, parameters.port = ["127.0.0.1"], 0
    parameters.n_ctx, parameters.n_parallel, parameters.n_gpu_layers = 2048, 2, 0
    parameters.cpuparams.n_threads = 1
    parameters.warmup = False
    server = xllamacpp.Server(parameters)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
