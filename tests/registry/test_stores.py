"""An artifact store that cannot be used gives one clear error that tells why, and what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import PayloadError
from mlgitops.errors.registry import (
    StoreDeniedError,
    StoreError,
    StoreFaultError,
    StorePackageError,
    StoreUnreachableError,
)
from mlgitops.registry import stores
from mlgitops.system.ports import free_port
from tests.answering import answering

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.team import Ran, Team

SERVER = "http://mlflow.example.org"


def stored(team: Team, source: str) -> None:
    """A version whose payload is said to be somewhere, in Production."""
    team.client.create_registered_model("wind")
    team.client.create_model_version("wind", source, await_creation_for=0)
    team.stages(Production=1)


def refused(team: Team, *verb: str) -> Ran:
    """Run a verb; it must end with exit code 1 and one error line that says what is needed."""
    ran = team.run(*(verb or ("pin",)))
    assert ran.code == 1
    errors = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, ran.err
    assert "Traceback" not in ran.err
    return ran


@pytest.mark.parametrize(
    ("source", "install"),
    [
        ("s3://bucket/model", "boto3"),
        ("gs://bucket/model", "google-cloud-storage"),
        ("wasbs://box@account.blob.core.windows.net/model", "azure-storage-blob azure-identity"),
        (
            "abfss://box@account.dfs.core.windows.net/model",
            "azure-storage-file-datalake azure-identity",
        ),
        ("sftp://ada@farm.example.org/model", "pysftp 'paramiko<4'"),
    ],
)
def test_a_client_that_is_not_installed(
    team: Team, monkeypatch: pytest.MonkeyPatch, source: str, install: str
) -> None:
    """The line that installs it is given; address and stage are named, and no user."""
    for package in ("boto3", "botocore", "google.cloud.storage", "azure.storage", "paramiko"):
        monkeypatch.setitem(sys.modules, package, None)
    stored(team, source)
    printed = refused(team).err
    scheme, _, rest = source.partition("://")
    assert "models.yaml:4:7: wind Production: " in printed
    assert f"the artifact store {scheme}://{rest.rpartition('@')[2]} needs the package " in printed
    assert f"pip install {install}\n" in printed


@pytest.mark.parametrize("verb", ["pin", "serve", "smoke", "image build"])
def test_every_verb_that_needs_the_payload(team: Team, verb: str) -> None:
    """Whatever reads it itself says so, pinned or not, before a server or Docker is asked."""
    stored(team, f"ftp://ada:s3cret@127.0.0.1:{free_port()}/model")
    team.client.set_registered_model_alias("wind", "production", "1")
    arguments = () if verb == "pin" else ("wind", "Production")
    printed = refused(team, *verb.split(), *arguments).err
    assert "cannot reach the artifact store ftp://127.0.0.1:" in printed
    assert "Connection refused; check its address and the network" in printed
    assert "s3cret" not in printed


def test_databricks_without_a_login(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry of a workspace, Unity Catalog, and files of DBFS."""
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(team.folder / "none"))
    stored(team, "dbfs:/model")
    assert "no access to the artifact store dbfs:/model: " in refused(team).err
    for uri in ("databricks", "databricks-uc", "databricks://nobody"):
        printed = refused(team, "plan", "--registry", uri).err
        assert "there is no login for the registry at databricks-uc" in printed
        assert "DATABRICKS_HOST and DATABRICKS_TOKEN, or run `databricks auth login`" in printed


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (401, "no access to the artifact store mlflow-artifacts:/model of http://127.0.0.1:"),
        (404, "does not have it: "),
        (429, "limits how often it answers (429); try again later"),
        (500, "keeps failing with a server error (5xx); see its log"),
    ],
)
def test_a_server_that_passes_files_on(
    team: Team, monkeypatch: pytest.MonkeyPatch, status: int, expected: str
) -> None:
    """What it answers for a file is about its store, and not about the registry."""
    stored(team, "mlflow-artifacts:/model")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", team.uri)
    with answering(lambda _: (status, "text/plain", "sorry")) as url:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        assert expected in refused(team).err
    assert "cannot reach the artifact store mlflow-artifacts:/model of " in refused(team).err
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", "")
    assert "the tracking URI must be a valid http or https URI" in refused(team).err


def made(name: str, module: str, base: type[Exception] = Exception, **fields: object) -> Exception:
    """An exception as a client raises it: its class's name and module, and what it carries."""
    error = type(name, (base,), {"__module__": module, **fields})("it said so\nand more")
    assert isinstance(error, Exception)
    return error


def response(status: int) -> Callable[[], object]:
    """A response as most clients carry it."""
    return type("Response", (), {"status_code": status})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (made("NoCredentialsError", "botocore.exceptions"), StoreDeniedError),
        (made("PartialCredentialsError", "botocore.exceptions"), StoreDeniedError),
        (
            made(
                "ClientError",
                "botocore.exceptions",
                response={"ResponseMetadata": {"HTTPStatusCode": 403}},
            ),
            StoreDeniedError,
        ),
        (
            made(
                "NoSuchBucket",
                "botocore.errorfactory",
                response={"ResponseMetadata": {"HTTPStatusCode": 404}},
            ),
            PayloadError,
        ),
        (made("HTTPClientError", "botocore.exceptions"), StoreUnreachableError),
        (made("GoogleAuthError", "google.auth.exceptions"), StoreDeniedError),
        (made("Forbidden", "google.api_core.exceptions", response=response(403)), StoreDeniedError),
        (made("RetryError", "google.api_core.exceptions"), StoreUnreachableError),
        (made("ClientAuthenticationError", "azure.core.exceptions"), StoreDeniedError),
        (made("HttpResponseError", "azure.core.exceptions", status_code=503), StoreFaultError),
        (made("ServiceRequestError", "azure.core.exceptions"), StoreUnreachableError),
        (made("SSHException", "paramiko.ssh_exception"), StoreDeniedError),
        (ConnectionRefusedError(111, "Connection refused"), StoreUnreachableError),
        (OSError("Unable to load libjvm"), StoreUnreachableError),
        (FileNotFoundError(2, "No such file"), PayloadError),
        (ImportError("cannot import name 'DSSKey' from 'paramiko'"), StorePackageError),
        (made("Odd", "some.plugin"), StoreError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_what_clients_raise(error: Exception, kind: type[Exception]) -> None:
    """Each of them means one cause, and its first line is all that is shown of it."""
    found = stores.trouble([error], "s3://ada:s3cret@bucket/model", SERVER)
    assert type(found) is kind
    assert "the artifact store s3://bucket/model" in str(found)
    assert "s3cret" not in str(found)
    assert "and more" not in str(found)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (
            "Failed to list artifacts in s3://bucket/model: The key does not exist in our records.",
            ": The key does not exist in our records; check",
        ),
        (
            "The following failures occurred while downloading one or more artifacts from s3://b:\n"
            "##### File a 404 #####\nAn error occurred (403) when calling HeadObject: Forbidden\n"
            "##### File b #####\nanother",
            ": An error occurred (403) when calling HeadObject: Forbidden; check",
        ),
        (
            "no credentials at https://bucket.example.org/model?X-Amz-Signature=s3cret was signed",
            ": no credentials at https://bucket.example.org/model was signed; check",
        ),
    ],
)
def test_what_is_shown_of_an_exception(said: str, shown: str) -> None:
    """What the client said, without the frame that MLflow puts around it and without signatures."""
    error = made("ClientAuthenticationError", "azure.core.exceptions")
    error.args = (said,)
    assert shown in str(stores.trouble([error], "s3://bucket/model", SERVER))
