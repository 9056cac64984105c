"""A model is a stranger: whatever it answers or does is one line, in time, and leaves nothing."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pandas as pd
import pytest

from mlgitops.core.evidence import Side
from mlgitops.core.version import READY, Version
from mlgitops.errors import ScoringError
from mlgitops.recipes.package import RecipePackage
from mlgitops.review import scoring
from mlgitops.review.artifacts import describe
from mlgitops.review.compare import Scope, compare
from mlgitops.review.tools import tools
from tests.hostile import models

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.xdist_group("hostile-models")  # MLflow is imported once for them

FRAME = pd.DataFrame({"x": [1.0, 2.0]})
LIMIT = 0.5  # seconds for those that hang
LATE = 15.0  # seconds, on a starved machine
LONGEST = 600  # characters
UNREADABLE = "its answer cannot be read"
NO_NUMBERS = "its predictions are not numbers or short texts"
ENDED = "its process ended before it answered"
LATER = "no answer within 0.5 s"

ANSWERS = {
    "nothing": ("os._exit(0)", ENDED),
    "four bytes of a length, then sleep": ("write(bytes(4)); time.sleep(600)", LATER),
    "half a line, then sleep": ("write(answer().encode()[:20]); time.sleep(600)", LATER),
    "half a line, then the end": ("write(answer().encode()[:20]); os._exit(0)", ENDED),
    "a whole answer without its end": ("write(answer().encode()); os._exit(0)", ENDED),
    "the end only": ("say('{}')", NO_NUMBERS),
    "an empty mapping": ("say('{\"answer\": {}}', '{}')", NO_NUMBERS),
    "a list": ("say('[]')", UNREADABLE),
    "null": ("say('null')", UNREADABLE),
    "other keys": ('say(\'{"verdict": "passed"}\')', UNREADABLE),
    "no JSON": ("say('Traceback (most recent call last):')", UNREADABLE),
    "no UTF-8": ("write(b'\\xff\\xfe\\n'); os._exit(0)", UNREADABLE),
    "half a character": (r"""say(r'{"answer": "\ud800"}', '{}')""", UNREADABLE),
    "half a character as a class": (r"return ['\ud800', 'b']", UNREADABLE),
    "lists in lists": ("say('[' * 100_000)", UNREADABLE),
    "5,000 digits": ("say('{\"answer\": ' + '9' * 5_000 + '}')", UNREADABLE),
    "more than any number": ("say(answer([10**400, 1]), '{}')", NO_NUMBERS),
    "too few": ("say(answer([1.0]), '{}')", "it returns 1 values for 2 rows"),
    "too few by predict": ("return [1.0]", "ValueError: it returns 1 values for 2 rows"),
    "too many": ("return [1.0] * 5", "ValueError: it returns 5 values for 2 rows"),
    "a table": ("return [[1, 2]] * 3", "ValueError: it returns 3 × 2 values for 2 rows"),
    "two answers": ("say(answer(), answer(), '{}')", NO_NUMBERS),
    "more keys": ("say(answer(verdict='passed'), '{}')", NO_NUMBERS),
    "numbers and texts": ("say(answer([1.0, 'a']), '{}')", NO_NUMBERS),
    "lists": ("say(answer([[1.0], [2.0]]), '{}')", NO_NUMBERS),
    "vectors of two sizes": ("say(answer(None, vectors=[[1.0], [1.0, 2.0]]), '{}')", "of one size"),
    "vectors of no size": ("say(answer(None, vectors=[[], []]), '{}')", NO_NUMBERS),
    "two kinds of answers": ("say(answer(texts=['a', 'b']), '{}')", NO_NUMBERS),
    "no kind of answer": ("say(answer(None), '{}')", NO_NUMBERS),
    "a label too many": (
        "say(answer(labels=['a', 'b', 'c']), '{}')",
        "returns 2 values for 3 rows",
    ),
    "a likely class": (
        "say(answer(probabilities={'classes': ['a'], 'rows': [[2.0], [1.0]]}), '{}')",
        NO_NUMBERS,
    ),
    "long texts": ("return ['x' * 1_000_000] * 2", NO_NUMBERS),
    "its own objects": ("return [object(), object()]", "TypeError: Object of type object"),
    "a time that is none": ("say(answer(milliseconds=float('nan')), '{}')", NO_NUMBERS),
    "less than no time": ("say(answer(milliseconds=-1.0), '{}')", NO_NUMBERS),
    "endless memory": ("say(answer(mebibytes=float('inf')), '{}')", NO_NUMBERS),
    "an endless line": ("while True: write(b'x' * 65536)", "its answer is larger than 16 MiB"),
    "endless lines": ("while True: write(b'{}' * 9999 + b'\\n')", "larger than 16 MiB|cannot be"),
    "an error that is no text": ("say('{\"error\": 5}')", UNREADABLE),
    "an error of many lines": ("say('{\"error\": \"' + 'a\\\\n' * 99999 + '\"}')", "a a a"),
    "50 MB of exception": ("raise ValueError('x' * 50_000_000)", "ValueError: xxx"),
    "an exception of many lines": ("raise ValueError('one\\ntwo\\n' * 99)", "ValueError: one$"),
    "an exception without a text": ("raise type('E', (Exception,), {'__str__': 0})", "^E: its"),
    "an exception of half a character": (r"raise ValueError('\ud800')", r"^ValueError: \?"),
}

DEEDS = {
    "sleeps": ("time.sleep(600)", LATER),
    "is busy": ("while True: pass", LATER),
    "stops itself": ("os.kill(os.getpid(), signal.SIGSTOP); time.sleep(600)", LATER),
    "is deaf": ("[signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)", LATER),
    "closes the pipe": ("os.close(ANSWER); time.sleep(600)", f"{LATER}|{ENDED}"),
    "kills itself": ("os.kill(os.getpid(), signal.SIGKILL); os.abort()", ENDED),
    "crashes": ("ctypes.string_at(0)", f"{ENDED}: Segmentation fault"),
    "ends Python": ("raise SystemExit('bye')", "SystemExit: bye"),
    "interrupts": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "kills its parent": ("os.kill(os.getppid() or 1, 9); os._exit(1)", ENDED),
    "kills everybody": ("os.kill(-1, 9); os._exit(1)", f"ProcessLookupError|{ENDED}"),
    "calls itself": ("return self.predict(frame)", "RecursionError"),
    "takes all memory": ("return bytearray(1 << 40)", "MemoryError"),
    "takes all files": (
        "kept = [open('/dev/null') for _ in range(9999)]",
        "OSError: .*Too many open files",
    ),
    "fills the disk": (
        "with open('/tmp/x', 'wb') as f:\n while True: f.write(bytes(1 << 24))",
        f"OSError|{ENDED}",
    ),
    "is many": (
        "while True:\n try: os.fork()\n except OSError: time.sleep(1)",
        f"it started more than 256 processes|{LATER}",
    ),
}
CASES = {**ANSWERS, **DEEDS}

# each adds what it finds to a list; `shown` reads a file, `home` and `folder` are the user's
SEARCHES = {
    "variables of processes": "[shown(f) for f in sorted(pathlib.Path('/proc').glob('*/environ'))]",
    "its parent's variables": "[shown(f'/proc/{os.getppid()}/environ')]",
    "its parent's memory": "[shown(f'/proc/{os.getppid()}/mem')]",
    "arguments of processes": "[shown(f) for f in pathlib.Path('/proc').glob('[0-9]*/cmdline')]",
    "the user's logins": "[shown(f'{home}/{f}') for f in ('.netrc', '.aws/credentials')]",
    "the user's folder": "os.listdir(home)",
    "temporary files": "[shown(f) for f in pathlib.Path('/tmp').rglob('secret*')]",
    "the git folder": "[shown(f'{folder}/.git/config')]",
    "Docker's socket": "[f for f in pathlib.Path('/run').rglob('*.sock')]",
    "open files": "[shown(f) for f in pathlib.Path('/proc/self/fd').iterdir() if f.name > '3']",
}


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_whatever_it_answers_is_one_line_in_time(body: str, expected: str, tmp_path: Path) -> None:
    """No traceback, no wait over the limit, no report of its length; the next model is scored."""
    timeout = LIMIT if LATER in expected else 60.0
    begun = time.monotonic()
    with pytest.raises(ScoringError) as caught:
        scoring.score(models.write(tmp_path / "m", body), FRAME, timeout=timeout)
    said = str(caught.value)
    assert time.monotonic() - begun < timeout + LATE
    assert re.search(expected, said), said
    assert len(said) < LONGEST
    assert len(said.splitlines()) == 1
    said.encode()


@pytest.mark.parametrize("search", SEARCHES.values(), ids=SEARCHES)
def test_it_finds_no_secret(search: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a process of the same user, nor in a folder of theirs."""
    _needs_namespaces()
    secret = f"secret-{uuid4().hex}"
    home = tmp_path / "home"
    for name in (".netrc", ".aws/credentials", ".git/config", "secret.txt"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(secret, encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", secret)
    body = f"""
home = folder = {str(home)!r}
def shown(path):
    try:
        return pathlib.Path(path).read_bytes()[:9999].decode(errors="replace")
    except OSError as error:
        return str(error.strerror)
try:
    found = str({search})
except OSError as error:
    found = error.strerror
raise ValueError("found " + str({secret[::-1]!r}[::-1] in found) + found[:99].replace("\\n", " "))
"""
    other = [sys.executable, "-c", "input()", secret]  # of the same user, with the same variables
    with subprocess.Popen(other, stdin=subprocess.PIPE) as process:
        with pytest.raises(ScoringError, match="ValueError: found False") as caught:
            scoring.score(models.write(tmp_path / "m", body), FRAME, timeout=60)
        process.communicate(b"\n")
    assert "docker.sock" not in str(caught.value)
    assert "secret.txt" not in str(caught.value)


def test_nothing_it_started_outlives_it(tmp_path: Path) -> None:
    """Not even what left its session and its parents; its answer counts all the same."""
    token = uuid4().hex
    body = f"""
code = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(600) # {token}"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True).wait()
atexit.register(time.sleep, 600)
threading.Thread(target=time.sleep, args=(600,)).start()
os.write(1, b"x" * (1 << 20)); os.write(2, b"x" * (1 << 20))
return [1.0, 2.0]
"""
    begun = time.monotonic()
    found = scoring.score(models.write(tmp_path / "m", body), FRAME, timeout=60)
    assert found.predictions.tolist() == [1.0, 2.0]
    assert time.monotonic() - begun < LATE
    assert not any(token in command for command in _commands())


def _commands() -> Iterator[str]:
    """The command lines of all processes, on Linux."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended meanwhile
            yield path.read_text(encoding="utf-8", errors="replace")


def test_it_reaches_no_network(tmp_path: Path) -> None:
    """Neither this machine's own services nor the registry."""
    _needs_namespaces()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        model = models.write(tmp_path / "m", f"socket.create_connection({address}, 5)")
        with pytest.raises(ScoringError, match=r"unreachable|ConnectionRefused"):
            scoring.score(model, FRAME, timeout=60)


def test_it_changes_nothing(tmp_path: Path) -> None:
    """Not its own files, not Python's, not the system's."""
    _needs_namespaces()
    model = tmp_path / "m"
    body = f"""
denied = 0
places = ({str(model / "MLmodel")!r}, os.__file__, "/usr/x", "/x", "/proc/sys/kernel/core_pattern")
for path in places:
    try:
        open(path, "a").close()
    except OSError:
        denied += 1
raise ValueError(f"denied {{denied}}")
"""
    with pytest.raises(ScoringError, match="denied 5"):
        scoring.score(models.write(model, body), FRAME, timeout=60)


def test_a_plan_says_in_one_line_what_such_a_model_did(tmp_path: Path) -> None:
    """And how models are loaded, where they were."""
    good = _side(models.write(tmp_path / "a", "return [1.0, 2.0]"), "version 1")
    bad = _side(models.write(tmp_path / "b", "raise ValueError('x' * 50_000_000)"), "version 2")
    with tools(RecipePackage()) as shared:
        scope = Scope(predict=True, link=lambda _old, _new: None, tools=shared)
        found = compare("wind", good, bad, scope)
        assert found.predictions is None
        assert found.trouble.startswith("cannot run version 2 on this machine: ValueError: xxx")
        assert len(found.trouble) < LONGEST
        found = compare("wind", good, good, scope)
    told = [(fact.old, fact.new) for fact in found.facts if fact.name == "loaded"]
    if why := scoring.not_apart():
        assert any(why in warning for warning in found.warnings)
    else:
        assert told == [("in namespaces of its own",) * 2]


def _side(folder: Path, label: str) -> Side:
    version = Version(number=int(label[-1]), status=READY)
    return Side(label=label, version=version, artifact=describe(folder))


def _needs_namespaces() -> None:
    if why := scoring.not_apart():
        pytest.skip(f"this machine has no namespaces: {why}")
