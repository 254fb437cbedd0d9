import numpy as np

from avsbench.visualization.labels import name_places, wrapped


def test_ids_are_broken_at_their_separators() -> None:
    assert wrapped('horizontal_square/s4_train_0200', 20) == 'horizontal_square/\ns4_train_0200'
    assert wrapped('two words and more', 9) == 'two words\nand more'
    assert wrapped('averylongword and_b', 5) == 'averylongword\nand_b'
    assert wrapped('', 5) == ''


def test_names_stand_inside_the_largest_part() -> None:
    mask = np.full((60, 80), -1)
    mask[5:15, 5:15] = 3
    mask[20:50, 20:60] = 3
    mask[0, 0] = 4  # too small
    ((index, column, row),) = name_places(mask)
    assert index == 3 and 30 <= column <= 50 and 33 <= row <= 37
    assert not list(name_places(np.full((4, 4), -1)))
