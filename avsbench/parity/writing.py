"""Writing a fixture from what a published code base returned."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from avsbench.parity.fixture import Fixture


def write_fixture(
    path: str | Path, content: Mapping[str, Any], outputs: Mapping[str, Tensor], most: int = 20_000
) -> Fixture:
    """Write `NAME.json` and `NAME.npz`; `seeded.py` must be beside them or one folder up.

    Args:
        path: The json file.
        content: `system`, `variant`, `checkpoint` ([[key, shape, dtype], ...], the published state
            dict), `inputs` (name -> `function` of `seeded.py` and its `args`), `losses` and
            `grad_norms` (name -> number, None where no gradient arrives), and what else the
            system's parity run reads.
        outputs: Everything that is worth a comparison, from the features to the prediction.
        most: Values stored of an output: of a larger one only every stride-th is.

    Returns:
        The fixture, as it is read.
    """
    path = Path(path)
    described, stored = {}, {}
    for name, value in outputs.items():
        stride = math.ceil(value.numel() / most)
        described[name] = {'shape': list(value.shape), 'stride': stride}
        stored[name] = value.detach().cpu().flatten()[::stride].numpy().astype(np.float32)
    scalars = {
        kind: {
            name: None if value is None else float(value) for name, value in content[kind].items()
        }
        for kind in ('losses', 'grad_norms')
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**content, 'outputs': described, **scalars}, indent=1) + '\n')
    np.savez_compressed(path.with_suffix('.npz'), **stored)
    return Fixture(path)
