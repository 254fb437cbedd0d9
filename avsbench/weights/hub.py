"""Checkpoints on huggingface.co: pushed with a model card, and loaded by `hf:USER/REPO`."""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from avsbench.utils.errors import AVSBenchError, CheckpointError, ConfigError, examples
from avsbench.utils.extras import require

PREFIX = 'hf:'
_ADDRESS = re.compile(r'hf:(?P<repo>[\w.-]+/[\w.-]+)(?:/(?P<file>[^@]+))?(?:@(?P<revision>\S+))?')
_SAFE = '.safetensors'
_PICKLES = ('.pth', '.pt', '.bin', '.ckpt')


class HubAddress(NamedTuple):
    """What `hf:USER/REPO[/FILE][@REVISION]` says.

    Attributes:
        repo: 'USER/REPO'.
        file: In the repository; None for its only one.
        revision: Branch, tag or commit; None for the main branch.
    """

    repo: str
    file: str | None
    revision: str | None


def parse_address(text: str) -> HubAddress:
    """Take an address apart.

    Raises:
        CheckpointError: It is none.
    """
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise CheckpointError(
            f'{text}: expected hf:USER/REPO, with @REVISION for one of its states'
        )
    return HubAddress(match['repo'], match['file'], match['revision'])


def fetch_from_hub(text: str, *, trust: bool = False) -> Path:
    """Download a checkpoint of a repository into the hub's own cache.

    Args:
        text: See `HubAddress`.
        trust: Take a pickle where there are no safetensors.

    Returns:
        The file, which has the name that it has there.

    Raises:
        ConfigError: The package huggingface_hub is missing.
        CheckpointError: There is no such repository, revision or file; several to choose from; or
            pickles alone.
    """
    address = parse_address(text)
    hub = require('huggingface_hub', 'checkpoints of huggingface.co')
    with _explained(text):
        api = hub.HfApi()
        names = api.list_repo_files(address.repo, revision=address.revision)
        file = _choose(address, names, text, trust=trust)
        return Path(api.hf_hub_download(address.repo, file, revision=address.revision))


def push_to_hub(files: dict[str, Path | str], repo: str, *, private: bool = False) -> str:
    """Put files into a repository, which is made if there is none, in one commit.

    Other safetensors in it are removed, so that `hf:USER/REPO` names one file.

    Args:
        files: Name in the repository -> a file, or the text of one.
        repo: 'USER/REPO'.
        private: Of a new repository.

    Returns:
        Address of the commit.

    Raises:
        ConfigError: The package huggingface_hub or a token is missing.
        CheckpointError: The hub refuses, or more than a repository is named.
    """
    if parse_address(PREFIX + repo).repo != repo:
        raise CheckpointError(
            f'{repo}: expected USER/REPO to push to, without a file or @REVISION: what is pushed '
            'goes to the main branch'
        )
    hub = require('huggingface_hub', 'pushing to huggingface.co')
    if hub.get_token() is None:
        raise ConfigError(
            f'pushing to {repo} needs a token of huggingface.co that may write: run `hf auth '
            'login`, or set HF_TOKEN'
        )
    with _explained(PREFIX + repo), tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            if isinstance(content, Path):
                Path(folder, name).symlink_to(content.resolve())
            else:
                Path(folder, name).write_text(content, encoding='utf-8')
        api = hub.HfApi()
        api.create_repo(repo, private=private, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repo,
            folder_path=folder,
            commit_message=f'Upload {", ".join(files)}',
            delete_patterns=[f'*{_SAFE}'],
        )
    return str(commit.commit_url)


def _choose(address: HubAddress, names: list[str], text: str, *, trust: bool) -> str:
    """The file of weights in a repository."""
    if address.file is not None:
        if address.file not in names:
            raise CheckpointError(f'{text}: the repository holds {examples(names)}')
        found = [address.file]
    else:
        found = [name for name in names if name.endswith(_SAFE)]
        if not found:
            found = [name for name in names if PurePosixPath(name).suffix in _PICKLES]
    if not found:
        raise CheckpointError(f'{text}: no weights in the repository; it holds {examples(names)}')
    if len(found) > 1:
        listed = examples(f'hf:{address.repo}/{name}' for name in sorted(found))
        raise CheckpointError(f'{text}: several files of weights; name one of them: {listed}')
    if not found[0].endswith(_SAFE) and not trust:
        raise CheckpointError(
            f'{text}: {found[0]} is a pickle, which can run code, and only {_SAFE} files are taken '
            'from a hub. If you trust its makers, pass --trust-checkpoint'
        )
    return found[0]


@contextmanager
def _explained(text: str) -> Iterator[None]:
    """What the hub answers, in terms of what the user gave."""
    import httpx  # a dependency of huggingface_hub

    errors = require('huggingface_hub.errors', 'checkpoints of huggingface.co')
    try:
        yield
    except AVSBenchError:
        raise
    except errors.GatedRepoError as error:
        raise CheckpointError(
            f'{text}: access is granted by its makers: ask for it on '
            f'https://huggingface.co/{parse_address(text).repo}, then run `hf auth login`'
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise CheckpointError(
            f'{text}: no such repository on huggingface.co, or a private one that your token does '
            'not open (`hf auth login`, or HF_TOKEN)'
        ) from error
    except errors.RevisionNotFoundError as error:
        raise CheckpointError(
            f'{text}: no revision {parse_address(text).revision!r} in the repository'
        ) from error
    except errors.HFValidationError as error:
        raise CheckpointError(f'{text}: {error}') from error
    except (errors.HfHubHTTPError, httpx.HTTPError, OSError) as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise CheckpointError(f'{text}: huggingface.co: {reason[0]}') from error
