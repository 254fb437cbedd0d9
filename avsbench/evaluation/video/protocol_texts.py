"""What each number of the video metrics is, for the table of results."""

_COUNTS = {
    'videos': 'with at least one scored frame',
    'videos_without_annotation': 'left out',
    'frames': 'annotated and scored',
}
_DAVIS = {
    'mIoU': 'IoU of masks, mean over a video, then over videos (MED-VT): all frames count',
    'J_mean': 'official: the same without the first and the last frame of each video',
    'J_recall': 'official: share of frames with an IoU above 0.5, mean over videos',
    'J_decay': 'official: IoU of the first quarter of a video less that of the last',
    'F_mean': 'official: F-measure of boundaries, as J_mean',
    'F_recall': 'official: share of frames with an F above 0.5, mean over videos',
    'F_decay': 'official: F of the first quarter of a video less that of the last',
    'videos_too_short': 'of one or two frames: without official numbers',
}
_YOUTUBE_OBJECTS = {
    'mIoU': 'mean over the classes',
    'IoU_(.+)': 'IoU of masks, mean over a sequence, then over the sequences of {}',
    'sequences': 'with an annotated frame; their shots are pooled',
}
_MOCA = {
    'mIoU': 'IoU of boxes, mean over a video, then over videos',
    'IoU_(.+)': 'IoU of boxes, mean over all frames of {}; -1: there are none',
    r'success_([\d.]+)': 'share of all frames whose box has an IoU above {}',
    r'success_([\d.]+)_.+': 'share of the frames of this motion with an IoU above {}',
    'frames_.+': 'with this motion',
}
_A2D = {
    'mIoU': 'per frame, right pixels among those with a class; mean over a video, then over videos',
    'mIoU_last_frame': "the last annotated frame of each video alone (MED-VT's branch `medvt`)",
    'mIoU_dataset': 'IoU of pixels summed over the set, mean of the classes in the target',
    'class_accuracy_dataset': 'recall of pixels summed over the set, mean of these classes',
    'pixel_accuracy_dataset': 'share of all pixels with the right class',
    'frames_without_foreground': 'neither in label nor in prediction: left out unless asked for',
}
_VSPW = {
    'mIoU': 'pixels summed over the set, mean of the classes in the target (VSPW)',
    'mIoU_union': 'mean of the classes in target or prediction instead (mmsegmentation)',
    'fwIoU': "weighted by the classes' shares of the target",
    'pixel_accuracy': 'share of pixels with the right class',
    'class_accuracy': 'recall, mean of the classes in the target',
    'video_mIoU': 'mIoU of each video, mean over videos',
    'video_fwIoU': 'fwIoU of each video, mean over videos',
    r'VC(\d+)': 'consistency of windows of {} frames, in videos longer than the longest window',
    r'VC(\d+)_all': 'the same in all videos',
    'windows_undefined': 'without a pixel that keeps its label: left out',
}

# A number that only one metric has -> texts of its numbers.
TEXTS = {
    marker: texts | _COUNTS
    for marker, texts in (
        ('J_mean', _DAVIS),
        ('sequences', _YOUTUBE_OBJECTS),
        ('frames_static', _MOCA),
        ('mIoU_last_frame', _A2D),
        ('video_fwIoU', _VSPW),
    )
}
