"""Documents, messages and docstrings use plain words: none of these idioms comes back."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TEXTS = [
    path
    for pattern in ('*.md', '*.sh', 'Makefile', 'Dockerfile', 'docs/**/*.md', 'ops/*.*')
    for path in ROOT.glob(pattern)
    if path.suffix not in ('.so', '.whl')
] + [
    path
    for folder in ('avsbench', 'tools', 'demo', 'config')
    for path in (ROOT / folder).rglob('*')
    if path.suffix in ('.py', '.md')
]
UNITS = 'frames|masks|ms|clips|steps|iterations|images|tokens|points|seconds of video'
IDIOMS = {
    'mend, say fix': r'\bmend(s|ed)?\b',
    'a for per': rf'\b({UNITS}) an? (second|step|frame|clip|epoch|level|video|image)\b',
    'owed, say due': r'\bowed to\b',
    'a network hears nothing': r'\bhears?\b|\bheard\b',
    'say what makes the sound': r'\b(of|mark) what (is sounding|sounds)\b|what is sounding',
    'say succeed': r'\bend well\b',
    'say given by the authors': r'\bgiven out\b|\bgive theirs\b',
}


@pytest.mark.parametrize('idiom', IDIOMS)
def test_idiom_is_absent(idiom: str) -> None:
    assert len(TEXTS) > 300
    found = [
        f'{path.relative_to(ROOT)}: {match[0]}'
        for path in TEXTS
        for match in re.finditer(IDIOMS[idiom], path.read_text())
    ]
    assert found == [], idiom


def test_an_idiom_is_found() -> None:
    assert re.search(IDIOMS['a for per'], 'F masks a second, 5 s')
    assert not re.search(IDIOMS['mend, say fix'], 'recommended amendments')
