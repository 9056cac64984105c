"""Which registry the variables name, which way it is reached, and what it is called."""

from __future__ import annotations

import mlflow
import pytest

from mlgitops.registry.address import Address, from_environment, speaks_plain_http


@pytest.mark.parametrize(
    ("tracking", "registry"),
    [
        ("http://one:5000", ""),
        ("http://one:5000", "http://two:5000"),
        ("http://one:5000", "sqlite:////somewhere/mlflow.db"),
        ("sqlite:////somewhere/mlflow.db", "http://two:5000"),
        ("databricks", ""),
        ("databricks://team", ""),
        ("databricks://team:key", ""),
        ("databricks", "databricks"),
        ("databricks", "databricks-uc://other"),
        ("http://one:5000", "uc:http://two:8080"),
    ],
)
def test_the_variables_name_what_they_name_to_mlflow(
    variables: pytest.MonkeyPatch, tracking: str, registry: str
) -> None:
    """A registry apart, or the one that MLflow takes with a tracking server."""
    found = from_environment(
        {"MLFLOW_TRACKING_URI": f" {tracking} ", "MLFLOW_REGISTRY_URI": registry}
    )
    assert found is not None
    variables.setenv("MLFLOW_REGISTRY_URI", "")  # MLflow writes it as well
    mlflow.set_tracking_uri(tracking)
    mlflow.set_registry_uri(registry)
    try:
        assert (found.tracking, found.registry) == (tracking, mlflow.get_registry_uri())
    finally:
        mlflow.set_registry_uri("")
        mlflow.set_tracking_uri("")


@pytest.mark.parametrize(
    ("uri", "plain"),
    [
        ("http://one", True),
        ("HTTPS://One/Path", True),
        ("sqlite:///mlflow.db", False),
        ("mysql+pymysql://u:p@one/mlflow", False),
        ("postgresql://one/mlflow", False),
        ("databricks", False),
        ("databricks-uc://profile", False),
        ("uc:http://one:8080", False),
        ("arn:aws:sagemaker:eu-west-1:1:mlflow-tracking-server/one", False),
        ("odd://of-a-plugin", False),
    ],
)
def test_the_scheme_says_whether_plain_http_reaches_it(
    variables: pytest.MonkeyPatch, uri: str, *, plain: bool
) -> None:
    """HTTP does, unless a variable asks for what only MLflow's client has."""
    assert speaks_plain_http(uri) is plain
    for name, value in (
        ("MLFLOW_TRACKING_AUTH", "kubernetes"),
        ("MLFLOW_TRACKING_AWS_SIGV4", "true"),
    ):
        with variables.context() as patch:
            patch.setenv(name, value)
            assert not speaks_plain_http(uri)
    variables.setenv("MLFLOW_TRACKING_AWS_SIGV4", "false")
    assert speaks_plain_http(uri) is plain


def test_the_page_of_a_run_is_the_tracking_server_s() -> None:
    """In MLflow's UI, without a login; a database shows none, nor has what is no run's id one."""
    apart = Address(registry="http://models", tracking="https://ada:secret@runs/team/")
    assert apart.page_of("ab") == "https://runs/team/#/runs/ab"
    assert apart.page_of("../models?x=") is None
    assert Address(registry="http://models", tracking="sqlite:///a.db").page_of("ab") is None


def test_one_registry_has_one_identity(variables: pytest.MonkeyPatch) -> None:
    """However it is spelled; never with a secret; and another one in each workspace."""

    def identity(uri: str) -> str:
        return Address(registry=uri, tracking="http://elsewhere").identity

    spellings = {"http://One", "http://one:80/", "http://one", "http://ada:secret@one"}
    assert len({identity(uri) for uri in spellings}) == 1
    others = {"https://one", "http://one:81", "http://one/path", "http://two", "sqlite:///one"}
    assert len({identity(uri) for uri in others | {"http://one"}}) == 1 + len(others)
    assert "secret" not in identity("http://ada:secret@one")
    assert "secret" not in identity("mysql+pymysql://ada:secret@one/mlflow")
    before = identity("http://one")
    variables.setenv("MLFLOW_WORKSPACE", "team")
    assert identity("http://one") not in {before, identity("http://two")}
