"""Names that people have: models whose names hold spaces, quotes and letters of all languages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.team import Team

NAMES = [
    "Sales Forecast",
    "Prévision ventes",
    "it's 100% #1 & more",
    'say "hi"',
    "模型 🌬",
    "a.b_c-d",
]


def declare(team: Team, version: int) -> None:
    """The same version of each in Production."""
    lines = []
    for name in NAMES:
        quoted = name.replace("'", "''")
        lines.append(f"  '{quoted}': {{stages: {{Production: {version}}}}}\n")
    team.write("models:\n" + "".join(lines))


@pytest.mark.xdist_group("server")
@pytest.mark.parametrize(
    "over", ["HTTP", pytest.param("MLflow's client", marks=pytest.mark.thorough)]
)
def test_any_name_is_managed(remote: Team, over: str) -> None:
    """Applied, read back, shown, planned alone, imported and edited."""
    address = ("--registry", remote.uri) if over == "MLflow's client" else ()
    for name in NAMES:
        remote.versions(2, name)
    declare(remote, 1)
    remote.ok("apply", *address)
    for name in NAMES:
        remote.ok("promote", name, "Production", "2")
        planned = remote.ok("plan", name, "--quick", "--format", "json", *address)
        assert [change["model"] for change in planned.document["changes"]] == [name]
    remote.ok("apply", "--allow", "many-changes", *address)
    assert [remote.aliases(name) for name in NAMES] == [{"production": 2}] * len(NAMES)
    assert [remote.classic("Production", name) for name in NAMES] == [2] * len(NAMES)
    ran = remote.ok("import", "--output", "imported.yaml", *address)
    assert "left out" not in ran.err
    assert remote.run("plan", "--exit-code", "--file", "imported.yaml", *address).code == 0
