"""Pure: what people did wrong where the YAML parser only says what it did not find."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from yaml import Mark, MarkedYAMLError

from webhook.text.places import Refused, position_of

HELM: Final = "this is a template; render it first, e.g. helm template . | batchwarden check -"


class Slip(NamedTuple):
    """A sentence for a message of libyaml or PyYAML, and whether it points to where the thing began."""

    sign: str
    sentence: str
    at_start: bool = False


TAB: Final = Slip("", "YAML is indented with spaces; replace the tab")
SLIPS: Final = (
    Slip("scanning an alias", 'quote a value that begins with *, e.g. schedule: "*/5 * * * *"', at_start=True),
    Slip("scanning an anchor", "quote a value that begins with &", at_start=True),
    Slip("unexpected end of stream", "the quote that opens here is never closed", at_start=True),
    Slip("unexpected document", "the quote that opens here is not closed before the next ---", at_start=True),
    Slip("escape", "YAML knows no such escape; write \\\\ for a backslash, or use single quotes"),
    Slip("cannot start any token", "quote a value that begins with {char}"),
    Slip("parsing a flow mapping", "a comma is missing here, or the { that opens in line {line} is not closed"),
    Slip("parsing a flow sequence", "a comma is missing here, or the [ that opens in line {line} is not closed"),
    Slip("node content", "a value is missing here, or a bracket or brace is one too many"),
    Slip("sequence entries", "a list begins in the line after its key; quote a value that begins with -"),
    Slip("mapping values", "a colon is not allowed here; quote the value, or mend the indentation or the line above"),
    Slip("scanning a simple key", "this line has no colon; write key: value, or indent it", at_start=True),
    Slip(
        "parsing a block", "this does not fit the block that begins in line {line}; mend the indentation or the quotes"
    ),
    Slip("block scalar", "what follows | or > begins in the next line"),
    Slip("directive", "Kubernetes reads no YAML directives; remove the line that begins with %"),
    Slip("document start", "Kubernetes reads no YAML directives; remove the line that begins with %"),
    Slip("tag", "the tag is not declared; remove it, or quote a value that begins with !", at_start=True),
)
# What gives a line away that was copied from a web page or a chat; the parser often stumbles in the line after it.
LOOKS: Final = (
    (re.compile(r"(?=```)"), "remove the line: ``` is Markdown, and no YAML"),
    (
        re.compile(r"(?=[\u2010-\u2015\u2212]{1,3}\s*$)"),
        "replace the typographic dash: documents are parted by a line --- of hyphens",
    ),
    (
        re.compile(r"\s*(?=[\u2010-\u2015\u2212]\s)"),
        "replace the typographic dash: an item of a list begins with a hyphen -",
    ),
    (
        re.compile(r"(?:[^\"'#]*[-:,\[{]\s+|\s*)(?=[\u2018-\u201f\u00ab\u00bb])"),
        "replace the typographic quotes: YAML knows only \" and '",
    ),
)


def explain(error: MarkedYAMLError, text: str, first_line: int) -> Refused:
    """Make a sentence for a person of what the parser says about a text that begins in that line of its file."""
    said = f"{error.context} {error.problem}"
    end = _offset(error.problem_mark)
    start = _offset(error.context_mark or error.problem_mark)
    char = text[end : end + 1]
    slip = next((slip for slip in SLIPS if slip.sign in said), Slip("", f"this is not YAML: {error.problem}"))
    if (char == "\t" and "token" in said) or "tab character" in said:
        slip = TAB
    line = str(position_of(start, text, first_line).line)
    sentence = slip.sentence.replace("{char}", char).replace("{line}", line)
    offset = start if slip.at_start else end
    return refuse(*next(_looks(text, offset), (offset, sentence)), text, first_line)


def _offset(mark: Mark | None) -> int:
    return mark.index if mark else 0


def _looks(text: str, offset: int) -> Iterator[tuple[int, str]]:
    """Give the offset and the sentence of what is typographic in the line of the offset, or in the line before."""
    start = text.rfind("\n", 0, offset) + 1
    for begin in (start, text.rfind("\n", 0, max(start - 1, 0)) + 1):
        line = text[begin:].partition("\n")[0]
        for sign, sentence in LOOKS:
            if found := sign.match(line):
                yield begin + found.end(), sentence


def refuse(offset: int, sentence: str, text: str, first_line: int) -> Refused:
    """Refuse a text at an offset; a line with an unquoted ``{{`` is a template, whatever else is wrong with it."""
    line = text[text.rfind("\n", 0, offset) + 1 :].partition("\n")[0]
    template = "{{" in line and not set("\"'#") & set(line.partition("{{")[0])
    return Refused(position_of(offset, text, first_line), HELM if template else sentence)
