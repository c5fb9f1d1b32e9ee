"""The rules of references.bib, on small files, and how works are cited."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "scripts" / "site"))

import bibliography  # noqa: E402
import bibliography_rules  # noqa: E402
import timeline  # noqa: E402

ONE = """@inproceedings{ho2020ddpm,
  author = {Ho, Jonathan and Jain, Ajay and Abbeel, Pieter},
  title = {{Denoising Diffusion Probabilistic Models}},
  year = {2020},
  booktitle = {NeurIPS},
  eprint = {2006.11239},
  archiveprefix = {arXiv},
  short = {DDPM},
  family = {diffusion},
  annotation = {Predicts the noise that was added, with a plain squared error.},
  verified = {the paper}
}
"""
TWO = (
    ONE.replace("ho2020ddpm", "song2021ddim")
    .replace("Ho, Jonathan and Jain, Ajay and Abbeel, Pieter", "Song, Jiaming and Meng, Chenlin")
    .replace("Denoising Diffusion Probabilistic Models", "Denoising Diffusion Implicit Models")
    .replace("{2020}", "{2021}")
    .replace("2006.11239", "2010.02502")
    .replace("  family", "  builds_on = {ho2020ddpm},\n  family")
)
BOTH = ONE + "\n" + TWO


def test_a_file_that_keeps_the_rules_is_not_criticised():
    assert bibliography_rules.check(BOTH, "docs/references.bib") == []


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("{song2021ddim,", "{Ho2020ddpm,", 14, "is also the key of line 1"),
        ("2010.02502", "2006.11239", 14, "has the eprint 2006.11239 of ho2020ddpm"),
        ("Diffusion Implicit Models", "Diffusion Probabilistic Model", 14, "has nearly the title"),
        ("  family = {diffusion},\n", "", 1, "lacks a family"),
        ("  verified = {the paper}", "  number = {1}", 1, "lacks verified: where"),
        ("  booktitle = {NeurIPS},\n", "", 1, "lacks a venue"),
        ("  year = {2020},\n", "", 1, "lacks a year (or a note"),
        ("  eprint = {2006.11239},\n", "", 1, "lacks an address"),
        ("annotation = ", "anotation = ", 1, "has a field anotation, which nobody reads"),
        ("2006.11239", "2013.11239", 1, "has eprint = {2013.11239}, which should be like"),
        ("eprint = {2006.11239}", "doi = {https://doi.org/10.1/5}", 1, "without https://doi.org/"),
        ("{diffusion}", "{scores}", 1, "is of family scores, which is none of vae, gan"),
        ("squared error.}", "squared error}", 1, "with its full stop"),
        ("{DDPM}", "{A rather long name}", 1, "a name of at most 14 characters"),
        ("{ho2020ddpm},\n  family", "{nobody},\n  family", 14, "builds on nobody, which is no"),
        ("2006.11239", "2106.11239", 14, "builds on ho2020ddpm, which is younger"),
        ("2020},\n  booktitle = {NeurIPS},\n  eprint = {2006.11239}",
         "},\n  note = {undated},\n  booktitle = {NeurIPS},\n  doi = {10.1109/5.726791}", 1,
         "has `short` but no year"),
        ("{ho2020ddpm,", "{ho2020<ddpm,", 1, "is a key that no page can cite"),
        ("  year = {2020},", "  year = {2020}", None, "see to commas and braces"),
    ],
)  # fmt: skip
def test_a_broken_rule_names_file_line_and_remedy(old, new, line, said):
    assert old in BOTH
    where = TWO if line == 14 and old in TWO and "younger" not in said else ONE
    text = BOTH.replace(where, where.replace(old, new, 1))
    found = bibliography_rules.check(text, "docs/references.bib")
    start = "docs/references.bib" + (f":{line}: " if line else "")
    assert any(f.startswith(start) and said in f for f in found), found


@pytest.fixture
def works(tmp_path):
    """Two works of Song and others in one year, and one that they build on."""
    third = TWO.replace("song2021ddim", "song2021sde").replace("2010.02502", "2011.13456")
    third = third.replace("Meng, Chenlin", "Sohl-Dickstein, Jascha and Kingma, Diederik P.")
    third = third.replace("Denoising Diffusion Implicit Models", "A Score-Based View")
    second = TWO.replace("Meng, Chenlin", "Meng, Chenlin and others")
    path = tmp_path / "references.bib"
    path.write_text("\n".join((ONE, second, third)))
    return bibliography.load(path)


def test_authors_and_years_that_clash_get_letters_by_title(works):
    labels = {key: work.label() for key, work in works.items()}
    assert labels["song2021sde"] == "Song et al., 2021a" and works["ho2020ddpm"].letter == ""
    assert labels["song2021ddim"] == "Song et al., 2021b"


def test_french_pages_cite_in_french(tmp_path):
    path = tmp_path / "references.bib"
    path.write_text(BOTH)
    pair = bibliography.load(path)
    page = SimpleNamespace(meta={"lang": "fr"})
    made = bibliography.cite("Voir [@song2021ddim], mais `[@song2021ddim]`.", pair, page)
    assert ">Song et Meng, 2021</a>" in made and "`[@song2021ddim]`" in made
    assert "## Références" in made and 'data-about="Predicts' in made


def test_citations_of_nothing_and_works_that_nobody_cites_are_listed(works):
    pages = [("a.md", "See\n\n[@ho2020ddpm; @nobody2020]\n"), ("b.md", "```\n[@key]\n```\n")]
    with pytest.raises(PluginError, match=r"docs/a\.md:3: cites nobody2020, which docs/ref"):
        bibliography.citing(pages, works)
    del works["song2021sde"].entry.fields["short"]
    with pytest.raises(
        PluginError, match=r"no page cites song2021sde: cite it as \[@song2021sde\]"
    ):
        bibliography.citing(pages[1:], works)
    pages.append(("c.md", "[@song2021sde]"))
    pages[0] = ("a.md", "[@ho2020ddpm]")
    assert bibliography.citing(pages, works)["ho2020ddpm"] == ["a.md"]


def test_bibtex_has_no_field_of_ours(works):
    shown = works["song2021ddim"].bibtex()
    assert "Meng, Chenlin and others" in shown and "eprint = {2010.02502}" in shown
    assert not any(field in shown for field in bibliography_rules.OURS)


def test_the_timeline_has_each_work_twice_and_lanes_for_all_families(works):
    page = timeline.page(works, {})
    for key in works:
        assert page.count(f'data-key="{key}"') == page.count(f'id="t-{key}"') == 1
    assert timeline.LANES.keys() == bibliography_rules.FAMILIES.keys()
