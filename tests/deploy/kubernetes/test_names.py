"""Names of objects: DNS labels that no two stages share."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mlgitops.deploy.kubernetes import names

LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?)?")
MODELS = st.text(min_size=1, max_size=80) | st.sampled_from(
    ["wind", "wind-farm", "wind_farm", "Wind", "2wind", "wind-production", "w" * 80, "-", "風"]
)
STAGES = st.sampled_from(["Production", "Staging", "eu-west", "west", "a_b", "a-b", "1a2b3c4d"])


@given(MODELS, STAGES)
def test_a_name_is_a_dns_label_that_leaves_room(model: str, stage: str) -> None:
    """Of a Service, too, which has to begin with a letter."""
    name = names.name_of(model, stage)
    assert LABEL.fullmatch(name)
    assert len(name) <= 52


@given(MODELS, STAGES, MODELS, STAGES)
def test_no_two_stages_share_a_name(model: str, stage: str, other: str, another: str) -> None:
    """However alike they are written."""
    same = (model, stage.lower()) == (other, another.lower())
    assert (names.name_of(model, stage) == names.name_of(other, another)) == same


def test_what_joins_two_words_does_not_join_two_names() -> None:
    """`a-b` in `c` is not `a` in `b-c`."""
    assert names.name_of("a-b", "c") != names.name_of("a", "b-c")


@given(MODELS, st.text(min_size=1, max_size=80))
def test_labels_are_values_that_kubernetes_takes(model: str, deployment: str) -> None:
    """At most 63 characters of its alphabet, whatever people call things."""
    made = names.labels(model, "Production", "3", owner="github.com/a/b", deployment=deployment)
    for value in made.values():
        assert VALUE.fullmatch(value)
        assert len(value) <= 63
