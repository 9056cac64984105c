"""What a version asks to have installed: packages by name, and nothing else. Pure.

The files are a stranger's, and what reads them after us follows them: uv puts this machine's
variables in the place of `${NAME}`, asks whatever index a line names and runs the `setup.py` of a
folder. So no line is handed on as it stands: each is read here, and written anew from what it says.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from mlgitops.errors import Problem, RequirementsError, Where
from mlgitops.words import one_line

REQUIREMENTS, CONSTRAINTS, WHEELS = "requirements.txt", "constraints.txt", "wheels"
# a version of Python, as platform.python_version() has it
PYTHON = re.compile(r"([0-9]{1,2})\.([0-9]{1,3})(?:\.[0-9]{1,3})?(?:(?:a|b|rc)[0-9]{1,3})?\+?")
MOST_BYTES = 2**20  # of a file; what MLflow writes has a few kB
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_MOST_LINES, _LONGEST, _SHOWN = 5_000, 2_000, 60  # lines; characters of a line, and of an error
_CONSTRAINED = re.compile(rf"-c\s+{re.escape(CONSTRAINTS)}")
_COMMENT = re.compile(r"(^|\s+)#.*")  # as pip and uv have it
_OPTION = re.compile(r"--?[A-Za-z-]*")
_WHEEL = re.compile(rf"{WHEELS}/[A-Za-z0-9_.!+-]+\.whl")
# all that requirements are made of, and the texts in their markers
_LETTERS = re.compile(r"""(?:[A-Za-z0-9 ._,;<>=!~*+()\[\]-]|"[A-Za-z0-9 ._,*+!~-]*")*""")
_AGAIN = "log the version again with pip_requirements that name packages alone"
_INDEX = "an index of your own goes into a uv.toml for --uv-config"


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """A requirement.

    Attributes:
        name: the package's, normalised: lower-case letters, digits and single dashes.
        rest: extras, versions and marker, as PEP 508 writes them.
    """

    name: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.name}{self.rest}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Requirements:
    """What a version asks for.

    Attributes:
        wheels: package → the wheel's path in the version's artifact, from MLflow's
            `add_libraries_to_model`.
        constrained: whether its constraints.txt counts.
        constraints: what that says.
    """

    packages: tuple[Package, ...] = ()
    wheels: tuple[tuple[str, str], ...] = ()
    constrained: bool = False
    constraints: tuple[Package, ...] = ()


def decoded(content: bytes) -> str:
    """The text of a requirements file: as its mark says, else UTF-8, else Latin-1.

    pip reads the same; editors of Windows write each of them.

    >>> decoded("numpy".encode("utf-16"))
    'numpy'
    """
    marked = (name for mark, name in _MARKS.items() if content.startswith(mark))
    try:
        return content.decode(next(marked, "utf-8"))
    except UnicodeDecodeError:
        return content.decode("latin-1")


def parse(text: str, name: str = REQUIREMENTS) -> Requirements:
    """Read a requirements file: PEP 508, and what MLflow writes besides.

    Args:
        text: the file's, with its line ends.
        name: the file's. A constraints.txt names packages alone.

    Raises:
        RequirementsError: with each line that asks for anything else.
    """
    lines = text.split("\n")
    if len(lines) > _MOST_LINES:
        raise refused(f"it has more than {_MOST_LINES:,} lines; {_AGAIN}", name)
    problems: list[Problem] = []
    packages: list[Package] = []
    wheels: list[tuple[str, str]] = []
    constrained = False
    for number, line in enumerate(lines, start=1):
        try:
            statement = _statement(line.removesuffix("\r"))
            if name == REQUIREMENTS and _CONSTRAINED.fullmatch(statement):
                constrained = True
            elif name == REQUIREMENTS and _WHEEL.fullmatch(statement):
                wheels.append((_of_wheel(statement), statement))
            elif statement:
                packages.append(package(statement))
        except ValueError as error:
            where = Where(file=name, line=number, column=1)
            problems.append(Problem(where=where, message=str(error)))
    if problems:
        raise RequirementsError(problems)
    return Requirements(packages=tuple(packages), wheels=tuple(wheels), constrained=constrained)


def refused(why: str, name: str) -> RequirementsError:
    """The error of a whole file."""
    return RequirementsError([Problem(where=Where(file=name, line=1, column=1), message=why)])


def package(text: str) -> Package:
    """Read one requirement.

    Raises:
        ValueError: it is none of PEP 508, or takes its package from an address; says why.
    """
    if reason := _reason(text):
        raise ValueError(f"{reason}; {_AGAIN}")
    try:
        found = Requirement(text)
        plain = Requirement(str(found))  # a marker's text can hold what ends it
    except (InvalidRequirement, RecursionError) as error:
        raise ValueError(f"{_brief(text)} is no requirement (PEP 508); {_AGAIN}") from error
    if found.url is not None:
        source = "takes the package from an address instead of an index"
        raise ValueError(f"{found.name[:_SHOWN]!r} {source}; {_INDEX}, and {_AGAIN}")
    if not _LETTERS.fullmatch(str(plain)):
        raise ValueError(f"{_brief(text)} has characters of no requirement; {_AGAIN}")
    rest = str(plain).removeprefix(plain.name)
    return Package(name=canonicalize_name(plain.name), rest=rest)


def _statement(line: str) -> str:
    """What a line says without its comment.

    Raises:
        ValueError: what reads the file after us may see another line there.
    """
    if strange := next((letter for letter in line if not _shows(letter)), None):
        raise ValueError(f"the line contains the character U+{ord(strange):04X}; {_AGAIN}")
    if "${" in line:
        raise ValueError(f"the line asks for a variable of this machine with '${{'; {_AGAIN}")
    return _COMMENT.sub("", line).strip()


def _shows(letter: str) -> bool:
    return letter == "\t" or letter.isprintable()


def _reason(text: str) -> str:
    """Why a text is no requirement, before it is read as one; empty if it may be one."""
    if len(text) > _LONGEST:
        return f"the line has more than {_LONGEST:,} characters"
    if option := _OPTION.match(text):
        return f"the option {option[0][:_SHOWN]} is not allowed here; {_INDEX}"
    if text.endswith("\\"):
        return "the line goes on in the next one with '\\'"
    return ""


def _of_wheel(path: str) -> str:
    """The package of a wheel in the artifact.

    Raises:
        ValueError: it has no name of a wheel.
    """
    try:
        return str(parse_wheel_filename(path.removeprefix(f"{WHEELS}/"))[0])
    except ValueError as error:
        raise ValueError(f"{_brief(path)} has no name of a wheel; {_AGAIN}") from error


def _brief(text: str) -> str:
    shown = one_line(text)
    return "an address" if "://" in shown else repr(shown[:_SHOWN])
