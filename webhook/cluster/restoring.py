"""Pure: what a webhook configuration that is there lacks of the one that should be.

What API servers trust only grows as long as something may be served that needs the old: a CA leaves a ``caBundle``
when every endpoint, asked after the Secret was read, is trusted without it.
"""

from collections.abc import Callable, Sequence

from webhook.admission.configurations import SOMETHING_TO_WRITE
from webhook.cluster.api import Manifest
from webhook.cluster.endpoints import Handshake, read_blocks


def differences(there: Manifest, made: Manifest) -> list[str]:
    """Name what is not as it was made: fields of ours, owners, and webhooks of others; none: nothing to write.

    A field that we do not write may be one that a later API server fills in, so it is let be. Without managedFields
    nobody knows since when a ``caBundle`` is what it is.
    """
    found, wanted = there.get("webhooks") or [], made["webhooks"]
    if [each.get("name") for each in found] != [each["name"] for each in wanted]:
        return ["webhooks"]
    pairs = zip(found, wanted, strict=True)
    wrong = [key for old, new in pairs for key, value in new.items() if old.get(key) != value]
    annotations = there["metadata"].get("annotations") or {}
    if any(annotations.get(key) != value for key, value in made["metadata"].get("annotations", {}).items()):
        wrong.append("annotations")
    if made["metadata"].get("ownerReferences", []) not in ([], there["metadata"].get("ownerReferences")):
        wrong.append("ownerReferences")
    if not there["metadata"].get("managedFields"):
        wrong.append("managedFields")
    return wrong


def restored(there: Manifest, made: Manifest) -> Manifest:
    """Put ours in the place of what is there, with its version, and labels and annotations of others."""
    annotations = {**(there["metadata"].get("annotations") or {}), **made["metadata"].get("annotations", {})}
    return {**made, "metadata": {**there["metadata"], **made["metadata"], "annotations": annotations}}


def condition_of(there: Manifest | None) -> str:
    """Give the expression by which the mutating webhook that is there is called; "" where there is none."""
    conditions = [
        each for webhook in (there or {}).get("webhooks") or () for each in webhook.get("matchConditions") or ()
    ]
    return next((str(each["expression"]) for each in conditions if each["name"] == SOMETHING_TO_WRITE), "")


def next_bundle(held: bytes, wanted: bytes, ask: Callable[[], Sequence[Handshake]]) -> bytes:
    """Give what clients shall trust: the CAs that are wanted, and what they hold beside as long as it may be needed.

    Where none is wanted it is what they hold. ``ask`` tells whether all that is served is trusted by what is wanted.
    """
    if not wanted:
        return held
    joined = b"".join(dict.fromkeys([*read_blocks(wanted), *read_blocks(held)]))
    if joined == wanted or all(each.answer in {"trusted", "refused"} for each in ask()):
        return wanted
    return joined
