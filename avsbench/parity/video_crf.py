"""Running our dense CRF on fixtures of the published one."""

import re
from dataclasses import replace

import numpy as np

from avsbench.evaluation.video import crf
from avsbench.parity.fixture import Computed, Fixture, Limit
from avsbench.parity.recipes import Recipes
from avsbench.registry import CHECKERS

PROBABILITY = Limit(1e-4)
LABELS = Limit(0.0, share=0.999)
_TERMS = {
    '': {},
    '_gaussian_only': {'bilateral_weight': 0.0},
    '_bilateral_only': {'spatial_weight': 0.0},
}


@CHECKERS.register_module(name='video_crf')
def run(fixture: Fixture) -> Computed:
    """Compute every output of a fixture of the dense CRF.

    Args:
        fixture: Its `parameters` are those of the CRF, `construct` says how pictures and
            probabilities are made.
    """
    content = fixture.content
    construct, recipes = content['construct'], Recipes(fixture)
    settings = _settings(content['parameters'])
    outputs = {}
    for name, (height, width) in construct['pictures'].items():
        known = {'names': {'name': name}, 'h': height, 'w': width}
        image = recipes.array(construct['picture'], **known).astype(np.uint8).transpose(1, 2, 0)
        levels = recipes.array(construct['probability_file'], **known)
        probability = crf.stretched_probability(levels, settings.power)
        outputs[f'{name}.unary'] = unary = crf.unary_energies(probability, settings.floor)
        outputs[f'{name}.mask'] = crf.refine_mask(image, levels, settings).astype(np.uint8)
        for output in content['outputs']:
            found = re.fullmatch(rf'{re.escape(name)}\.q(\d+)(\w*)', output)
            if found and found[2] in _TERMS:
                changed = replace(settings, iterations=int(found[1]), **_TERMS[found[2]])
                outputs[output] = crf.dense_crf(unary, np.ascontiguousarray(image), changed)[1]
    limits = {name: LABELS if name.endswith('.mask') else PROBABILITY for name in outputs}
    return Computed(outputs, limits=limits)


def _settings(parameters: dict[str, float]) -> crf.CRFSettings:
    return crf.CRFSettings(
        spatial_std=parameters['gauss_sxy'],
        spatial_weight=parameters['gauss_compat'],
        bilateral_std=parameters['bilateral_sxy'],
        color_std=parameters['bilateral_srgb'],
        bilateral_weight=parameters['bilateral_compat'],
        iterations=parameters['iterations'],
        power=parameters['power'],
        floor=parameters['clip'],
    )
