"""Where GitHub's API is, by the repository's address."""

from __future__ import annotations

import pytest

from mlgitops.sync import host
from mlgitops.sync.repository import Remote


@pytest.mark.parametrize(
    ("address", "api", "name"),
    [
        ("https://github.com/Acme/farm.git", "https://api.github.com", "acme/farm"),
        ("git@github.com:acme/farm.git", "https://api.github.com", "acme/farm"),
        ("ssh://git@ssh.github.com:443/acme/farm.git", "https://api.github.com", "acme/farm"),
        ("https://acme.ghe.com/acme/farm", "https://api.acme.ghe.com", "acme/farm"),
        ("git@git.acme.example:acme/farm.git", "https://git.acme.example/api/v3", "acme/farm"),
        ("https://git.acme.example:8443/a/b", "https://git.acme.example:8443/api/v3", "a/b"),
    ],
)
def test_the_api_is_found(address: str, api: str, name: str) -> None:
    """On github.com, at a company's subdomain of ghe.com, on a server of its own."""
    remote = Remote(address=address, branch="main")
    found = host.variables(remote, "c0ffee", {"GITHUB_TOKEN": "t"})
    assert (found["GITHUB_API_URL"], found["GITHUB_REPOSITORY"]) == (api, name)
    assert (found["GITHUB_SHA"], found["GITHUB_REF_NAME"]) == ("c0ffee", "main")


def test_variables_come_first() -> None:
    """A repository whose address says nothing of GitHub, such as a mirror."""
    given = {
        "GITHUB_TOKEN": "t",
        "GITHUB_API_URL": "https://git.acme.example/api/v3",
        "GITHUB_REPOSITORY": "acme/farm",
    }
    found = host.variables(Remote(address="/srv/mirror", branch="main"), "c0ffee", given)
    assert found.items() >= given.items()


def test_without_a_token_nobody_is_asked() -> None:
    """The repository may live anywhere."""
    assert host.variables(Remote(address="/srv/mirror", branch="main"), "c0ffee", {}) == {}
