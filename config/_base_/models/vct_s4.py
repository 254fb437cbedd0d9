# VCT with a prototype for each category of S4, in the published order, on which weights depend.
_base_ = './vct.py'
categories = ['helicopter', 'mynah_bird_singing', 'typing_on_computer_keyboard', 'playing_violin']
categories += ['playing_glockenspiel', 'playing_piano', 'lions_roaring', 'baby_laughter']
categories += ['male_speech', 'lawn_mowing', 'playing_ukulele', 'playing_tabla', 'driving_buses']
categories += ['cap_gun_shooting', 'chainsawing_trees', 'playing_acoustic_guitar', 'cat_meowing']
categories += ['female_singing', 'ambulance_siren', 'dog_barking', 'horse_clip-clop']
categories += ['coyote_howling', 'race_car']
model = dict(
    decode_head=dict(
        query_generator=dict(num_prototypes=23),
        loss_prototype=dict(
            _delete_=True,
            type='PrototypeAudioLoss',
            categories=categories,
            init_temperature=0.07,
            loss_weight=1.0,
        ),
    ),
)
