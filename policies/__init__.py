"""What good batch work is.

Pure: no I/O but finding its own files, no clock, no state but memos of pure functions; only msgspec beside the standard
library.
"""
