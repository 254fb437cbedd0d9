"""Reads yaml as plain data: mmengine's own reader runs whatever call a tag in the file names."""

from typing import Any, TextIO

import yaml
from mmengine.fileio import register_handler
from mmengine.fileio.handlers import YamlHandler

_Loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)


@register_handler(['yaml', 'yml'])
class PlainYamlHandler(YamlHandler):
    """Takes the place of mmengine's handler, for the bases of a config as well."""

    def load_from_fileobj(self, file: TextIO, **kwargs: Any) -> Any:
        """The content of a file; a tag that makes an object is an error."""
        return super().load_from_fileobj(file, **{**kwargs, 'Loader': _Loader})
