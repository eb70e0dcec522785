"""A shorter start: every test starts an endpoint of its own, so its start is paid many times.

moto reads, at import, which instance types each region of the world offers: a third of its start,
for an answer that no test asks for. Importing this module leaves those files unread.
"""

from moto.utilities import utils

_load = utils.load_resource


def _load_resource(path, *args, **kwargs):
    return [] if "instance_type_offerings" in str(path) else _load(path, *args, **kwargs)


utils.load_resource = _load_resource
