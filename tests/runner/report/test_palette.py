"""Every text of the report can be read in both modes: contrast by WCAG 2, level AA, computed from the style sheet.

A browser's audit cannot judge text over the shading of tables that scroll; the sheet's own colours can be.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import runner.report

SHEET = (Path(runner.report.__file__).parent / "report.css").read_text("utf-8")
MODES = ("light", "dark")
AA, AA_GRAPHICS = 4.5, 3.0
Colour = tuple[float, float, float]


def palette(mode: str) -> dict[str, Colour]:
    """Return the six-digit colours of a mode; the dark ones stand in for the light ones."""
    roots = re.findall(r":root \{(.*?)\}", SHEET, re.S)
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", root)) for root in roots)
    named = light if mode == "light" else {**light, **dark}
    return {name: tuple(int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)) for name, code in named.items()}  # type: ignore[misc]


def luminance(colour: Colour) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def mixed(tint: Colour, ground: Colour, share: float) -> Colour:
    return tuple(share * a + (1 - share) * b for a, b in zip(tint, ground, strict=True))  # type: ignore[return-value]


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast((0, 0, 0), (1, 1, 1)) == pytest.approx(21.0)
    assert contrast((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)) == pytest.approx(1.0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ink", ["ink", "soft", "accent", "good", "bad", "open"])
@pytest.mark.parametrize("ground", ["paper", "raised"])
def test_every_text_colour_can_be_read_on_both_grounds(mode: str, ink: str, ground: str) -> None:
    colours = palette(mode)
    assert contrast(colours[ink], colours[ground]) >= AA


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("tint", ["up", "down"])
def test_figures_can_be_read_on_the_strongest_tint_of_the_heat_map(mode: str, tint: str) -> None:
    colours = palette(mode)
    strongest = max(int(share) for share in re.findall(r"--tint: (\d+)%", SHEET)) / 100
    assert contrast(colours["ink"], mixed(colours[tint], colours["paper"], strongest)) >= AA


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("part", ["part-0", "part-1", "part-2", "part-3"])
def test_parts_of_a_bar_stand_out_from_the_page(mode: str, part: str) -> None:
    colours = palette(mode)
    assert contrast(colours[part], colours["paper"]) >= AA_GRAPHICS
