"""Published keys to our keys and back, one adapter per published code base.

An adapter is a list of rules. A rule is a pair of templates with the same fields, such as
`head.transformer.decoder.layers.{i}.linear1.{rest}` and `...layers.{i}.ffn.fc1.{rest}`; a field
`{i}` stands for a number, any other for whatever follows. The first rule that matches a key
renames it, so the same list serves both directions.
"""

import functools
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from torch import Tensor

from avsbench.utils.errors import CheckpointError, examples

_FIELD = re.compile(r'\{(\w+)\}')
StateDict = dict[str, Tensor]


@functools.cache
def _pattern(template: str) -> re.Pattern:
    """The regular expression of a template; cached, since each key is tried on every rule."""
    parts = _FIELD.split(template)  # literal, field, literal, ...
    pieces = [re.escape(part) for part in parts]
    for index in range(1, len(parts), 2):
        content = r'\d+' if parts[index] == 'i' else '.+'
        pieces[index] = f'(?P<{parts[index]}>{content})'
    return re.compile(''.join(pieces))


@dataclass(frozen=True)
class KeyRule:
    """A published key template and ours.

    Attributes:
        published: Template of the published key.
        ours: Template of ours.
        is_row: The published tensor is (1, C), ours (C,).
    """

    published: str
    ours: str
    is_row: bool = False

    def rename(self, key: str, *, to_ours: bool) -> str | None:
        """The other name of `key`, or None where the rule does not match."""
        source, target = (self.published, self.ours) if to_ours else (self.ours, self.published)
        match = _pattern(source).fullmatch(key)
        return target.format(**match.groupdict()) if match else None

    def reshape(self, tensor: Tensor, *, to_ours: bool) -> Tensor:
        """The tensor in the shape of the other side."""
        if not self.is_row:
            return tensor
        return tensor[0] if to_ours else tensor[None]


@dataclass(frozen=True)
class CheckpointAdapter:
    """The keys of one published code base.

    Attributes:
        name: Name of the system, and of the network where it has several.
        head: Type of the decode head that the checkpoints belong to.
        signature: Published keys that only this code base has; all must be there.
        rules: Renaming rules, the first match wins.
        unused: Templates of published keys that the network never reads; they are dropped.
        layout: What follows the system's name in that of the layout, for systems with several.
        audio_prefix: Prefix of our audio encoder's keys, for code bases that keep its weights in
            a separate file; empty where the checkpoint holds them.
        restore_unused: Makes those entries again from a published state dict, so that an
            exported file loads strictly in the published code.
    """

    name: str
    head: str
    signature: tuple[str, ...]
    rules: tuple[KeyRule, ...]
    unused: tuple[str, ...] = ()
    layout: str = ''
    audio_prefix: str = ''
    restore_unused: Callable[[StateDict], StateDict] = field(default=lambda state: {})

    def to_ours(self, state: StateDict) -> tuple[StateDict, list[str]]:
        """Rename a published state dict.

        Args:
            state: Published keys and tensors.

        Returns:
            Our keys and the same tensors; the published keys that were dropped as never read.

        Raises:
            CheckpointError: A key belongs to no rule.
        """
        ours, dropped, unknown = {}, [], []
        for key, tensor in state.items():
            if any(_pattern(template).fullmatch(key) for template in self.unused):
                dropped.append(key)
            elif found := self._find(key, to_ours=True):
                rule, renamed = found
                ours[renamed] = rule.reshape(tensor, to_ours=True)
            else:
                unknown.append(key)
        if unknown:
            raise CheckpointError(
                f'{len(unknown)} keys are unknown to the {self.name} layout: {examples(unknown)}'
            )
        return ours, dropped

    def to_published(self, state: StateDict) -> StateDict:
        """Rename our state dict for the published code; never-read entries are made again.

        An audio encoder that the code base keeps in a separate file is left out, see `audio_part`.

        Args:
            state: Our keys and tensors.

        Raises:
            CheckpointError: A key belongs to no rule.
        """
        published, unknown = {}, []
        for key, tensor in state.items():
            if self.audio_prefix and key.startswith(self.audio_prefix):
                continue
            if found := self._find(key, to_ours=False):
                rule, renamed = found
                published[renamed] = rule.reshape(tensor, to_ours=False)
            else:
                unknown.append(key)
        if unknown:
            raise CheckpointError(
                f'{len(unknown)} keys have no place in the {self.name} layout: {examples(unknown)}'
            )
        return published | self.restore_unused(published)

    def audio_part(self, state: StateDict) -> StateDict:
        """The part of our state dict that goes into the audio encoder's file, without our prefix.

        Empty where the checkpoint itself holds the audio encoder.
        """
        if not self.audio_prefix:
            return {}
        return {
            key.removeprefix(self.audio_prefix): tensor
            for key, tensor in state.items()
            if key.startswith(self.audio_prefix)
        }

    def matches(self, keys: Iterable[str]) -> bool:
        """Whether a state dict with these keys comes from this code base."""
        keys = set(keys)
        return all(key in keys for key in self.signature)

    def rename(self, key: str, *, to_ours: bool) -> str | None:
        """The other name of one key, or None where no rule matches."""
        found = self._find(key, to_ours=to_ours)
        return None if found is None else found[1]

    def _find(self, key: str, *, to_ours: bool) -> tuple[KeyRule, str] | None:
        """The first rule that matches a key, and the key's other name."""
        for rule in self.rules:
            if renamed := rule.rename(key, to_ours=to_ours):
                return rule, renamed
        return None


def prefixed(rules: Iterable[KeyRule], published: str, ours: str) -> tuple[KeyRule, ...]:
    """The same rules below other prefixes."""
    return tuple(
        replace(rule, published=published + rule.published, ours=ours + rule.ours) for rule in rules
    )
