"""Operations in the common form, whichever version of the format their document has."""

from versions.diff.openapi import v2, v3
from versions.diff.openapi.form import ApiOperation
from versions.diff.openapi.read import ApiDocument, Entry


def operation(document: ApiDocument, entry: Entry, method: str) -> ApiOperation:
    """The operation of one entry of a document."""
    path, item, raw, pointer = entry
    read = v2.operation if document.is_v2 else v3.operation
    return read(document, f"{method.upper()} {path}", item, raw, pointer)
