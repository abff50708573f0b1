"""Raw pictures in brightness and colour difference, as USB cameras and video chips send them, to RGB: OpenCV's conversion.

What is meant by which name is cv_bridge's: "yuv422" is UYVY, "yuv422_yuy2" is YUYV (sensor_msgs/image_encodings).
"""

import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError

# OpenCV's name of the conversion, bytes per pixel in a row, and rows per row of the picture.
YUV = {
    "yuv422": ("COLOR_YUV2RGB_UYVY", 2, (1, 1)),
    "uyvy": ("COLOR_YUV2RGB_UYVY", 2, (1, 1)),
    "yuv422_yuy2": ("COLOR_YUV2RGB_YUY2", 2, (1, 1)),
    "yuyv": ("COLOR_YUV2RGB_YUY2", 2, (1, 1)),
    "nv12": ("COLOR_YUV2RGB_NV12", 1, (3, 2)),
    "nv21": ("COLOR_YUV2RGB_NV21", 1, (3, 2)),
}


def rgb(encoding: str, height: int, width: int, step: int, data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """`(height, width, 3)` of rows of `step` bytes; raises `FineVLAError` if the size or the data do not fit the encoding."""
    code, size, (more, per) = YUV[encoding]
    if height < 1 or width < 2 or width % 2 or height % per:
        sides = "width and height" if per == 2 else "width"
        raise FineVLAError(
            f"image of {width}x{height} {encoding} is not possible: two pixels share a colour, so {sides} must be even"
        )
    if step < width * size:
        raise FineVLAError(f"image of {width}x{height} {encoding} cannot have rows of {step} bytes")
    rows = height * more // per
    if data.size < step * rows:
        raise FineVLAError(f"image has {data.size} bytes, {step * rows} are needed; it was cut on the way")
    try:
        import cv2
    except ImportError as error:
        raise FineVLAError(
            f"image encoding '{encoding}' needs OpenCV (apt: python3-opencv, pip: opencv-python-headless), or have the "
            "driver send rgb8"
        ) from error
    plane = np.ascontiguousarray(data[: step * rows].reshape(rows, step)[:, : width * size])
    if size == 2:
        plane = plane.reshape(height, width, 2)
    return np.asarray(cv2.cvtColor(plane, getattr(cv2, code)), np.uint8)
