"""What is fuzzed: everything that reads what others write.

A target may raise errors that a user can act on, and nothing else.
"""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlgitops.errors import MigrationError, MlgitopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Run = "Callable[[bytes], object]"

MODELS = b"""\
version: 2
stages: [Staging, {name: Champion, production: true}, Production]
owner: acme/farm
freeze: {reason: holidays, until: 2026-12-24}
models:
  wind: &wind   # a comment
    description: Power of a wind farm
    owners: ["@wind-team"]
    versions:
      1: {train: power_forecasting, params: {estimator: linear, l2: 0.1, on: [1, true, null]}}
    gates:
      Production:
        - {metric: test_mae, max_regression: 2%}
        - {metric: r2, min: 0.5, mode: warn}
        - {signature: compatible}
        - {promoted_from: Staging, soak: 24h}
    stages:
      Staging: 2
      Champion: null
      Production:
        version: 1
        digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  "\xce\xba\xcf\x8d\xce\xbc\xce\xb1": *wind
"""
FORM_1 = MODELS.replace(b"version: 2\n", b"", 1).replace(b"      Production:", b"      production:")
PLAIN = b"models: {a: {stages: {Staging: 1, Production: null}}, b: {stages: {}}}\n"

STAMP = {
    "move": 3,
    "version": 2,
    "previous": 1,
    "commit": "a" * 40,
    "actor": "ada",
    "time": "2026-11-26T03:15:00Z",
    "pull_request": "7",
    "registry": "http://r",
    "owner": "o",
    "since": "",
    "record": None,
}
EVENT = {
    "after": "a" * 40,
    "commits": [{"id": "b" * 40, "message": "m"}],
    "ref": "refs/heads/main",
    "pull_request": {"number": 7, "labels": [{"name": "allow:takeover"}], "head": {"sha": "c"}},
}
APPLIED = {
    "version": 2,
    "kind": "apply",
    "outcomes": [
        {"model": "wind", "stage": "Production", "old": 1, "new": 2, "status": "failed"},
        {"model": "sun", "stage": "Staging", "old": None, "new": None, "status": "half done"},
    ],
}
MLMODEL = b"""\
artifact_path: model
flavors:
  python_function:
    env: {conda: conda.yaml, virtualenv: python_env.yaml}
    loader_module: mlflow.sklearn
    model_path: model.skops
    predict_fn: predict
    python_version: 3.11.9
  sklearn: {code: null, pickled_model: model.skops, serialization_format: skops}
is_signature_from_type_hint: false
mlflow_version: 3.17.2
model_id: m-0123456789abcdef
prompts: null
run_id: 0123456789abcdef0123456789abcdef
saved_input_example_info: {artifact_path: input_example.json, type: dataframe}
signature:
  inputs: '[{"type": "double", "name": "wind", "required": true}, {"type": "long"}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
  params: null
utc_time_created: '2026-11-24 02:13:33.802748'
"""
MANIFEST = {
    "format": 1,
    "created": "now",
    "revision": "abc",
    "counts": {"model_versions": [1, 2]},
    "files": 1,
    "bytes": 1,
    "sha256": {"a.sql": "0"},
}
BODIES = (
    b'{"dataframe_split": {"columns": ["a", "b"], "data": [[1.0, 2.0], [3, null]]}}',
    b'{"dataframe_records": [{"a": 1.5, "b": 2}], "params": {"x": 1}}',
    b'[{"a": 1.5, "b": 2}]',
    b'{"inputs": {"a": [1.0], "b": [2.0]}}',
    b'{"instances": [{"a": 1.0, "b": 2.0}]}',
    b"a,b\n1,2\n3,4\n",
)
TYPES = (
    *("application/json",) * 10,
    *("text/csv", "text/csv", "text/csv; header=present", "application/json; charset=utf-8"),
    *("application/json; charset=x", "a" * 300),
)


@dataclass(frozen=True, kw_only=True)
class Target:
    """One reader.

    Attributes:
        seeds: sound inputs.
        prepare: makes what reads an input; it may use an empty folder.
    """

    seeds: tuple[bytes, ...]
    prepare: Callable[[Path], Callable[[bytes], object]]


def _models(folder: Path) -> Callable[[bytes], object]:
    from mlgitops.file import edit, migrate
    from mlgitops.file.load import source
    from mlgitops.file.texts import read

    file = folder / "models.yaml"

    def run(text: bytes) -> None:
        file.write_bytes(text)
        whole = source(read(file), str(file))
        desired = whole.desired
        with suppress(MigrationError):
            migrate.migrated(whole)
        for model in list(desired.models.values())[:1]:
            part = edit.part_of(read(file), str(file), model.name)
            for stage in model.stages[:1]:
                edit.set_version(part, model.name, stage.name, 7)
            edit.set_version(part, model.name, "Staging", None)

    return run


def _of_file(read: Callable[[Path], object]) -> Callable[[Path], Callable[[bytes], object]]:
    def prepare(folder: Path) -> Callable[[bytes], object]:
        file = folder / "file.json"

        def run(text: bytes) -> object:
            file.write_bytes(text)
            return read(file)

        return run

    return prepare


def _plan(file: Path) -> object:
    from mlgitops.proposal import planfile

    shown = planfile.read(file)
    planfile.write(file, shown)
    return shown


def _proof(file: Path) -> object:
    from mlgitops.proposal import prooffile

    return prooffile.read(file)


def _authors(file: Path) -> object:
    from mlgitops.history import entries

    entries.write(file, entries.read(file).values())
    return entries.read(file)


def _event(file: Path) -> object:
    from mlgitops.github import context
    from mlgitops.github.labels import allowing

    found = context.read({"GITHUB_REPOSITORY": "a/b", "GITHUB_EVENT_PATH": str(file)})
    labels = allowing(found.event.get("pull_request") or {})
    return found.pull_request, context.pushed(found), labels


def _report(file: Path) -> object:
    from mlgitops.core.stage import DeclaredStages
    from mlgitops.github import applied, deployments

    return [deployments.failure(one, DeclaredStages()) for one in applied.failures(file)]


def _stamps(_: Path) -> Callable[[bytes], object]:
    from mlgitops.core import lock, stamp
    from mlgitops.github import deployments

    def run(text: bytes) -> None:
        tag = text.decode("utf-8", "surrogateescape")
        found = stamp.parse(tag)
        assert stamp.parse(stamp.dump(found)) == found
        stamp.dump(found).encode()
        lock.parse("mlgitops.lock", {lock.APPLY: tag, lock.ALIVE: tag[:30]})
        with suppress(ValueError, RecursionError):
            payload = json.loads(tag)
            made = {"created_at": STAMP["time"], "environment": "wind Staging", "payload": payload}
            deployments.known([made, made])

    return run


def _mlmodel(folder: Path) -> Callable[[bytes], object]:
    from mlgitops.registry import digest, payload
    from mlgitops.registry.signature import signature_in

    def run(text: bytes) -> None:
        (folder / "MLmodel").write_bytes(text)
        with suppress(MlgitopsError):
            digest.of_folder(folder)
        payload.of_folder(folder)
        signature_in(folder)  # is asked only where the file can be read

    return run


def _backup(folder: Path) -> Callable[[bytes], object]:
    from stack import archive

    file = folder / "backup.tar"

    def run(text: bytes) -> object:
        with tarfile.open(file, "w") as tar:
            for name, content in ((archive.MANIFEST, text), ("a.sql", b"x")):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
        if len(text) % 4 == 0:  # the archive itself may be damaged, too
            whole = file.read_bytes()
            file.write_bytes(whole[: len(text)] + text[:40] + whole[len(text) + 40 :])
        return archive.unpack(file, folder, ["a.sql"])

    return run


def _http(folder: Path) -> Callable[[bytes], object]:
    import mlflow
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    from mlgitops.serve.server import app, scoring, settings, watch

    rows = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [2.0, 1.0, 0.0]})
    made = LinearRegression().fit(rows, [1.0, 2.0, 3.0])
    signature = mlflow.models.infer_signature(rows, [1.0])
    mlflow.sklearn.save_model(made, str(folder / "model"), signature=signature, pip_requirements=[])
    given = settings.read({"SERVING_NAME": "m", "SERVING_MAX_BYTES": "100000"})
    scorer = scoring.Scorer(mlflow.pyfunc.load_model(str(folder / "model")), given)
    server = app.Serving(scorer, given, watch.Watch(given.threads)).app
    loop = asyncio.new_event_loop()

    def run(text: bytes) -> None:
        kind = TYPES[sum(text) % len(TYPES)] if text else None
        with redirect_stdout(io.StringIO()):  # it logs every request
            answer = loop.run_until_complete(_asked(server, text, kind))
        status, body = answer["status"], answer["body"]
        assert status == 200 or 400 <= status < 600, status
        assert b"Traceback" not in body
        json.loads(body)

    return run


async def _asked(server: Any, body: bytes, kind: str | None) -> Mapping[str, Any]:
    """What an ASGI application answers to a POST to /invocations."""
    parts = [{"type": "http.request", "body": body, "more_body": False}]
    answer: dict[str, Any] = {"body": b""}
    headers = [(b"content-length", str(len(body)).encode())]
    headers += [] if kind is None else [(b"content-type", kind.encode())]

    async def receive() -> dict[str, Any]:
        return parts.pop() if parts else {"type": "http.disconnect"}

    async def send(message: Mapping[str, Any]) -> None:
        answer["status"] = message.get("status", answer.get("status"))
        answer["body"] += message.get("body", b"")

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/invocations",
        "raw_path": b"/invocations",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8080),
    }
    await server(scope, receive, send)
    return answer


def _plans() -> tuple[bytes, ...]:
    """A plan of changes of every kind, as `plan --out` writes it."""
    from datetime import UTC, datetime
    from pathlib import Path
    from tempfile import TemporaryDirectory

    from mlgitops.core import stamp
    from mlgitops.core.diff import diff
    from mlgitops.core.guards import Shown
    from mlgitops.core.held import Held, HeldModel
    from mlgitops.file.load import loads
    from mlgitops.history import entries
    from mlgitops.proposal import planfile

    author = stamp.Author(commit="c" * 40, actor="ada", approvers=("bob",), labels=frozenset("l"))
    made = stamp.make(
        move=1,
        version=1,
        previous=None,
        author=author,
        registry="r",
        now=datetime(2026, 11, 26, tzinfo=UTC),
        owner="o",
    )
    held = HeldModel(name="a", aliases={"production": 1}, stamps={"production": {1: made}})
    plan = diff(loads(PLAIN.decode(), "models.yaml"), Held(models={"a": held}))
    with TemporaryDirectory() as folder:
        file = Path(folder, "file")
        planfile.write(file, Shown(plan=plan, fingerprint="f", refused=(("a", "production"),)))
        written = file.read_bytes()
        entries.write(file, [author])
        return written, file.read_bytes()


def _dumped(*documents: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(one).encode() for one in documents)


PROOF = b'{"kind": "mlgitops proof", "version": 1, "images": []}'
TARGETS: Mapping[str, Target] = {
    "models": Target(seeds=(MODELS, FORM_1, PLAIN), prepare=_models),
    "plan": Target(seeds=_plans()[:1], prepare=_of_file(_plan)),
    "authors": Target(seeds=_plans()[1:], prepare=_of_file(_authors)),
    "proof": Target(seeds=(PROOF, *_plans()), prepare=_of_file(_proof)),
    "report": Target(seeds=_dumped(APPLIED), prepare=_of_file(_report)),
    "event": Target(seeds=_dumped(EVENT), prepare=_of_file(_event)),
    "stamps": Target(
        seeds=_dumped({"production": STAMP}, STAMP, {"move": 1, "time": STAMP["time"]}),
        prepare=_stamps,
    ),
    "mlmodel": Target(seeds=(MLMODEL,), prepare=_mlmodel),
    "backup": Target(seeds=_dumped(MANIFEST), prepare=_backup),
    "http": Target(seeds=BODIES, prepare=_http),
}
