"""What the XML Schema of JUnit asks of the parts that we write, and no part beside them.

Source: https://github.com/windyroad/JUnit-Schema/blob/master/JUnit.xsd, not copied but told again.
"""

import re
from typing import Final
from xml.etree import ElementTree as ET

TEXT, NAME, COUNT, SECONDS = r"(?s:.*)", r"(?s:.*\S.*)", r"\d{1,9}", r"\d+(\.\d+)?"
MOMENT = r"\d{4}(-\d\d){2}T\d\d(:\d\d){2}"
PROBLEM = ("", {"type": TEXT, "message": TEXT})
ELEMENTS: Final = {
    "testsuites": ("(testsuite )*", dict[str, str]()),
    "testsuite": (
        "properties (testcase )*system-out system-err ",
        {
            "id": COUNT, "name": NAME, "package": TEXT, "hostname": NAME, "timestamp": MOMENT,
            "time": SECONDS, "tests": COUNT, "failures": COUNT, "errors": COUNT,
        },
    ),
    "properties": ("", {}),
    "testcase": ("((error|failure) )?", {"name": TEXT, "classname": TEXT, "time": SECONDS}),
    "error": PROBLEM,
    "failure": PROBLEM,
    "system-out": ("", {}),
    "system-err": ("", {}),
}  # fmt: skip
"""Of each element the ones that it holds, in their order, and its attributes; the schema lets ``message`` be absent."""


def read(text: str) -> ET.Element:
    """Read a document, and raise AssertionError where the schema refuses it."""
    root = ET.fromstring(text)  # noqa: S314 - our own
    assert root.tag == "testsuites"
    for element in root.iter():
        holds, attributes = ELEMENTS[element.tag]
        assert re.fullmatch(holds, "".join(f"{each.tag} " for each in element)), element.tag
        assert element.attrib.keys() == attributes.keys(), element.tag
        for name, value in element.attrib.items():
            assert re.fullmatch(attributes[name], value), (element.tag, name, value)
    return root
