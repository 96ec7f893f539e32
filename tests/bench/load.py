"""Runs the load generator, a process for each run, and takes its figures as it prints them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import msgspec


class Figures(msgspec.Struct, frozen=True):
    """How one run went: milliseconds to the answer, answers a second, and how many were not as wanted, with one."""

    p50: float
    p99: float
    max: float
    per_second: float
    wrong: int
    sample: str


@dataclass(frozen=True)
class Target:
    """Where to post, as whom, and the certificate that vouches for the server."""

    program: Path
    url: str
    ca: Path
    token: str = ""

    def post(self, body: Path, want: int, count: int, in_flight: int, *flags: str) -> Figures:
        """Post a file so many times, so many at a time; ``want`` is the HTTP status that is right."""
        options = {"url": self.url, "ca": self.ca, "token": self.token, "body": body, "want": want}
        options |= {"n": count, "c": in_flight}
        command = [str(self.program), *(f"-{name}={value}" for name, value in options.items()), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode:
            raise RuntimeError(f"the load generator failed: {done.stderr}")
        return msgspec.json.decode(done.stdout, type=Figures)
