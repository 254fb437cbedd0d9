"""The layouts of AVSBench: S4 and MS3 (arXiv 2207.05042), and AVSS (arXiv 2301.13190)."""

from dataclasses import replace

from avsbench.layouts.layout import ClipKind, Layout

S4 = Layout(
    subset='s4',
    folder='Single-source',
    csv='s4_meta_data.csv',
    columns={'name': '{name}', 'start': '0', 'category': '{category}', 'split': '{split}'},
    name_columns=('category', 'name'),
    kinds={'s4': ClipKind(5, first_only=('train',))},
    clip_id='{category}/{name}',
    frame='s4_data/visual_frames/{split}/{category}/{name}/{name}_{k}.png',
    masks={'binary': 's4_data/gt_masks/{split}/{category}/{name}/{name}_{k}.png'},
    maskige='s4_data/pre_SAM_mask/{split}/{category}/{name}/{name}_{k}_mask_color.png',
    wav='s4_data/audio_wav/{split}/{category}/{name}.wav',
    log_mel='s4_data/audio_log_mel/{split}/{category}/{name}',
    first_frame=1,
    short_audio='repeat',
    frame_size=(224, 224),
)

MS3 = Layout(
    subset='ms3',
    folder='Multi-sources',
    csv='ms3_meta_data.csv',
    columns={'video_id': '{name}', 'split': '{split}'},
    name_columns=('video_id',),
    kinds={'ms3': ClipKind(5)},
    clip_id='{video_id}',
    # The published preparation kept the suffix of the video, and made no folders of splits here.
    frame='ms3_data/visual_frames/{video_id}/{video_id}.mp4_{k}.png',
    masks={'binary': 'ms3_data/gt_masks/{split}/{video_id}/{video_id}_{k}.png'},
    maskige='ms3_data/pre_SAM_mask/{video_id}/{video_id}.mp4_{k}_mask_color.png',
    wav='ms3_data/audio_wav/{split}/{video_id}.wav',
    log_mel='ms3_data/audio_log_mel/{split}/{video_id}',
    first_frame=1,
    short_audio='repeat',
    frame_size=(224, 224),
)

AVSS = Layout(
    subset='avss',
    folder='AVSS',
    csv='metadata.csv',
    columns={
        'vid': '{video}',
        'uid': '{name}',
        's_min': '0',
        's_sec': '0',
        'a_obj': '{category}',
        'split': '{split}',
        'label': '{label}',
    },
    name_columns=('label', 'uid'),
    kinds={'v2': ClipKind(10), 'v1m': ClipKind(5), 'v1s': ClipKind(5, first_only=('train',))},
    clip_id='{label}/{uid}',
    frame='{label}/{uid}/frames/{k}.jpg',
    masks={
        'index': '{label}/{uid}/labels_semantic/{k}.png',
        'palette': '{label}/{uid}/labels_rgb/{k}.png',
    },
    # COMBO's Maskiges are made of the frames as they are cut for the network, hence the folder.
    maskige='pre_SAM_mask/AVSBench_semantic/{label}/{uid}/processed_frames/{k}_mask_color.png',
    wav='{label}/{uid}/audio.wav',
    log_mel='{label}/{uid}/audio',
    first_frame=0,
    short_audio='zero',
    maskige_size=(224, 224),
)

# VCT's Maskiges of AVSS are of the frames as they are.
AVSS_WHOLE_FRAMES = replace(
    AVSS,
    maskige='pre_SAM_mask/AVSBench_semantic/{label}/{uid}/frames/{k}_mask_color.png',
    maskige_size=None,
)

LAYOUTS = {layout.subset: layout for layout in (S4, MS3, AVSS)}
