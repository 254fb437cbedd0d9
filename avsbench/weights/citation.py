"""The paper of a system, out of CITATION.cff."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_PACKAGE = Path(__file__).resolve().parents[1]
# A wheel has the file inside the package, see setup.py; a checkout has it beside it.
_PLACES = (_PACKAGE / 'CITATION.cff', _PACKAGE.parent / 'CITATION.cff')
_KINDS = {'conference-paper': 'inproceedings', 'article': 'article'}


@cache
def references() -> tuple[dict[str, Any], ...]:
    """The papers that CITATION.cff names."""
    path = next(place for place in _PLACES if place.is_file())
    return tuple(yaml.safe_load(path.read_text(encoding='utf-8'))['references'])


def bibtex(paper: str) -> str:
    """The entry for a paper.

    Args:
        paper: An arXiv id or a repository, as `System.paper` has it.

    Raises:
        LookupError: CITATION.cff has no such reference.
    """
    found = [entry for entry in references() if paper in entry.get('notes', '')]
    if not found:
        raise LookupError(f'CITATION.cff has no reference for {paper}')
    return _entry(found[0], paper)


def _entry(reference: Mapping[str, Any], paper: str) -> str:
    first = reference['authors'][0]
    authors = [_author(author) for author in reference['authors']]
    key = re.sub(r'\W', '', first.get('family-names') or first.get('alias') or first['name'])
    year = reference['year']
    lines = [
        f'@{_KINDS.get(reference["type"], "misc")}{{{key.lower()}{year},',
        f'  title = {{{reference["title"]}}},',
        f'  author = {{{" and ".join(authors)}}},',
        f'  year = {{{year}}},',
    ]
    if 'conference' in reference:
        lines.append(f'  booktitle = {{{reference["conference"]["name"]}}},')
    if 'journal' in reference:
        lines.append(f'  journal = {{{reference["journal"]}}},')
    return '\n'.join([*lines, f'  note = {{{paper}}},', '}'])


def _author(author: Mapping[str, str]) -> str:
    if author.get('name') == 'and others':
        return 'others'
    if 'family-names' in author:
        return f'{author["family-names"]}, {author.get("given-names", "")}'.rstrip(', ')
    return author.get('alias') or author['name']
