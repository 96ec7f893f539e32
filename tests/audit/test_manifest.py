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
        ([], "{apiVersion: batch/v1, kind: Job, spec: [template]}"),
    ],
)  # fmt: skip
def test_what_no_api_server_takes_is_found_with_where_it_belongs(expected: list[str], manifest: str) -> None:
    assert expected == told(manifest)
