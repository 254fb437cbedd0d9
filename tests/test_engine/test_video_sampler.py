import pytest

from avsbench.engine import samplers
from avsbench.registry import DATA_SAMPLERS


class Videos:
    def __init__(self, *lengths):
        self.videos = [name for name, length in lengths for _ in range(length)]

    def __len__(self):
        return len(self.videos)

    def get_data_info(self, index):
        return {'video': self.videos[index]}


DATASET = Videos(('a', 3), ('b', 9), ('c', 1), ('d', 4), ('e', 2))


def shares(monkeypatch, dataset, processes):
    found = []
    for rank in range(processes):
        monkeypatch.setattr(samplers, 'get_dist_info', lambda rank=rank: (rank, processes))
        sampler = DATA_SAMPLERS.build(dict(type='VideoSampler', dataset=dataset, seed=0))
        assert len(sampler) == len(list(sampler))
        found.append(list(sampler))
    return found


def test_one_process_takes_all(monkeypatch):
    assert shares(monkeypatch, DATASET, 1) == [list(range(19))]


@pytest.mark.parametrize('processes', [2, 3, 7])
def test_whole_videos_in_order_each_once(monkeypatch, processes):
    parts = shares(monkeypatch, DATASET, processes)
    assert sorted(index for part in parts for index in part) == list(range(19))
    assert all(part == sorted(part) for part in parts)
    for video in 'abcde':
        assert sum(video in {DATASET.videos[index] for index in part} for part in parts) == 1


def test_processes_have_about_as_much_to_do(monkeypatch):
    sizes = [len(part) for part in shares(monkeypatch, DATASET, 2)]
    assert sorted(sizes) == [9, 10]
