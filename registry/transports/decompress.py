"""Bounded decompression, for upstreams that compress although they were asked not to."""

import zlib

from controlplane.base.messages import Sentence

RATIO = 200
GRACE = 1024 * 1024


class DecompressionRefused(Exception):
    """A compressed body that is not understood, is damaged or grows beyond reason."""


class Decompressor:
    """Decompresses gzip or deflate piece by piece; refuses more than RATIO times the input beyond GRACE bytes."""

    def __init__(self, encoding: str, limit: int) -> None:
        """`limit` caps the whole body, decompressed. Raises DecompressionRefused for an unknown encoding."""
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise DecompressionRefused(
                Sentence(
                    "the upstream answered with Content-Encoding {encoding} although identity was asked for",
                    encoding=repr(encoding[:40]),
                )
            )
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS | 32)
        self._limit = limit
        self._taken = self._given = 0

    def feed(self, data: bytes) -> bytes:
        """The decompressed bytes of `data`. Raises DecompressionRefused for damage or a bomb."""
        self._taken += len(data)
        room = min(self._limit, max(GRACE, self._taken * RATIO)) - self._given
        try:
            output = self._inflate.decompress(data, room + 1)
        except zlib.error as error:
            raise DecompressionRefused(
                Sentence("the upstream's compressed body is damaged: {error}", error=error)
            ) from error
        self._given += len(output)
        if len(output) > room:
            raise DecompressionRefused(
                Sentence(
                    "the upstream's compressed body grew from {taken} to more than {given} bytes",
                    taken=self._taken,
                    given=self._given - 1,
                )
            )
        return output

    @property
    def complete(self) -> bool:
        """Whether the compressed stream's own end was seen."""
        return self._inflate.eof
