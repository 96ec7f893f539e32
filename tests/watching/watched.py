"""What keepers tell: their log lines and their metrics."""

from typing import Any

from prometheus_client import CollectorRegistry

from webhook.cluster.observe import KeeperObserver


class Watched:
    """What was logged, and the metrics."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.registry = CollectorRegistry()
        self.observer = KeeperObserver(self.registry, self.write)

    def write(self, event: str, **fields: Any) -> None:
        self.lines.append({"event": event, **fields})

    def messages(self, keeper: str) -> list[str]:
        return [line["message"] for line in self.lines if line["keeper"] == keeper]

    def metric(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"batchwarden_{name}", labels)
