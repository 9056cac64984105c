"""Which models a plan is about: those whose entries say something else, and no others."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mlgitops.core.scope import Scope, changed_keys, changed_models, same, scope_since
from mlgitops.file.load import loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlgitops.core.desired import Desired

NAMES = ("churn", "solar", "wind")
SCALARS = st.sampled_from([0, 1, 1.0, True, False, "1", "", None])
ENTRIES = st.fixed_dictionaries(
    {"stages": st.dictionaries(st.sampled_from(["Staging", "Production"]), st.integers(1, 2))},
    optional={
        "description": st.sampled_from(["of the farm", "of: the farm"]),
        "owners": st.lists(st.sampled_from(["@ada", "@bo"]), max_size=2, unique=True),
        "versions": st.dictionaries(
            st.integers(1, 2),
            st.fixed_dictionaries(
                {
                    "train": st.just("a_recipe"),
                    "params": st.dictionaries(
                        st.sampled_from("ab"), SCALARS | st.lists(SCALARS, max_size=2), max_size=2
                    ),
                }
            ),
            max_size=2,
        ),
        "blocked": st.just({7: "leaks"}),
        "promote": st.just({"Staging": "newest"}),
        "gates": st.just({"Production": [{"metric": "test_mae", "max": 1}]}),
    },
)
FILES = st.dictionaries(st.sampled_from(NAMES), ENTRIES)


def desired(models: Mapping[str, Any], *, flow: bool = False, **keys: Any) -> Desired:
    """What a models.yaml means that says this, in blocks or in braces."""
    said = {"version": 2, **keys, "models": models}
    text = yaml.safe_dump(said, default_flow_style=flow, sort_keys=False)
    return loads(text, "models.yaml")


def written(entry: Any) -> str:
    """An entry as JSON, which tells true, 1 and 1.0 apart; stages in their order."""
    ordered = entry and {**entry, "stages": list(entry["stages"].items())}
    lean = ordered and {key: value for key, value in ordered.items() if value not in ({}, [])}
    return json.dumps(lean, sort_keys=True)


@given(before=FILES, now=FILES, flow=st.booleans(), data=st.data())
def test_the_entries_that_say_something_else(
    before: dict[str, Any], now: dict[str, Any], flow: bool, data: st.DataObject
) -> None:
    """New, changed and removed ones; order, style and comments say nothing."""
    shuffled = {name: before[name] for name in data.draw(st.permutations([*before]))}
    found = changed_models(desired(shuffled, flow=flow), desired(now))
    names = {*before, *now}
    assert {*found} == {n for n in names if written(before.get(n)) != written(now.get(n))}
    assert len(found) == len({*found})
    assert [name for name in found if name in now] == [name for name in now if name in found]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages", ["Staging", "Production", "Shadow"]),
        ("owner", "acme/farm"),
        ("recipes", "acme.recipes"),
        ("freeze", {"reason": "audit", "until": "2030-01-01"}),
        ("allow", [{"guard": "freeze", "reason": "audit", "until": "2030-01-01"}]),
        ("images", "registry.example.org/team"),
        ("deployments", {"edge": {"kind": "docker", "stages": ["Production"]}}),
    ],
)
def test_a_key_that_holds_for_all_models_means_all(key: str, value: Any) -> None:
    """Each key of the file but its models and prompts, whether it is new, changed or removed."""
    with_it, without = desired({}, **{key: value}), desired({})
    for before, now in ((with_it, without), (without, with_it)):
        assert changed_keys(before, now) == (key,)
        scope = scope_since("main", "0123456789", before, now)
        assert scope.models is None
        assert scope.why == f"{key} changed since main (0123456)"
    assert changed_keys(with_it, with_it) == ()


def test_every_key_of_the_file_is_compared() -> None:
    """A key that is added to the file's form is not forgotten here."""
    first = desired({})
    known = {"file", "folders", "models"}
    fields = {name for name in type(first).__dataclass_fields__ if name not in known}
    others: dict[str, Any] = dict.fromkeys(fields, "another")
    changed = replace(first, **others)
    assert {*changed_keys(first, changed)} == fields


def test_another_form_means_all() -> None:
    """`version: 2` can change what is valid in every entry."""
    assert changed_keys(loads("models: {}", "a"), loads("version: 2\nmodels: {}", "a")) == (
        "version",
    )


def test_a_model_that_became_a_prompt_is_another_entry() -> None:
    """The section is part of what is said."""
    a, b = (
        loads(f"version: 2\n{s}: {{wind: {{stages: {{}}}}}}", "a") for s in ("models", "prompts")
    )
    assert changed_models(a, b) == ("wind",)


def test_a_file_that_is_new_means_all() -> None:
    """There is nothing to compare it with."""
    scope = scope_since("main", "0123456789", None, desired({}))
    assert scope == Scope(
        models=None, why="models.yaml is new since main (0123456)", commit="0123456789"
    )


@given(one=SCALARS, other=SCALARS)
def test_values_of_different_kinds_differ(one: object, other: object) -> None:
    """Python takes 1 for true and for 1.0; a recipe may not."""
    assert same([one], [other]) == (json.dumps(one) == json.dumps(other))
