"""A hook of mkdocs: what pages point at outside docs/ becomes part of the site.

Pages are read in the repository too, where `../../benchmarks/dense.md` is a file. On
the site that page, and whatever it points at itself, lies below `repository/`.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOM = "repository"
# The tests' marks on a block of code, which Markdown on the site would not read.
MARKS = re.compile(r"^(```python) .*$", re.MULTILINE)
# In the line, or below the page under a name; not to an address.
LINK = re.compile(r"(\]\(|^\[[\w-]+\]: )(?!\w+:)([^)\s#]+)", re.MULTILINE)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds all files that a page leads to."""
    docs = Path(config.docs_dir)
    waiting = [docs / file.src_uri for file in files if file.is_documentation_page()]
    known = set(waiting)
    while waiting:
        page = waiting.pop()
        for _, target in LINK.findall(page.read_text("utf-8")):
            path = Path(posixpath.normpath(page.parent / target))
            if path in known or not path.is_file():
                continue
            known.add(path)
            if not path.is_relative_to(docs):
                uri = f"{ROOM}/{path.relative_to(docs.parent).as_posix()}"
                files.append(File.generated(config, uri, abs_src_path=str(path)))
            if path.suffix == ".md":
                waiting.append(path)
    return files


def on_page_markdown(
    markdown: str, page: Page, config: MkDocsConfig, files: Files
) -> str:
    """Turns links to and from the rest of the repository into links of the site."""
    docs = Path(config.docs_dir)
    home = posixpath.dirname(page.file.src_uri)
    folder = posixpath.dirname(_place(page.file.src_uri, docs.name))

    def link(match: re.Match) -> str:
        place = posixpath.normpath(posixpath.join(folder, match[2]))
        uri = place.removeprefix(f"{docs.name}/")
        if uri == place:
            uri = f"{ROOM}/{place}"
        return match[1] + posixpath.relpath(uri, home or ".")

    return MARKS.sub(r"\1", LINK.sub(link, markdown))


def _place(uri: str, docs: str) -> str:
    """Where in the repository a page of the site lies."""
    if uri.startswith(f"{ROOM}/"):
        return uri.removeprefix(f"{ROOM}/")
    return f"{docs}/{uri}"
