"""Classes of VSPW (Miao et al., CVPR 2021)."""

from avsbench.layouts.avss_classes import palette
from avsbench.media.palettes import VOID
from avsbench.utils.errors import DataError
from avsbench.utils.text import read_json

_OTHERS = 'others'  # its number on disk is 0; it is no class

CLASSES = (
    'wall ceiling door stair ladder escalator Playground_slide handrail_or_fence window rail goal '
    'pillar pole floor ground grass sand athletic_field road path crosswalk building house bridge '
    'tower windmill well_or_well_lid other_construction sky mountain stone wood ice snowfield '
    'grandstand sea river lake waterfall water billboard_or_Bulletin_Board sculpture pipeline '
    'flag parasol_or_umbrella cushion_or_carpet tent roadblock car bus truck bicycle motorcycle '
    'wheeled_machine ship_or_boat raft airplane tyre traffic_light lamp person cat dog horse '
    'cattle other_animal tree flower other_plant toy ball_net backboard skateboard bat ball '
    'cupboard_or_showcase_or_storage_rack box traveling_case_or_trolley_case basket '
    'bag_or_package trash_can cage plate tub_or_bowl_or_pot bottle_or_cup barrel fishbowl bed '
    'pillow table_or_desk chair_or_seat bench sofa shelf bathtub gun commode roaster '
    'other_machine refrigerator washing_machine Microwave_oven fan curtain textiles clothes '
    'painting_or_poster mirror flower_pot_or_vase clock book tool blackboard tissue '
    'screen_or_television computer printer Mobile_phone keyboard other_electronic_product fruit '
    'food instrument train'
).split()
"""Class names in the order of their indices, 0 to 123; on disk they are numbered from 1."""


def class_colours(count: int) -> list[list[int]]:
    """RGB of the classes by PASCAL VOC's rule, without its first colour, black for background."""
    return palette(count + 1)[1:].tolist()


def read_classes(path: str) -> tuple[str, ...]:
    """Class names of `label_num_dic_final.json` in the order of their numbers, from 1.

    Args:
        path: The file; object of class name -> number, as text. Without it the published classes
            are meant.

    Raises:
        DataError: It is malformed.
    """
    try:
        table = read_json(path)
        numbers = {name: int(number) for name, number in table.items()}
    except FileNotFoundError:
        return tuple(CLASSES)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise DataError(
            f'{path}: not a readable table of classes ({error}). Restore it from the download'
        ) from error
    names = sorted(numbers, key=numbers.get)
    expected = list(range(len(names)))
    if sorted(numbers.values()) != expected or names[:1] != [_OTHERS] or not 1 < len(names) <= VOID:
        raise DataError(
            f'{path}: expected an object of {_OTHERS!r} with the number 0 and up to {VOID - 1} '
            'class names with the numbers 1, 2, ... each once. Restore it from the download'
        )
    return tuple(names[1:])
