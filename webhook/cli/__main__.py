"""``python -m webhook.cli`` is ``batchwarden``."""

from webhook.cli import main

main(prog_name="batchwarden")
