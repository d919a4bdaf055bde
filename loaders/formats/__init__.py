"""The forms of sources, one module each: from files to tables, by a function ``tables``.

:data:`loaders.opening.FORMS` names them.
"""
