"""Bytes to messages and back: JSON, protobuf, RecordIO, media types and the v0 names. No I/O."""
