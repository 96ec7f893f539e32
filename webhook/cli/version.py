"""``batchwarden version``: this program, and whose facts it knows."""

import platform

import click

KUBERNETES = "1.37.1"
"""The version of Kubernetes whose sources and answers the rules rest on."""


@click.command()
def command() -> None:
    """Say which version this is, and of which Kubernetes it knows the facts."""
    click.echo(version())


def version() -> str:
    """Name the version, that of Python, and that of Kubernetes."""
    from importlib import metadata

    known = f"Kubernetes {KUBERNETES} (what it fills in and refuses)"
    return f"batchwarden {metadata.version('batchwarden')}, Python {platform.python_version()}, {known}"
