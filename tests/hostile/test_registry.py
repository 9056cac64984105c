"""Whatever a registry answers: a result or one error, in time, without a leak or a write."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlgitops.errors.registry import RegistryTimeoutError
from mlgitops.registry.connect import connect
from tests.hostile.registry import ANSWERS, FIELDS, always, hostile, on, sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.hostile.conftest import Victim
    from tests.hostile.registry import Asked

# what a careful reader may read as it was meant
HARMLESS = {
    *("a stamp of half a pair", "a stamp 100,000 deep", "a stamp of 5,000 digits"),
    *("the model twice", "another model too", "version a float"),
}
VERBS = (
    *(("apply",), ("card", "wind"), ("compare", "wind", "1", "2"), ("history", "wind")),
    *(
        ("import", "--force"),
        ("pin",),
        ("report",),
        ("serve", "wind", "Production"),
        ("unused",),
    ),
    *(("plan", "--quick"), ("status", "--format", "json")),
)
HISTORY = (
    ("init", "--quiet"),
    ("add", "."),
    ("-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "Start"),
)
WORST = (
    *("{} to everything", "a byte now and then", "a body without an end"),
    *("a number of 5,000 digits", "half of a surrogate pair"),
)


@pytest.mark.parametrize("kind", [*ANSWERS, *FIELDS])
def test_every_kind_of_answer(victim: Victim, kind: str) -> None:
    """It is no empty registry, no traceback, and no wait: an error, unless it is harmless."""
    answer = (ANSWERS | FIELDS)[kind]  # type: ignore[operator]
    for verb in ("plan", "status") if kind in ANSWERS else ("plan",):
        ran, _ = victim.run(answer, verb)
        if kind not in HARMLESS:
            assert ran.code == 1, ran.out + ran.err
            assert ran.out == ""


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize("kind", WORST)
def test_every_verb(victim: Victim, verb: tuple[str, ...], kind: str) -> None:
    """Whichever reads the registry."""
    if verb[0] == "history":
        for command in HISTORY:
            subprocess.run(["git", *command], check=True)
    ran, server = victim.run((ANSWERS | FIELDS)[kind], *verb)  # type: ignore[operator]
    assert ran.code == 1, ran.out + ran.err
    assert server.asked


def test_a_sound_registry_has_nothing_to_change(victim: Victim) -> None:
    """So that what the others end with is of what they answer."""
    assert victim.run(sound, "plan", "--exit-code")[0].code == 0


def test_a_redirect_to_another_host_is_no_empty_registry(victim: Victim) -> None:
    """It answers `{}`, which was a plan that empties everything; it is not even asked."""
    to = victim.elsewhere.url

    def answer(asked: Asked) -> None:
        asked.send(b"", 307, Location=to + asked.target)

    ran, _ = victim.run(answer, "plan")
    assert "it is redirected to another host" in ran.err
    assert victim.elsewhere.asked == []


def test_an_empty_registry_is_one(victim: Victim) -> None:
    """What MLflow answers where there are no models: `{}`, and that it has none of a name."""
    searched = on("registered-models/search", "model-versions/search", answer=always({}))
    victim.team.write("models: {}\n")
    ran, _ = victim.run(searched, "plan")
    assert ran.code == 0, ran.err


def test_a_wait_that_the_server_asks_for_has_a_limit(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`Retry-After: 3600` is waited for as long as we wait at all, and told."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    monkeypatch.setattr("mlgitops.registry.calls._LONGEST_WAIT", 0.1)
    ran, server = victim.run(ANSWERS["503 for an hour"], "plan")
    assert ran.code == 1
    assert len(server.asked) == 3


def test_the_client_of_mlflow_has_a_limit_too(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asks where plain HTTP does not reach, and would wait for each next byte."""
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "16")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setattr("mlgitops.registry.connect._LONGEST", 1.0)
    with hostile(ANSWERS["a byte now and then"]) as server:
        registry = connect(server.url)
        with pytest.raises(RegistryTimeoutError):
            registry.version("wind", 1)
    assert victim.elsewhere.asked == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("registered_models", "model_versions", "name", "aliases", "alias", "version"),
                    *(
                        "tags",
                        "key",
                        "value",
                        "latest_versions",
                        "current_stage",
                        "next_page_token",
                    ),
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(models=JSON, versions=JSON)
def test_any_json(victim: Victim, models: object, versions: object) -> None:
    """Also what nobody thought of."""

    def answer(asked: Asked) -> None:
        one: Callable[[Asked], object] = sound
        if asked.path == "registered-models/search":
            one = always(models)
        if asked.path == "model-versions/search":
            one = always(versions)
        one(asked)

    victim.run(answer, "plan", "--quick")
