"""The names of the verbs, and what each does in one line."""

VERBS = {
    'train': 'train a network',
    'test': 'test a checkpoint',
    'video': 'mark the sounding or moving objects of a video',
    'page': 'the same in the browser, on a local page',
    'show': 'draw what a checkpoint predicts for test clips',
    'score': 'score masks of any system, saved as PNGs',
    'compare': 'compare results of tests on the same clips',
    'analyze': 'one result by class, area of the object, number of sources',
    'robustness': 'measure what a network marks with other sounds',
    'curves': 'draw losses, learning rate and metrics of trainings',
    'flops': 'parameters, operations and memory of a network',
    'config': 'print a config with its bases, or what differs between two',
    'data check': 'check the files of a data set',
    'data prepare': 'make frames and wav from video files',
    'data maskiges': 'make Maskiges, the second input of COMBO and VCT',
    'data browse': 'draw what the pipeline of a config makes of its clips',
    'synthetic clips': "make clips in AVSBench's layout",
    'synthetic trees': 'make videos in the layouts of DAVIS, MoCA ...',
    'synthetic videos': 'make videos and masks, to try custom data with',
    'synthetic twins': 'show on videos that the masks follow the audio',
    'synthetic listening': 'train with and without audio, and compare with the ceiling',
    'synthetic moving': 'train on videos, test without motion, compare with the ceiling',
    'synthetic systems': 'compare all systems, made small',
    'convert': 'rename the keys of a checkpoint',
    'publish': 'strip a training checkpoint to its weights, push them to a hub',
    'fetch': 'download published weights by name',
    'export': 'write a network as ONNX, or for torch.export.load',
    'parity': 'show that the code equals the published one on fixtures',
    'bundle': 'pack, check and repeat trainings',
    'refine': 'refine masks on DAVIS by the dense CRF',
    'info': 'versions, devices, and where the configs are',
    'list': 'list configs, systems, encoders or published weights',
    'completion': 'print the completion script of a shell',
}
"""Verb -> what it does. Two words are a family and its member."""

FAMILIES = {
    'data': 'check, prepare and look at data',
    'synthetic': 'make synthetic data, and show with them what a network uses',
}


def members(family: str) -> dict[str, str]:
    """The verbs of a family by their second word."""
    start = f'{family} '
    return {name.removeprefix(start): VERBS[name] for name in VERBS if name.startswith(start)}
