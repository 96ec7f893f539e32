"""Pure: who reads the index that the Pods of an Indexed Job have.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
"""

import re
from typing import Final

from policies.fields import lookup, mapping, sequence
from policies.workload import Container, Section

NAME: Final = "JOB_COMPLETION_INDEX"
ANNOTATION: Final = "batch.kubernetes.io/job-completion-index"  # and the label of the same name
READS: Final = re.compile(rf"(?<!\$)\$\({NAME}\)|\$\{{?{NAME}\b|environ\[\W{NAME}\W\]")
# assigned by a script, tested for, or read with something ready in its place
PROVIDES: Final = re.compile(rf"(?<![\w$({{]){NAME}=|-[nzv]\s+\W*{NAME}\b|\$\{{{NAME}:?[-+=]")


def reads_index(container: Container) -> bool:
    """Whether a container's command, arguments or variables need the index; not if they see to it themselves."""
    variables = sequence(container.section.raw.get("env"))
    if any(_is_index(source) for variable in variables if (source := mapping(variable).get("valueFrom"))):
        return True
    told = [word for word in container.words if NAME in word]
    if not told or NAME in told or "envFrom" in container.section.raw:
        return False
    return any(map(READS.search, told)) and not any(map(PROVIDES.search, told))


def mounts_index(pod: Section) -> bool:
    """Whether a volume of the Pod shows the index as a file."""
    for volume in sequence(pod.raw.get("volumes")):
        sources = [volume, *sequence(lookup(volume, ("projected", "sources")))]
        items = (item for source in sources for item in sequence(lookup(source, ("downwardAPI", "items"))))
        if any(map(_is_index, items)):
            return True
    return False


def _is_index(source: object) -> bool:
    return bool(source) and ANNOTATION in str(lookup(source, ("fieldRef", "fieldPath")))
