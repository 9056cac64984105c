"""`mlgitops deploy` on a real cluster: planned, made, seen by `status`, and healed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.served import WIND
from mlgitops.deploy.kubernetes.names import name_of

if TYPE_CHECKING:
    from harness.cluster import Cluster
    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("cluster-deploy"), pytest.mark.timeout(1200)]

_MODELS = """\
version: 2
owner: github.com/acme/farm-models
images: {images}
deployments:
  farm:
    kind: kubernetes
    context: {context}
    namespace: {namespace}
    stages: [Staging, Production]
    resources: {{requests: {{cpu: 50m}}}}
    rollout: {{start_timeout: 600s, watch: 1s}}
models:
  {model}:
    versions:
      1: {{train: power_forecasting, params: {{estimator: linear}}}}
      2: {{train: power_forecasting, params: {{estimator: gradient_boosting, max_iter: 20}}}}
    stages:
      Staging: 1
      Production: 1
"""
_STAGING, _PRODUCTION = name_of(WIND, "Staging"), name_of(WIND, "Production")


@pytest.fixture
def team(farm: Team, cluster: Cluster, namespace: str, images: str) -> Team:
    """A team whose models.yaml declares a deployment in the namespace."""
    context = cluster.context
    farm.write(_MODELS.format(images=images, context=context, namespace=namespace, model=WIND))
    return farm


def test_planned_made_and_healed(team: Team, cluster: Cluster, namespace: str) -> None:
    """A plan asks the cluster of all stages at once; what it refuses of one is told of that one."""
    where = f"--namespace={namespace}"
    team.ok("apply")
    planned = team.run("deploy", "--plan", "--exit-code")
    assert planned.code == 2
    assert cluster.read(where, "deployments")["items"] == []
    team.ok("deploy")
    served = team.ok("status").out
    assert served.count(f"/{namespace}") == 2
    assert team.run("deploy", "--plan", "--exit-code").code == 0

    # another manager holds a field of one of them, and the other has lost its Service
    cluster.must(
        *(where, "patch", f"deployment/{_STAGING}", "--type=merge", "--field-manager=operator"),
        '--patch={"spec":{"template":{"spec":{"terminationGracePeriodSeconds":41}}}}',
    )
    cluster.must(where, "delete", f"service/{_PRODUCTION}")
    planned = team.run("deploy", "--plan", "--exit-code", "--format", "json")
    assert planned.code == 2
    steps = {one["stage"]: one for one in planned.document["steps"]}
    assert "operator" in steps["Staging"]["trouble"]
    assert not steps["Production"].get("trouble")
    assert steps["Production"]["details"] == ["Service: new"]

    done = team.run("deploy")
    assert done.code == 4
    assert "operator" in done.err
    assert cluster.kubectl(where, "get", f"service/{_PRODUCTION}").returncode == 0
    assert cluster.kubectl(where, "get", f"service/{_STAGING}").returncode == 0
