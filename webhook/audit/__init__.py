"""Judgement outside of admission: what a manifest or a stored object comes to, and how it is reported."""
