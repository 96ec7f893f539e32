"""Alerts and dashboard, as Prometheus takes them; and what they ask for, as our programs and API servers tell it."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.cluster.kubectl import Kubectl
from tests.cluster.monitoring import RULES, alerts, panels, promtool, shown
from tests.cluster.serving import Server, registered
from tests.cluster.workloads import job
from webhook.admission.configurations import ClientConfig, Registration, webhook_configurations
from webhook.admission.settings import Settings

CASES = yaml.safe_load(Path(__file__).with_name("alerts.yaml").read_text())
WIDTH = 24  # columns of a dashboard


def test_prometheus_takes_the_rules() -> None:
    code, told = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert code == 0, told
    assert f"{len(alerts())} rules found" in told


def test_each_alert_says_what_is_wrong_and_what_to_do() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in {"critical", "warning"}
            assert rule["annotations"].keys() == {"summary", "description"}


def test_each_alert_has_a_case() -> None:
    assert list(CASES) == list(alerts())


@pytest.mark.parametrize("outcome", ["fires", "silent"])
def test_each_alert_fires_where_it_should_and_is_silent_where_not(outcome: str, tmp_path: Path) -> None:
    groups = [
        {
            "name": alert,
            "interval": "1m",
            "input_series": [{"series": name, "values": values} for name, values in case[outcome].items()],
            "promql_expr_test": [
                {
                    "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
                    "eval_time": f"{case['minutes']}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if outcome == "fires" else [],
                }
            ],
        }
        for alert, case in CASES.items()
    ]
    file = tmp_path / "tests.json"
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": groups}))
    code, told = promtool("test", "rules", file)
    assert code == 0, told


def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [{"record": f"panel:{number}", "expr": expression} for number, (_, expression) in enumerate(shown())]
    file = tmp_path / "rules.json"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": asked}]}))
    code, told = promtool("check", "rules", file)
    assert code == 0, told
    assert f"{len(asked)} rules found" in told


def test_the_panels_are_beside_and_below_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        squares = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= WIDTH, panel["title"]
        assert not squares & taken, panel["title"]
        taken |= squares
    ids = [panel["id"] for panel in panels()]
    assert len({*ids}) == len(ids)


POLICY = """
apiVersion: batchwarden.io/v1alpha1
kind: ClusterBatchPolicy
metadata: {name: tidy}
spec: {action: Deny, rules: {ttlAfterFinished: {}}}
"""


def test_the_metrics_of_the_webhook_are_as_prometheus_wants_them(server: Server, tenant: Kubectl) -> None:
    server.use(POLICY)
    assert "ttlAfterFinished" in tenant.create(job("once")).stderr
    status, text = server.status("/metrics")
    assert (status, *promtool("check", "metrics", stdin=text)) == (200, 0, "")


def test_an_api_server_tells_what_is_asked_of_it(admin: Kubectl) -> None:
    dead = ClientConfig(ca=b"", url="https://127.0.0.1:1")
    with registered(admin, webhook_configurations(Registration(client_config=dead), Settings())):
        assert "failed calling webhook" in admin.create(job("once")).stderr
    told = admin.run("get", "--raw=/metrics").stdout
    asked = re.findall(r"(apiserver_\w+)\{(.*?)\}", RULES.read_text() + json.dumps([*shown()]).replace('\\"', '"'))
    assert {name for name, _ in asked} != set()
    for name, selector in asked:
        samples = [
            sample for sample in re.findall(rf"^{name}\{{(.*)\}}", told, re.MULTILINE) if ".batchwarden.io" in sample
        ]
        assert samples, name
        assert {*re.findall(r"(\w+)[=!]", selector)} <= {*re.findall(r"(\w+)=", samples[0])}
    assert 'error_type="calling_webhook_error",name="validate.batchwarden.io"' in told
    assert "validate.batchwarden.io" in RULES.read_text()
