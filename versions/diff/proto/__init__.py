"""Protobuf files: a reader for their text and descriptors, and what a changed message breaks."""
