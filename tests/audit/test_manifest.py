"""A Job is known by what it says it is, or fails to say; what no API server takes is found whatever the policies."""

from typing import Any

import pytest
import yaml

from policies.fields import render
from webhook.audit.manifest import faults, kind_of


@pytest.mark.parametrize(
    ("kind", "manifest"),
    [
        ("Job", "{apiVersion: batch/v1, kind: Job}"),
        ("CronJob", "{apiVersion: batch/v1, kind: CronJob}"),
        ("CronJob", "{apiVersion: batch/v1beta1, kind: CronJob}"),
        ("Job", "{apiVersion: v1, kind: Job}"),
        ("CronJob", "{apiVersion: batch/v1, kind: Cronjob}"),
        ("Job", "{kind: Job}"),
        ("Job", "{apiVersion: batch/v1}"),
        ("CronJob", "{apiVersion: batch/v1, spec: {jobTemplate: {}}}"),
        ("CronJob", "{spec: {jobTemplate: {}}}"),
        ("Job", "{spec: {backoffLimit: 1, template: {}}}"),
        (None, "{spec: {replicas: 1, template: {}}}"),
        (None, "{kind: Deployment, spec: {template: {}}}"),
        (None, "{apiVersion: batch.volcano.sh/v1alpha1, kind: Job}"),
        (None, "{apiVersion: v1, kind: ConfigMap}"),
        (None, "{apiVersion: v1}"),
        (None, "{apiVersion: 1, kind: Job}"),
        (None, "{apiVersion: batch/v1, kind: [Job]}"),
        (None, "{schedule: x}"),
        (None, "[a]"),
        (None, "text"),
    ],
)
def test_the_kind_is_told_also_where_it_is_misspelt_or_left_out(kind: str | None, manifest: str) -> None:
    assert kind == kind_of(yaml.safe_load(manifest))


def told(manifest: str) -> list[str]:
    value: dict[str, Any] = yaml.safe_load(manifest)
    kind = kind_of(value)
    assert kind is not None
    return [f"{render(fault.path)} {fault.found}; {fault.allowed}" for fault in faults(value, kind)]


@pytest.mark.parametrize(
    ("expected", "manifest"),
    [
        ([], "{apiVersion: batch/v1, kind: Job, metadata: {name: a, finalizers: [b]}, spec: {template: {spec: {}}}}"),
        (
            ["apiVersion is batch/v1beta1, removed in Kubernetes 1.25; batch/v1"],
            "{apiVersion: batch/v1beta1, kind: CronJob}",
        ),
        (["apiVersion is batch/v2; batch/v1"], "{apiVersion: batch/v2, kind: Job}"),
        (["apiVersion is missing; batch/v1", "kind is missing; CronJob"], "{spec: {jobTemplate: {}}}"),
        (["kind is cronjob; CronJob"], "{apiVersion: batch/v1, kind: cronjob}"),
        (
            ["spec.timezone is no field here; spec.timeZone"],
            "{apiVersion: batch/v1, kind: CronJob, spec: {timezone: Asia/Tokyo, timeZone: Asia/Tokyo}}",
        ),
        (["name is no field here; metadata.name"], "{apiVersion: batch/v1, kind: Job, name: a}"),
        (
            [
                "template is no field here; spec.template",
                "restartPolicy is no field here; spec.template.spec.restartPolicy",
            ],
            "{apiVersion: batch/v1, kind: Job, metadata: null, template: null, restartPolicy: Never}",
        ),
        (
            ["spec.template.containers is no field here; spec.template.spec.containers"],
            "{apiVersion: batch/v1, kind: Job, spec: {template: {spec: null, containers: []}}}",
        ),
        (
            ["spec.backoffLimit is no field here; spec.jobTemplate.spec.backoffLimit"],
            "{apiVersion: batch/v1, kind: CronJob, spec: {backoffLimit: 1, suspend: true}}",
        ),
        (
            ["spec.jobTemplate.spec.concurrencyPolicy is no field here; spec.concurrencyPolicy"],
            "{apiVersion: batch/v1, kind: CronJob, spec: {jobTemplate: {spec: {concurrencyPolicy: Forbid}}}}",
        ),
        (
            [
                "spec.\u201ctemplate\u201d is no field, in characters that only look right; spec.template",
                "spec.\xa0suspend is no field, in characters that only look right; spec.suspend",
            ],
            "{apiVersion: batch/v1, kind: Job, spec: {\u201ctemplate\u201d: null, \xa0suspend: true}}",
        ),
        ([], "{apiVersion: batch/v1, kind: Job, spec: {someday: 1, template: {spec: {someday: 1}}}}"),
    ],
)  # fmt: skip
def test_what_no_api_server_takes_is_found_with_where_it_belongs(expected: list[str], manifest: str) -> None:
    assert expected == told(manifest)


TEXT, NUMBER = "text; put a number, and words such as yes and no, in quotes", "a whole number, without quotes"
TRUTH, FIELDS, LIST = "true or false, without quotes", "fields, each with a value", "a list, each item behind a hyphen"


@pytest.mark.parametrize(
    ("expected", "fields"),
    [
        (f"metadata.name is true; {TEXT}", "metadata: {name: on}"),
        (f"metadata.labels[tier] is 1; {TEXT}", "metadata: {labels: {tier: 1, none: null}}"),
        (f'spec.backoffLimit is "3"; {NUMBER}', 'spec: {backoffLimit: "3", parallelism: null}'),
        (f"spec.activeDeadlineSeconds is 1.5; {NUMBER}", "spec: {activeDeadlineSeconds: 1.5}"),
        (f"spec.parallelism is true; {NUMBER}", "spec: {parallelism: true}"),
        (f'spec.suspend is "no"; {TRUTH}', 'spec: {suspend: "no"}'),
        (f"spec is a list; {FIELDS}", "spec: [template]"),
        (f"spec.template.spec.containers is a group of fields; {LIST}", "spec: {template: {spec: {containers: {}}}}"),
        (f'spec.template.spec.containers[1] is "a"; {FIELDS}', "spec: {template: {spec: {containers: [null, a]}}}"),
        (
            f"spec.template.spec.containers[0].args[1] is 80; {TEXT}",
            "spec: {template: {spec: {containers: [{args: [x, 80, null], ports: [{containerPort: 80}]}]}}}",
        ),
        (
            f"spec.template.spec.initContainers[0].env[1].value is false; {TEXT}",
            "spec: {template: {spec: {initContainers: [{env: [{valueFrom: {}}, {value: false}]}]}}}",
        ),
    ],
)
def test_values_of_another_type_are_found(expected: str, fields: str) -> None:
    assert [expected] == told(f"{{apiVersion: batch/v1, kind: Job, {fields}}}")


@pytest.mark.parametrize(
    ("value", "cure"), [('"30"', 30), (f'"{"9" * 5000}"', None), ("30s", None), ('"٣"', None), ("[30]", None)]
)
def test_a_number_in_quotes_has_one_cure(value: str, cure: int | None) -> None:
    (fault,) = faults(yaml.safe_load(f"{{apiVersion: batch/v1, kind: Job, spec: {{backoffLimit: {value}}}}}"), "Job")
    assert cure == (fault.fix and fault.fix.value)
