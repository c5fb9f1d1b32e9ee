"""MkDocs hooks: what the pages say about runs is read from the published files at build time.

In Markdown:

    {{ samples dcgan-mnist }}            a figure; also interpolation, training, curves, ...
    {{ metrics dcgan-mnist }}            the table of its metrics
    {{ value dcgan-mnist precision }}    one number with its interval
    {{ perfect binary-mnist coverage }}  the same of real digits that a coin made binary
    {{ fact dcgan-mnist steps }}         one entry of its manifest
    {{ flops dcgan-mnist }}              what its training cost; with `image` what a sample does
    {{ read readable-mnist dcgan-mnist }}  share of samples that our classifier reads
    {{ card dcgan-mnist }}               how this was made
    {{ departures imggen.methods.dcgan }}  the list from the method's docstring
    {{ audit metric-audit responses }}   a table of the audit: responses or checks
    {{ rung metric-audit blur 3 kid }}   one metric on one rung of the audit
    {{ latents beta-vae-mnist }}         what the latents of several auto-encoders hold, a table
    {{ latent beta-vae-mnist beta-4 active_units }}  one number of it
    {{ likes likes-others-mnist vae-mnist }}  what a density model finds likely, a table
    {{ liked likes-others-mnist vae-mnist dimmed_to_half auroc }}  one number of it
    {{ climbed few-steps-mnist reflow 1 precision }}  one metric of a sampler, one of its steps
    {{ versus gan-or-vae }}              two generators, and which is better for certain
    {{ faults chaos }}                   what trainings under fire survived, a table
    {{ struck chaos }}                   how many faults struck; with `survived` how many they did
    {{ promises checkpoints }}           what it costs to be safe, held to bars, a table
    {{ timed checkpoints pause }}        one number that was measured for it
    {{ drawing game }}                   a drawing of ours that explains an idea, made by code
    {{ slides presentation fr }}         the slides of the defence, a picture each
    {{ glossary }}                       the French glossary, from glossary.toml
    {{ likelihoods }}                    the published likelihoods, with what each of them is
    {{ results }}                        all published generators, dataset by dataset
    [@radford2015dcgan]                  a citation; references are listed at the end of the page
"""

# ruff: noqa: E402 (what is set before torch is imported)
from __future__ import annotations

import gc
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
gc.set_threshold(50_000, 20, 100)  # looking through all that torch makes takes a second

import bibliography
import bibliography_page
import figures
import formulas
import generators
import languages
import menu
import places
import published_runs as runs
import reference
import results_files
import timeline
import wrong_inputs
from mkdocs.exceptions import PluginError

from imggen.publishing.status import damaged

_files: Any = None

MACRO = re.compile(r"\{\{ ?([a-z][\w-]*)((?: [^\s{}]+)*) ?\}\}")

# Material's search dialog has no name for screen readers, and its nested navigations share theirs.
LANDMARKS = [
    (r'(class="md-search" data-md-component="search" role="dialog")', r'\1 aria-label="Search"'),
    (
        r'<nav class="md-nav" data-md-level="([1-9])" aria-labelledby="[^"]*"'
        r'( aria-expanded="\w+")?',
        r'<nav class="md-nav" data-md-level="\1" role="presentation"',
    ),
    (
        r'<nav class="md-nav md-nav--primary">',
        '<nav class="md-nav md-nav--primary" aria-label="Post">',
    ),
]

CODE = re.compile(r"<code>[^<]*--[^<]*</code>")
FLAG = re.compile(r"--[\w.-]{1,20}(?![\w.-])")
"""A flag in a line of text, which a browser would break after its hyphens."""

ONLY_WITH = {
    "arithmatex": r"vendor/katex/",
    'class="drawing"': r"stylesheets/drawings\.css",
    'class="results"': r"(?:stylesheets|javascripts)/results\.(?:css|js)",
    'class="references': r"(?:stylesheets|javascripts)/citations\.(?:css|js)",
    'class="timeline"': r"(?:stylesheets|javascripts)/timeline\.(?:css|js)",
}
"""By what a page must hold: styles and scripts that weigh too much for every page."""

os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
os.environ.setdefault("DISABLE_MKDOCS_2_WARNING", "true")


def on_config(config: Any) -> Any:
    """Refuses to build with published files that are not those of their manifests."""
    root = Path(config.docs_dir)
    problems = damaged(root / "assets" / "experiments")
    if problems:
        raise PluginError(f"published figures are not what was published: {'; '.join(problems)}")
    reference.add_to_nav(config)
    return config


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages that are made from the code, the tests and references.bib."""
    for uri, content in reference.pages().items():
        files.append(_generated(config, uri, content))
    files.append(_generated(config, wrong_inputs.URI, wrong_inputs.page()))
    docs = Path(config.docs_dir)
    for uri, still in figures.stills(docs):
        files.append(_generated(config, uri, still))
    for uri, made in results_files.files(docs, generators.published(docs)):
        files.append(_generated(config, uri, made))
    written = {file.src_uri: file.content_string for file in files if file.src_uri.endswith(".md")}
    for uri, content in _works(config, written):
        files.append(_generated(config, uri, content))
    return files


def _works(config: Any, written: dict[str, str]) -> Iterator[tuple[str, str]]:
    """The pages of works that the written pages cite."""
    docs = Path(config.docs_dir)
    works = bibliography.load(docs / "references.bib")
    citing = bibliography.citing(written.items(), works)
    cited = {
        key: [places.place(docs, uri, written[uri]) for uri in uris] for key, uris in citing.items()
    }
    made = places.ours(docs, works)
    released = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    title, year = (
        re.findall(rf'^{name}: "(.+?)[-"]', released, re.MULTILINE)[0]
        for name in ("title", "date-released")
    )
    how = bibtex("imggen", title, year, config)
    yield "bibliography.md", bibliography_page.page(works, cited, made, how)
    yield timeline.URI, timeline.page(works, made)


def _generated(config: Any, uri: str, content: str | bytes) -> Any:
    from mkdocs.structure.files import File

    return File.generated(config, uri, content=content)


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Replaces macros and citations."""
    site = runs.Site(Path(config.docs_dir), page)

    def expand(match: re.Match[str]) -> str:
        name, arguments = match[1], match[2].split()
        try:
            return site.macro(name, arguments)
        except runs.MacroError as error:
            raise PluginError(f"{page.file.src_uri}: {match[0]}: {error}") from error

    page.meta.setdefault("description", first_sentences(written(page, markdown)))
    if page.file.src_uri.startswith("blog/posts/"):
        markdown += cite_this(page, config)
    markdown = MACRO.sub(expand, markdown)
    works = bibliography.load(Path(config.docs_dir) / "references.bib")
    return bibliography.cite(markdown, works, page)


def cite_this(page: Any, config: Any) -> str:
    """The section of a post that says how to cite it."""
    slug, title, year = page.meta["slug"], page.meta["title"], str(page.meta["date"])[:4]
    return f"\n\n## Cite this\n\n{bibtex(f'imggen-{slug}', title, year, config, f'blog/{slug}/')}"


def bibtex(key: str, title: str, year: str, config: Any, path: str = "") -> str:
    """How to cite a page of this site, or all of it."""
    return f"""```bibtex
@misc{{{key},
  author = {{{config.site_author}}},
  title = {{{title}}},
  year = {{{year}}},
  url = {{{config.site_url}{path}}},
}}
```
"""


def written(page: Any, markdown: str) -> str:
    """The markdown of a page; of a notebook, which arrives as HTML, that of its first cell."""
    if not page.file.src_uri.endswith(".ipynb"):
        return markdown
    notebook = json.loads(Path(page.file.abs_src_path).read_text(encoding="utf-8"))
    return "".join(notebook["cells"][0]["source"])


def first_sentences(markdown: str, most: int = 160) -> str:
    """What a page says first, as plain text of at most so many characters: for search engines.

    Without its macros, whose numbers would be missing from it, and without commands.
    """
    for paragraph in re.split(r"\n\s*\n", markdown):
        if "{{" in paragraph or paragraph.lstrip().startswith("```"):
            continue
        text = re.sub(r"<[^>]+>|\{[^}]*\}", "", paragraph).strip()
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", re.sub(r"\[@[^\]]*\]|[*`_]", "", text))
        if len(text) > 40 and not text.startswith(("#", "|", "-", ":::", "!!!", "???", "<", "$")):
            text = " ".join(text.split())
            return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " …"
    return ""


def on_env(env: Any, config: Any, files: Any) -> None:
    """Keeps the files of this build, by which a page finds its counterpart."""
    global _files
    _files = files


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """French pages say so to browsers and screen readers, and pairs of pages know each other."""
    language = context["page_lang"] = page.meta.get("lang", "en")
    found = languages.counterpart(page.file.src_uri, language)
    if found:
        if (other := _files.get_file_from_path(found.uri)) is None:
            raise PluginError(f"{page.file.src_uri} has no counterpart {found.uri}")
        context |= {"counterpart": found, "counterpart_url": other.url.removeprefix("./")}
    return context


def on_post_page(output: str, page: Any, config: Any) -> str:
    """Names landmarks, in French on French pages, and leaves out what a page does not need."""
    output = menu.filled(output, page.url, Path(config.docs_dir))
    for needed, files in ONLY_WITH.items():
        if needed not in output:
            tag = rf"<(?:link|script)[^>]*{files}[^>]*>(?:</script>)?"
            output = re.sub(tag, "", output)
    output = with_landmarks(formulas.reserved(output))
    output = CODE.sub(lambda found: FLAG.sub(r'<span class="whole">\g<0></span>', found[0]), output)
    return languages.labelled(output) if page.meta.get("lang") == "fr" else output


def on_post_template(output_content: str, template_name: str, config: Any) -> str:
    """The page for what is not found is no page to MkDocs: a template."""
    return with_landmarks(output_content) if template_name == "404.html" else output_content


def with_landmarks(output: str) -> str:
    """Names for screen readers where Material has none."""
    for pattern, replacement in LANDMARKS:
        output = re.sub(pattern, replacement, output)
    return output
