# The YouTube-Objects-like synthetic videos at 64 px.
_base_ = './youtube_objects.py'
data_root = 'data/synthetic/YTO'
test = dict(data_root=data_root, pipeline=[_base_.load, _base_.pack])
test_dataloader = dict(batch_size=8, num_workers=1, dataset=test)
