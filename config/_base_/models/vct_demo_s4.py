# The small VCT with a prototype for each category of the synthetic S4.
_base_ = './vct_demo.py'
categories = ['solid_disc', 'horizontal_square', 'vertical_diamond', 'diagonal_hexagon']
categories += ['checker_square', 'dots_diamond', 'rings_disc', 'pinwheel_star']
model = dict(
    decode_head=dict(
        query_generator=dict(num_prototypes=8),
        loss_prototype=dict(_delete_=True, type='PrototypeAudioLoss', categories=categories),
    ),
)
