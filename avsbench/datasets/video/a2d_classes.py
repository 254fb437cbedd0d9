"""Classes of A2D (Xu et al., CVPR 2015): an actor that does something.

The index of a class is ten times the number of the actor plus that of the action. Many of the 80
indices never occur: the ones below 11, those that end with 0, and pairs such as a ball that climbs.
"""

ACTORS = ('adult', 'baby', 'ball', 'bird', 'car', 'cat', 'dog')
ACTIONS = (
    *('climbing', 'crawling', 'eating', 'flying', 'jumping'),
    *('rolling', 'running', 'walking', 'none'),
)
NUM_CLASSES = 80


def _name(index: int) -> str:
    actor, action = divmod(index, 10)
    if index == 0:
        return 'background'
    if actor == 0 or action == 0:
        return f'unused-{index}'
    return f'{ACTORS[actor - 1]}-{ACTIONS[action - 1]}'


CLASSES = tuple(_name(index) for index in range(NUM_CLASSES))
"""Class names in the order of their indices."""
