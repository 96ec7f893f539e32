"""What good batch work is. Pure: no I/O but finding its own files, no clock, no globals; msgspec is all it imports."""
