"""Deployments in models.yaml: their form, their meaning, and every problem with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.deployments import (
    Canary,
    DesiredDeployment,
    DockerHosts,
    Engine,
    Field,
    GitopsRepository,
    KubernetesNamespace,
    Replicas,
    Resources,
    Rollout,
)
from mlgitops.errors import DesiredStateError
from mlgitops.file.load import loads

HEAD = """\
version: 2
images: registry.example.org/farm
stages: [Staging, {name: Production, production: true}]
models:
  wind: {stages: {Staging: 2, Production: 1}}
  sun: {stages: {Production: 1}}
deployments:
"""


def declared(text: str, head: str = HEAD) -> dict[str, DesiredDeployment]:
    """What a file with these deployments declares."""
    return dict(loads(f"{head}{text}", "models.yaml").deployments)


def problems(text: str, head: str = HEAD) -> list[str]:
    """What is wrong with a file with these deployments."""
    with pytest.raises(DesiredStateError) as caught:
        declared(text, head)
    return [str(problem) for problem in caught.value.problems]


def test_docker_hosts() -> None:
    """All keys, and what they mean; a port for a model is that of its only stage."""
    (one,) = declared(
        """\
  edge:
    kind: docker
    hosts: [ssh://me@edge-1, tcp://edge-2:2376]
    stages: [Production]
    models: [wind]
    ports: {wind: 5001}
    replicas: 3
    resources: {cpu: 500m, memory: 2Gi}
    rollout: {start_timeout: 5m, watch: 30s, canary: {share: 10, for: 2m}}
    environment: {A: "1"}
    bind: 0.0.0.0
    keep_images: 2
    tls_cert: tls.pem
    token_file: tokens
"""
    ).values()
    assert one.place == DockerHosts(
        hosts=("ssh://me@edge-1", "tcp://edge-2:2376"),
        bind="0.0.0.0",  # noqa: S104 - a value, not a socket
        keep_images=2,
        tls_cert="tls.pem",
        token_file="tokens",
    )
    assert (one.port("wind", "PRODUCTION"), one.port("wind", "Staging")) == (5001, None)
    assert one.replicas == Replicas(least=3, most=3)
    assert one.resources == Resources(cpu=500, memory=2 * 2**30)
    assert one.rollout == Rollout(
        start_timeout=300.0, watch=30.0, canary=Canary(share=10, seconds=120.0)
    )
    assert dict(one.environment) == {"A": "1"}


def test_a_namespace_and_a_repository() -> None:
    """The other kinds, whose images come from the registry that the file names."""
    found = declared(
        """\
  farm: {kind: kubernetes, namespace: models, context: farm, stages: [Production],
         replicas: {min: 2, max: 6}, resources: {requests: {cpu: 100m, memory: 300Mi}}}
  team: {kind: gitops, repository: "git@example.org:farm/deploy", path: apps, stages: [Staging],
         set: {file: values.yaml, path: image.digest},
         wait: {kind: Kustomization, name: apps, namespace: flux-system, for: 2m}}
"""
    )
    assert found["farm"].place == KubernetesNamespace(namespace="models", context="farm")
    assert found["farm"].replicas == Replicas(least=2, most=6, cpu=70)
    assert found["farm"].resources.requested_cpu == 100
    assert found["farm"].resources.requested_memory == 300 * 2**20
    assert found["team"].place == GitopsRepository(
        repository="git@example.org:farm/deploy",
        path="apps",
        field=Field(file="values.yaml", path="image.digest"),
        engine=Engine(kind="Kustomization", name="apps", namespace="flux-system", seconds=120.0),
    )


def test_what_a_deployment_serves() -> None:
    """The listed stages of all models that have one, or of those that are named; no prompts."""
    head = HEAD.replace("deployments:", "prompts: {ask: {stages: {Production: 1}}}\ndeployments:")
    text = "  farm: {kind: kubernetes, namespace: a, stages: [Production, Staging]%s}\n"
    desired = loads(head + text % "", "models.yaml")
    pairs = [*desired.deployments["farm"].pairs(desired)]
    assert pairs == [("wind", "Staging"), ("wind", "Production"), ("sun", "Production")]
    desired = loads(head + text % ", models: [sun]", "models.yaml")
    assert [*desired.deployments["farm"].pairs(desired)] == [("sun", "Production")]
    assert desired.images == "registry.example.org/farm"


WRONG = """\
  edge: {kind: docker, stages: [Production], ports: {wnd: 5001, wind: 5001, sun: 5001}}
  many: {kind: docker, hosts: [ssh://b], stages: [Staging], ports: {wind: 1}, replicas: 17}
  farm: {kind: kubernetes, namespace: m, stages: [Production], models: [wnd],
         rollout: {canary: {share: 10}}, replicas: {min: 3, max: 2}}
  same: {kind: kubernetes, namespace: n, stages: [Staging]}
  copy: {kind: kubernetes, namespace: n, stages: [Staging]}
  team: {kind: gitops, repository: r, stages: [Production], set: {file: f, path: p}}
"""


def test_all_problems_of_meaning_come_at_once() -> None:
    """Each with its place and what to do; the order is that of the file."""
    found = problems(WRONG)
    assert [text.split(": ", 1)[0] for text in found] == sorted(
        (text.split(": ", 1)[0] for text in found), key=_place
    )
    told = "\n".join(found)
    for said in (
        "wnd is not served here; remove its port",
        "sun Production of edge has port 5001, as wind Production of edge; choose another",
        "a Docker host runs a fixed number of replicas, at most 16",
        "model 'wnd' is not in this file; did you mean 'wind'?",
        "only kind docker has a canary",
        "min is larger than max; swap them",
        "same serves wind Staging in the same place; keep one",
        "it holds one image; let `stages` and `models` choose one stage of one model",
    ):
        assert said in told
    assert all(text.startswith("models.yaml:") for text in found)


def test_what_a_kind_needs() -> None:
    """A port on a Docker host, and a registry of images for all others."""
    (said,) = problems("  edge: {kind: docker, stages: [Staging]}\n")
    assert "wind Staging has no port; add `ports: {wind: 5001}`" in said
    head = HEAD.replace("images: registry.example.org/farm\n", "")
    (said,) = problems("  farm: {kind: kubernetes, namespace: m, stages: [Staging]}\n", head)
    assert "add `images: REGISTRY/PATH` at the top of the file" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{kind: dokcer, stages: []}", "did you mean 'docker'?"),
        ("{stages: []}", "needs the key 'kind', one of docker, kubernetes, gitops"),
        ("{kind: docker, stages: [], host: ssh://a}", "host"),
        (
            "{kind: docker, stages: [], hosts: [http://a]}",
            "ssh://host, tcp://host:port or unix:///path",
        ),
        ("{kind: kubernetes, stages: [], namespace: Upper}", "lower-case letters"),
        ("{kind: docker, stages: [], resources: {memory: 1GB}}", "512Mi"),
        ("{kind: docker, stages: [], resources: {cpu: 1.5m}}", "500m"),
        ("{kind: docker, stages: [], rollout: {watch: 30}}", "30s"),
        ("{kind: docker, stages: [], replicas: 0}", "must be at least 1"),
        ("{kind: docker, stages: [Prodution]}", "did you mean 'Production'?"),
        ("{kind: docker, stages: [], environment: {1A: x}}", "the name of a variable"),
    ],
)
def test_a_problem_of_form_says_where_and_what_is_meant(text: str, said: str) -> None:
    """One problem each, on the deployment's line."""
    (problem,) = problems(f"  edge: {text}\n")
    assert problem.startswith("models.yaml:8:")
    assert said in problem


@given(st.text(alphabet="abz09-A_. ", min_size=1, max_size=45))
def test_a_name_is_one_of_kubernetes(name: str) -> None:
    """It is accepted exactly if it is a label of RFC 1123 of at most 40 characters."""
    letters = set("abcdefghijklmnopqrstuvwxyz0123456789")
    good = (
        len(name) <= 40
        and set(name) <= letters | {"-"}
        and name[0] in letters
        and name[-1] in letters
    )
    text = f'  "{name}": {{kind: docker, stages: []}}\n'
    if good:
        assert [*declared(text)] == [name]
    else:
        assert problems(text)


@given(st.integers(1, 999_999), st.sampled_from(["m", ""]))
def test_cores_and_thousandths_are_the_same(number: int, unit: str) -> None:
    """`500m` is 0.5."""
    thousandths = number if unit else min(number, 1000) * 1000
    text = f"{thousandths}m" if unit else str(thousandths / 1000)
    (one,) = declared(
        f"  edge: {{kind: docker, stages: [], resources: {{cpu: {text}}}}}\n"
    ).values()
    assert one.resources.cpu == thousandths


def _place(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(":")[1:3])
