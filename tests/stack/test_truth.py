"""What a model itself says is asked where its packages are: in its image, never here."""

from __future__ import annotations

import secrets
from functools import partial
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from mlgitops.errors import ServeError
from mlgitops.image.build import build
from mlgitops.image.container import running, truth_of
from mlgitops.image.spec import BuildOptions
from mlgitops.registry.connect import connect
from mlgitops.serve.payloads import Payload
from mlgitops.serve.smoke import smoke
from mlgitops.system import docker
from tests.hostile import models

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.team import Team

pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(600)]

WIND = "power-forecasting-model"
ASKED = [Payload(name="records", body=b'{"dataframe_records": [{"x": 1.0}]}')]
# how Python begins to tell where a process was whose time is over, which may crash it
GIVEN_UP = "print('Timeout (0:05:00)!', file=sys.stderr, flush=True)"
DEEP = "def deep(n): time.sleep(600) if n == 0 else deep(n - 1)\ndeep(900)"
# what a pickle of another Python does to this one
ELSEWHERE = "pathlib.Path('/serving').exists() or ctypes.string_at(0); return [1.0] * len(frame)"


@pytest.fixture
def holding(farm: Team, tmp_path: Path) -> Iterator[Callable[[str], tuple[str, Path]]]:
    """Make an image that holds a model with some `predict` in the place of the farm's."""
    repository = f"mlgitops-test-{secrets.token_hex(4)}"
    made = build(connect(farm.uri), WIND, "1", BuildOptions(repository=repository)).tags
    tags = [*made]

    def one(body: str) -> tuple[str, Path]:
        folder = tmp_path / f"image{len(tags)}"
        model = models.write(folder / "model", dedent(body))
        (folder / "Dockerfile").write_text(f"FROM {made[0]}\nCOPY --chmod=755 model /model\n")
        tags.append(f"{made[0]}-{len(tags)}")
        docker.run(["build", "--quiet", "--tag", tags[-1], str(folder)])
        return tags[-1], model

    yield one
    docker.run(["image", "rm", "--force", *tags])


def left_by(image: str) -> str:
    """The containers that are left of an image's."""
    return docker.run(["ps", "--all", "--quiet", "--filter", f"label=mlgitops.smoke={image}"])


def test_a_model_that_kills_any_process_outside_its_image_is_proven(
    holding: Callable[[str], tuple[str, Path]],
) -> None:
    """Nothing of it is loaded here: in its image it is asked, and answers as it is served."""
    image, model = holding(ELSEWHERE)
    with running(image) as container:
        report = smoke(container.url, model, partial(truth_of, image), strict=True)
    assert [(one.request, one.actual) for one in report.failed] == []
    assert report.answered is not None
    assert not left_by(image)


@pytest.mark.parametrize(
    ("body", "timeout", "said"),
    [
        ("ctypes.string_at(0)", 300, "ended its process before it answered: Segmentation fault$"),
        ("self.a = [b'a' * 2**20 for _ in range(2**12)]", 300, "more memory than its container"),
        ("time.sleep(600)", 3, "no answer within 3 s$"),
        (DEEP, 20, "no answer within 20 s$"),
        (f"{GIVEN_UP}; ctypes.string_at(0)", 300, "no answer within 300 s$"),
    ],
    ids=[
        "dies",
        "takes too much memory",
        "never answers",
        "never answers, a thousand calls deep",
        "crashes as Python gives it up",
    ],
)
def test_the_end_of_a_model_is_one_line_and_leaves_nothing(
    holding: Callable[[str], tuple[str, Path]], body: str, timeout: float, said: str
) -> None:
    """Whatever ends it in its own container, the error says what, and the container is gone."""
    image, _ = holding(body)
    with pytest.raises(ServeError, match=said) as caught:
        truth_of(image, ASKED, memory="400m", timeout=timeout)
    assert len(str(caught.value).splitlines()) == 1
    assert not left_by(image)
