"""Pictures as addresses that hold them, so that a page needs no further request."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

QUALITY = 88


def as_address(picture: Image.Image) -> str:
    """Return a picture as a data address, encoded here: of what others brought, only pixels reach a page.

    Args:
        picture: The picture.

    Example:
        >>> from PIL import Image
        >>> as_address(Image.new("RGB", (2, 2)))[:23]
        'data:image/jpeg;base64,'
    """
    sink = io.BytesIO()
    picture.save(sink, format="JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(sink.getvalue()).decode()}"
