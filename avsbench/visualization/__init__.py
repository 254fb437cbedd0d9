from avsbench.visualization.local_visualizer import AVSLocalVisualizer, ClipView

__all__ = ['AVSLocalVisualizer', 'ClipView']
