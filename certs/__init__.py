"""The lock on the door: the only package that imports cryptography."""
