"""Plugins of MLflow's client, installed as a package that the import path leads to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AUTH = """
[mlflow.request_auth_provider]
tests = plugin_of_tests:Auth
"""
HEADERS = """
[mlflow.request_header_provider]
tests = plugin_of_tests:Headers
"""
STORE = """
[mlflow.model_registry_store]
odd = plugin_of_tests:store
"""
HEADER = ("X-Of-The-Plugin", "word")
_MODULE = """\
from mlflow.tracking.request_auth.abstract_request_auth_provider import RequestAuthProvider
from mlflow.tracking.request_header.abstract_request_header_provider import RequestHeaderProvider


class Auth(RequestAuthProvider):
    def get_name(self):
        return "of-tests"

    def get_auth(self):
        def add(request):
            request.headers["{0}"] = "{1}"
            return request

        return add


class Headers(RequestHeaderProvider):
    def in_context(self):
        return True

    def request_headers(self):
        return {{"{0}": "{1}"}}


def store(store_uri, **_):
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    return SqlAlchemyStore(store_uri.replace("odd://", "sqlite:///"))
"""


def install(folder: Path, *entry_points: str) -> None:
    """Install them into a folder, for processes that have it on their path."""
    information = folder / "plugin_of_tests-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: tests\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("".join(entry_points))
    (folder / "plugin_of_tests.py").write_text(_MODULE.format(*HEADER))
