# The YouTube-Objects-like synthetic videos at 64 px.
_base_ = './youtube_objects.py'
data_root = 'data/synthetic/YTO'
resize = dict(type='ClipResizeShorter', shorter=64, masks=False)
test = dict(data_root=data_root, pipeline=[_base_.load, resize, _base_.pack])
test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
