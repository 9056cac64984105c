"""Pictures of a comparison: which there are, what they say, and that they fit into any page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from mlgitops.core.evidence import Past, Series
from mlgitops.core.metrics import differences
from mlgitops.core.predicted import Bin, Classes, Probabilities
from mlgitops.report import pictures
from tests.report import made, trained

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlgitops.core.evidence import Comparison
    from mlgitops.report.pictures.svg import Picture

pytestmark = pytest.mark.xdist_group("pictures")  # models are trained once

TEXT = "{http://www.w3.org/2000/svg}text"


@cache
def real() -> tuple[Picture, ...]:
    """The pictures of two real models."""
    return tuple(pictures.draw(trained.comparison()))


def root(picture: Picture) -> ET.Element:
    """A picture, parsed."""
    return ET.fromstring(picture.svg)  # noqa: S314 - made here


def said_of(found: Iterable[Picture]) -> dict[str, str]:
    """The alternative texts, by the pictures' names."""
    return {one.name: root(one).attrib["aria-label"] for one in found}


def labels(comparison: Comparison) -> dict[str, str]:
    """The alternative texts of a comparison's pictures, by their names."""
    return said_of(pictures.draw(comparison))


def with_series(**values: object) -> Comparison:
    """The comparison of real models, with something else in its rows."""
    found = trained.comparison()
    assert found.predictions is not None
    series = replace(found.predictions.series, **values)  # type: ignore[arg-type]
    return replace(found, predictions=replace(found.predictions, series=series))


def numbers(*values: float, actual: list[float] | None = None) -> Comparison:
    """A comparison of two versions that predict these values, and one more each."""
    new = np.array(values)
    series = Series(
        labels=tuple(f"row {number}" for number in range(len(values))),
        new=new,
        old=new + 1,
        actual=np.array(actual if actual is not None else values),
    )
    found = trained.comparison()
    assert found.predictions is not None
    return replace(found, predictions=replace(found.predictions, series=series), history=())


def test_a_regression_has_four_pictures() -> None:
    """What is predicted, how wrong that is, how far it moves, and the way that led there."""
    names = [one.name for one in real()]
    assert names == ["actual", "residuals", "differences", "history"]


def told(value: float) -> str:
    """A number with its sign, as text in a picture has it: three digits, a minus as long."""
    return f"{value:+.3g}".replace("-", "\N{MINUS SIGN}")


def test_the_alternative_text_says_what_is_seen_in_numbers() -> None:
    """The same numbers as scikit-learn's and numpy's."""
    found = trained.comparison()
    assert found.predictions is not None
    series = found.predictions.series
    assert series.old is not None
    assert series.actual is not None
    said = said_of(real())
    errors = [mean_absolute_error(series.actual, one) for one in (series.old, series.new)]
    assert said["actual"] == (
        "Actual and predicted values of 731 days from 2019-01-01 to 2020-12-31 (1 in 2 shown). "
        f"Mean absolute error: version 1 {errors[0]:.0f}, version 2 {errors[1]:.0f}."
    )
    bias = np.mean(series.new - series.actual)
    assert f"version 2: mean {told(bias)}, 9 of 10 between" in said["residuals"]
    moved = series.new - series.old
    assert f"on 731 days: median {told(np.median(moved))}, 9 of 10 between" in said["differences"]
    assert f"{(moved > 0).sum()} higher, {(moved < 0).sum()} lower" in said["differences"]
    old = found.history[0].metrics["test_r2"]
    assert f"test_r2 (higher is better): version 1 {old:.3f} in Production" in said["history"]


def test_residuals_of_both_versions_lie_over_each_other() -> None:
    """On one scale: the old version's as an area, the new one's as a line, each with its name."""
    (picture,) = [one for one in real() if one.name == "residuals"]
    drawn = [element.text or "" for element in root(picture).iter(TEXT)]
    assert [text.partition(" between")[0] for text in drawn if "9 of 10" in text] == [
        "version 1: 9 of 10",
        "version 2: 9 of 10",
    ]
    assert drawn.count("0") == 1  # one axis
    assert "fill: var(--old)" in picture.svg
    assert "stroke: var(--new)" in picture.svg
    assert "fill: var(--new)" not in picture.svg


def test_a_classification_has_a_map_of_its_classes() -> None:
    """Instead of lines; it counts what stays and what changes."""
    assert labels(made.CLASSIFICATION) == {
        "confusion": (
            "Of 57 rows, version 2 gives 55 (96.5%) the class that version 1 gave. "
            "Changed: benign to malignant 2."
        )
    }


def test_pictures_of_predictions_tell_their_unit() -> None:
    """It is that of the mean absolute error; without one, nothing is said."""
    plain = trained.comparison()
    said = {"mae": "kW"}, {"test_mae": "kW"}
    for found, unit in ((plain, ""), *((replace(plain, units=one), " (kW)") for one in said)):
        titles = {one.name: one.title for one in pictures.draw(found)}
        assert titles["residuals"] == f"Residuals: predicted minus actual{unit}"
        assert titles["differences"] == f"How far predictions move{unit}"


def test_slices_are_intervals_beside_each_other() -> None:
    """Those of the table, the worst first, then the best; the text says them in numbers."""
    found = replace(trained.comparison(), slices=made.REGRESSION.slices, history=())
    (picture,) = [one for one in pictures.draw(found) if one.name == "slices"]
    assert root(picture).attrib["aria-label"] == (
        "Differences of mae, version 2 minus version 1, with their intervals. "
        "quarter January to March worse by 49.8 (+12.5 to +87); "
        "wind_direction_16 236 to 275 better by 204 (\N{MINUS SIGN}300 to \N{MINUS SIGN}112)."
    )
    drawn = [element.text for element in root(picture).iter(TEXT)]
    assert "quarter January to March (180 rows)" in drawn
    alike = replace(found, slices=made.REGRESSION.slices[2:])
    assert "slices" not in labels(alike)


def test_probabilities_are_a_curve_of_what_came_true() -> None:
    """Of both versions, in bins; without an old version or the truth, of what there is."""
    old = (Bin(said=0.1, true=0.3, rows=20), Bin(said=0.8, true=0.5, rows=1))
    new = (Bin(said=0.2, true=0.25, rows=21),)

    def said(old_bins: tuple[Bin, ...] = (), new_bins: tuple[Bin, ...] = ()) -> str:
        probabilities = Probabilities(
            classes=("benign", "<b>"),
            new=np.eye(2),
            old=None,
            event="<b>",
            old_bins=old_bins,
            new_bins=new_bins,
        )
        predicted = made.CLASSIFICATION.predictions
        assert predicted is not None
        found = replace(predicted, classes=Classes(probabilities=probabilities))
        return labels(replace(made.CLASSIFICATION, predictions=found)).get("calibration", "")

    assert said(old_bins=old, new_bins=new) == (
        "How often a probability of class <b> came true. "
        "version 1: 10% came true in 30% of 20 rows, 80% came true in 50% of 1 row; "
        "version 2: 20% came true in 25% of 21 rows."
    )
    assert "version 1" not in said(new_bins=new)
    assert said() == ""


def test_rare_classes_are_drawn_as_one() -> None:
    """The map stays small enough to read; the text names the largest changes."""
    found = made.CLASSIFICATION
    assert found.predictions is not None
    cells = {(f"class {i}", f"class {i + i % 2}"): 100 - i for i in range(20)}
    many = replace(found, predictions=replace(found.predictions, confusion=cells))
    (picture,) = pictures.draw(many)
    drawn = [element.text for element in root(picture).iter(TEXT)]
    assert drawn.count("others") == 2
    assert "class 2" in drawn
    assert "class 19" not in drawn
    assert "Changed: class 1 to class 2 99, " in root(picture).attrib["aria-label"]


def test_what_can_not_be_made_is_left_out() -> None:
    """Without true values, without an old version, without predictions, without a past."""
    assert list(labels(with_series(actual=None))) == ["differences", "history"]
    first = replace(with_series(old=None), old=None)
    assert list(labels(first)) == ["actual", "residuals", "history"]
    assert list(labels(replace(trained.comparison(), predictions=None))) == ["history"]
    alone = replace(first, history=first.history[1:])
    assert list(labels(alone)) == ["actual", "residuals"]
    assert labels(replace(made.CLASSIFICATION, old=None)) == {}


def test_a_history_shows_the_three_metrics_that_change_most() -> None:
    """Of the test set, with a known direction, and two values that are numbers."""
    old = {"test_mae": 100.0, "test_r2": 0.9, "test_rmse": 10.0, "test_mape": 1.0, "test_f1": 0.5}
    new = {"test_mae": 50.0, "test_r2": 0.91, "test_rmse": 9.0, "test_mape": 2.0}
    others = {"training_mae": 1.0, "test_revenue": 5.0, "test_loss": math.nan}
    changes = differences(old, new)
    history = tuple(
        Past(number=n, metrics={**metrics, **others}, stages=())
        for n, metrics in enumerate((old, new), start=1)
    )
    found = replace(trained.comparison(), predictions=None, metrics=changes, history=history)
    (said,) = labels(found).values()
    assert re.findall(r"(\w+) \(", said) == ["test_mae", "test_mape", "test_rmse"]


def test_a_history_shows_directions_that_a_model_declares() -> None:
    """A metric of a team's own is drawn if models.yaml says which way it is better."""
    old, new = {"test_ramp_error": 2.0}, {"test_ramp_error": 1.0}
    history = tuple(Past(number=n, metrics=m, stages=()) for n, m in enumerate((old, new), start=1))
    for changes, expected in (
        (differences(old, new, {"ramp_error": "lower"}), ["history"]),
        (differences(old, new), []),
    ):
        found = replace(trained.comparison(), predictions=None, metrics=changes, history=history)
        assert list(labels(found)) == expected
        assert all("test_ramp_error (lower is better)" in text for text in labels(found).values())


@pytest.mark.parametrize(
    ("values", "actual"),
    [
        ((1.0,), None),
        ((5.0, 5.0, 5.0), None),
        ((1e-12, -1e9, 3.0), None),
        ((math.nan, 1.0, math.inf, 1.797e308), [1.0, 2.0, math.nan, 3.0]),
    ],
)
def test_any_numbers_can_be_drawn(values: tuple[float, ...], actual: list[float] | None) -> None:
    """One row, the same everywhere, far apart; what is no number leaves a gap."""
    found = list(pictures.draw(numbers(*values, actual=actual)))
    assert [one.name for one in found] == ["actual", "residuals", "differences"]
    assert not any(re.search(r"\bnan\b|\binf\b", one.svg) for one in found)


def test_nothing_is_drawn_of_what_is_no_number() -> None:
    """A model that answers NaN everywhere has no pictures of its answers."""
    assert list(pictures.draw(numbers(math.nan, math.inf, actual=[1.0, 2.0]))) == []


def test_colours_and_fonts_are_the_pages() -> None:
    """So that a picture can be read in light and dark: it states none of its own."""
    for picture in [*real(), *pictures.draw(made.CLASSIFICATION)]:
        assert not re.search(r"#[0-9a-f]{3,6}\b(?![^\"]*\")", picture.svg)
        colours = set(re.findall(r"(?:fill|stroke): ([^;\"]+)", picture.svg))
        assert colours <= {
            *("none", "currentColor"),
            *("var(--muted)", "var(--line)", "var(--old)", "var(--new)"),
        }
        assert "font-family" not in picture.svg
        assert not re.search(
            r"<(style|image|script|metadata|a)\b|https?://(?!www\.w3)", picture.svg
        )


def test_pictures_of_one_page_do_not_share_ids() -> None:
    """Each id is there once, each reference leads into its own picture."""
    page = [one.svg for one in (*real(), *pictures.draw(trained.comparison(), "change-2"))]
    listed = [name for svg in page for name in re.findall(r' id="([^"]+)"', svg)]
    assert len(set(listed)) == len(listed)
    for svg in page:
        used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
        assert used <= set(re.findall(r' id="([^"]+)"', svg))
        assert used


def test_the_same_comparison_gives_the_same_pictures() -> None:
    """No date and no chance, so that reports can be compared."""
    assert tuple(pictures.draw(trained.comparison())) == real()


def test_a_picture_is_small_and_as_wide_as_its_place() -> None:
    """Lines have 400 points at most, and there is a view box to scale by."""
    for picture in real():
        svg = root(picture)
        assert (svg.attrib["width"], svg.attrib["role"]) == ("100%", "img")
        assert "height" not in svg.attrib
        assert svg.attrib["viewBox"].startswith("0 0 400 ")
        longest = max(path.count("L") for path in re.findall(r' d="([^"]*)"', picture.svg))
        assert longest <= 2 * 400 + 2  # an area has a line above and one below
        assert len(picture.svg) < 60_000


def test_hostile_names_are_drawn_as_they_are() -> None:
    """Neither markup nor formulas nor glyphs that matplotlib's font lacks."""
    found = made.CLASSIFICATION
    assert found.predictions is not None
    cells = {("<b>&", "$x^2$"): 3, ("漢字", "a\x1b[1m\n"): 1}
    hostile = replace(found, predictions=replace(found.predictions, confusion=cells))
    (picture,) = pictures.draw(hostile)
    drawn = {element.text for element in root(picture).iter(TEXT)}
    assert {"<b>&", "$x^2$", "漢字", "a [1m "} <= drawn
