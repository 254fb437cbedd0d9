"""Kept predictions give what the network gave, for any threshold, without it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from video_clips import HIGH, LOW, tone, toy_listener, write_video

from avsbench.apis import AVSInferencer
from avsbench.apis.summary import VideoSummary
from avsbench.page.recording import Recording


@pytest.mark.parametrize('kind', ['s4', 'avss'])
def test_another_threshold_needs_no_network(tmp_path: Path, kind: str) -> None:
    config, checkpoint = toy_listener(tmp_path, kind)
    inferencer = AVSInferencer(config, checkpoint, device='cpu')
    video = write_video(tmp_path / 'in.mp4', 75, tone([LOW, HIGH, LOW]))
    recording = Recording(inferencer, str(video), {})
    first = list(recording.stream(str(video)))
    recording.finish(VideoSummary())
    calls = list(inferencer.model.lengths)
    assert calls

    for threshold in (None, 0.001, 0.9):
        again = list(recording.stream(str(video), threshold=threshold))
        assert len(again) == len(first)
        for ours, theirs in zip(again, first, strict=True):
            expected = replace(theirs, threshold=threshold).masked()
            assert all(map(np.array_equal, ours.masked(), expected))
    assert (again[0].masked()[0] > 0).any() and not (again[0].masked()[0] > 0).all()
    assert inferencer.model.lengths == calls


def test_only_frames_that_are_shown_are_kept(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu')
    video = write_video(tmp_path / 'in.mp4', 50, tone([LOW, HIGH]))
    recording = Recording(inferencer, str(video), {})
    stream = recording.stream(str(video))
    found = [next(stream), next(stream)]  # nobody asks whether there are more
    summary = VideoSummary()
    summary.add(found[1], found[1].table_rows(*found[1].masked(), inferencer.classes))
    recording.finish(summary)
    sizes = [prediction.frame.shape[0] for prediction in recording.stream(str(video))]
    assert sizes == [1, found[1].frame.shape[0]]


def test_its_files_are_removed(tmp_path: Path) -> None:
    inferencer = AVSInferencer(*toy_listener(tmp_path), device='cpu')
    video = write_video(tmp_path / 'in.mp4', 25, tone([LOW]))
    recording = Recording(inferencer, str(video), {})
    list(recording.stream(str(video)))
    (file,) = Path(recording._folder.name).iterdir()
    recording.close()
    assert not file.exists()
