"""The digest in a team's own YAML file."""

from __future__ import annotations

import pytest

from mlgitops.core.deployments import Field
from mlgitops.deploy.gitops.field import digest_in, with_image
from mlgitops.errors import DesiredStateError, EditError

OLD, NEW = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"
IMAGE = f"registry.example.org/ml/wind@{NEW}"


def field(path: str = "image.digest") -> Field:
    """The value at a path of the team's values."""
    return Field(file="values-prod.yaml", path=path)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("image.digest", f"image:  # the model\n    digest: {OLD}   # by mlgitops\n    tag: x\n"),
        ("image.digest", f'# héad\nimage: {{digest: "{OLD}", pull: Always}}  # end\n'),
        ("image.digest", f"image:\r\n  digest: '{OLD}'\r\n\r\n# end\r\nother: [1,   2]\r\n"),
        ("images.1.digest", f"images:\n- digest: x\n-   digest: {OLD}\n"),
        ("pods.app.kubernetes.io/web.digest", f"pods:\n  app.kubernetes.io/web: {{digest: {OLD}}}"),
        ("a.b", f"\ufeffa:\n  b: {OLD}\nnumber: 0755\nother: &x 1\nsame: *x\n"),
    ],
)
def test_every_other_byte_stays(path: str, text: str) -> None:
    """Comments, quotes, indentation, line ends and what mlgitops does not read."""
    assert digest_in(text, field(path)) == OLD
    assert with_image(text, field(path), IMAGE) == text.replace(OLD, NEW)


@pytest.mark.parametrize("empty", ["", " ~", " null", ' ""', "   # none yet"])
def test_an_empty_value_is_filled(empty: str) -> None:
    """The team adds the key, and mlgitops writes its first digest."""
    text = f"image:\n  digest:{empty}\n  tag: x\n"
    assert digest_in(text, field()) == ""
    edited = with_image(text, field(), IMAGE)
    assert digest_in(edited, field()) == NEW
    assert edited.endswith("\n  tag: x\n")
    assert ("# none yet" in edited) == ("#" in empty)


def test_a_whole_reference_stays_one() -> None:
    """Where the value is the image of a container."""
    text = f"containers:\n- image: other.example.org/wind@{OLD}  # served\n"
    edited = with_image(text, field("containers.0.image"), IMAGE)
    assert edited == f"containers:\n- image: {IMAGE}  # served\n"


def test_the_same_digest_changes_nothing() -> None:
    """The file is given back as it is."""
    text = f"image: {{digest: {NEW}}}"
    assert with_image(text, field(), IMAGE) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image: {digset: x}\n", "has no image.digest; did you mean 'image.digset'"),
        ("image: {digest: latest}\n", "is 'latest', and no digest"),
        ("image: {digest: 5}\n", "is 5, and no digest"),
        (f"image: {{digest: {OLD}}}\nimage.digest: {OLD}\n", "in two places"),
        (f"x: &x {OLD}\nimage: {{digest: *x}}\n", "cannot edit image.digest in place"),
        (f"image: {{digest: &x {OLD}}}\nx: *x\n", "cannot edit image.digest in place"),
        (f"x: &x {{digest: {OLD}}}\nimage: *x\n", "cannot edit image.digest in place"),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str) -> None:
    """With what to do; nothing is guessed."""
    with pytest.raises(EditError, match=said):
        with_image(text, field(), IMAGE)


def test_what_is_no_yaml_is_refused() -> None:
    """With the line."""
    with pytest.raises(DesiredStateError, match=r"values-prod\.yaml:\d"):
        digest_in("{{ .Values.image }}: {", field())
