"""Pure: typographic quotes and dashes that stand where a program expects plain ones.

A word processor or a web page puts them in place of what was typed. Where they are part of a text, as in what ``echo``
prints or in what plain quotes enclose, they are right: only those that a program must stumble over are found.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

DOUBLE_QUOTES: Final = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033"
SINGLE_QUOTES: Final = "\u2018\u2019\u201a\u201b\u2032"
QUOTES: Final = {**dict.fromkeys(DOUBLE_QUOTES, '"'), **dict.fromkeys(SINGLE_QUOTES, "'")}
LONG_DASHES: Final = "\u2014\u2015"  # each stands for two hyphens, which a word processor joins
DASHES: Final = f"\u2010\u2011\u2012\u2013\u2212{LONG_DASHES}"
SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh"})
SPEAKERS: Final = frozenset({"echo", "printf", "logger", "cowsay", "figlet"})  # whose arguments are text
LONGEST: Final = 65536  # characters of a script: anybody may send one without end

_MARKS = "".join(QUOTES)
_OPTION = rf"(?P<dashes>-?[{DASHES}]{{1,2}})(?P<name>[A-Za-z][\w-]*)(?=$|[=\s])"
_WRAPPED = re.compile(rf"[{_MARKS}](?P<inner>[^{_MARKS}]+)[{_MARKS}]")
_SHELL_SCRIPT = re.compile(r"-[a-z]*c")
_TOKEN = re.compile(
    rf"""
      \\.|'[^']*'|"(?:\\.|[^"\\])*"|(?<!\S)\#[^\n]*     # text as it is: escaped, quoted, or a comment
    | <<-?[ ]*["']?(?P<heredoc>\w+)["']?
    | (?P<end>[;\n|&()]+)
    | (?<![^\s=(\[{{,:])(?P<quoted>[{_MARKS}][^{_MARKS}\n]+[{_MARKS}])(?=[\s;|&)\]}},:]|$)
    | (?<!\S){_OPTION}
    | (?P<word>[^\s;|&()<'"\\{_MARKS}]+)
    """,
    re.VERBOSE | re.DOTALL,
)


class Mend(NamedTuple):
    """A text with plain characters, the place that was wrong, and whether no other plain text can be meant."""

    text: str
    wrong: str
    certain: bool = True


def mend_schedule(text: str) -> Mend | None:
    """Mend a schedule, which no typographic character can be part of."""
    mended = "".join("-" if mark in DASHES else mark for mark in text if mark not in QUOTES)
    return None if mended == text else Mend(mended.strip(), text)


def mend_value(text: str) -> Mend | None:
    """Mend the value of a variable: one word in quotes, or nothing but options."""
    words = [] if text.isascii() else text.split()
    if len(words) == 1 and (wrapped := _WRAPPED.fullmatch(text)):
        return Mend(wrapped["inner"], text)
    options = [re.match(_OPTION, word) for word in words]
    if any(options) and all(word[0] == "-" or option for word, option in zip(words, options, strict=True)):
        return _replace(text, re.finditer(rf"(?<!\S){_OPTION}", text))
    return None


def mend_arguments(arguments: Sequence[str]) -> Iterator[tuple[int, Mend]]:
    """Mend what a container runs, argument by argument; what a shell is given as a script is read as a shell would."""
    scripts = set(_scripts(arguments))
    wrapped = [_WRAPPED.fullmatch(argument) for argument in arguments]
    # one that is a single word was meant for YAML to take away; then so were those around longer texts
    yaml = any(match and not re.search(r"\s", match["inner"]) for match in wrapped)
    speaks = bool(arguments) and _program(arguments[0]) in SPEAKERS
    for index, argument in enumerate(arguments):
        if argument.isascii() or len(argument) > LONGEST or speaks:
            continue
        match = wrapped[index]
        if index in scripts:
            mended = _replace(argument, _stumbles(argument))
        elif match:
            mended = Mend(match["inner"], argument) if yaml else None
        else:
            option = re.match(_OPTION, argument)
            alone = option and argument[option.end() :][:1] in {"", "="}
            mended = _replace(argument, [option]) if option and alone else None
        if mended:
            yield index, mended


def _scripts(arguments: Sequence[str]) -> Iterator[int]:
    """Tell which arguments are scripts: what follows ``-c`` after the name of a shell."""
    shell = False
    for index, argument in enumerate(arguments):
        if shell and _SHELL_SCRIPT.fullmatch(argument):
            yield index + 1
        shell = shell or _program(argument) in SHELLS


def _program(path: str) -> str:
    return path.rpartition("/")[2]


def _stumbles(script: str) -> Iterator[re.Match[str]]:
    """Find the quotes and dashes of a script that are outside of texts, and not said by a command that speaks."""
    position, command = 0, ""
    while token := _TOKEN.search(script, position):
        position = token.end()
        if token["heredoc"]:
            end = re.compile(rf"\n[ \t]*{token['heredoc']}\b").search(script, position)
            if not end:
                return
            position = end.end()
        elif token["end"]:
            command = ""
        elif token["word"]:
            command = command or ("" if "=" in token["word"] else token["word"])
        elif (token["quoted"] or token["dashes"]) and _program(command) not in SPEAKERS:
            yield token


def _replace(text: str, tokens: Iterable[re.Match[str]]) -> Mend | None:
    parts, position, wrong, certain = [], 0, "", True
    for token in tokens:
        plain, sure = _plain(token.groupdict())
        parts += [text[position : token.start()], plain]
        position, wrong, certain = token.end(), wrong or token[0], certain and sure
    return Mend("".join([*parts, text[position:]]), wrong, certain) if parts else None


def _plain(token: dict[str, str | None]) -> tuple[str, bool]:
    """Give the plain form of a quoted text or of an option, and whether there is but one."""
    quoted, dashes, name = (token.get(group) or "" for group in ("quoted", "dashes", "name"))
    if quoted:
        quote, inner = QUOTES[quoted[0]], quoted[1:-1]
        return f"{quote}{inner}{quote}", quote not in inner
    double = len(dashes) > 1 or dashes in LONG_DASHES
    return f"{'-' if len(name) == 1 and not double else '--'}{name}", double or len(name) == 1
