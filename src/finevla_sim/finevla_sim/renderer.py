"""Off-screen pictures of MuJoCo models; one GL context serves every scene, because making one takes longer than a scene.

All models here share their assets (no meshes, one sky), which is what lets them share the context. What a camera cannot see
is not sent to OpenGL, which would find out for itself, at length: the pictures are the same to the last bit.
"""

import math
from collections.abc import Sequence

import mujoco
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_sim.mujoco_model import FLOOR, MAX_PICTURE, VISUAL_GROUP

MAX_GEOMS = 400
HIDDEN_GROUP = 5  # of geoms, drawn never
SPARE = 1.01  # of the width of view, for what is just beside it
CORNERS = np.array([[1.0, 1.0, -1.0], [1.0, -1.0, -1.0], [-1.0, 1.0, -1.0], [-1.0, -1.0, -1.0]])  # of a picture


class Renderer:
    """Off-screen renderer: `picture` draws the model given last to `look_at`; raises `FineVLAError` without OpenGL."""

    def __init__(self, model: mujoco.MjModel) -> None:
        height, width = MAX_PICTURE
        try:
            self._gl = mujoco.GLContext(width, height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:  # whatever the GL backend raises
            raise FineVLAError(
                f"cannot render without a display ({error}); install libegl1 libgl1-mesa-dri libgles2 with apt"
            ) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._option = mujoco.MjvOption()
        self._option.geomgroup[:] = 0
        self._option.geomgroup[VISUAL_GROUP] = 1
        self.look_at(model)

    def look_at(self, model: mujoco.MjModel) -> None:
        """Set the model that `picture` draws."""
        self._model, self._groups = model, model.geom_group.copy()
        self._floor = model.geom(FLOOR).size[:2].tolist()
        self._scene = mujoco.MjvScene(model, MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False

    def picture(self, data: mujoco.MjData, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Render a named camera's image, `(H, W, 3)` RGB, for `size` (H, W)."""
        height, width = size
        picture = np.empty((height, width, 3), np.uint8)
        self.draw(data, camera, picture)
        return picture

    def draw(self, data: mujoco.MjData, camera: str, picture: NDArray[np.uint8]) -> None:
        """Render a named camera's image into `picture` (H, W, 3), RGB."""
        self._gl.make_current()
        height, width = picture.shape[:2]
        self._fill_scene(data, self._model.camera(camera).id, width / height)
        frame = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(frame, self._scene, self._context)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, frame, self._context)
        picture[:] = pixels[::-1]  # OpenGL's first row is the lowest

    def _fill_scene(self, data: mujoco.MjData, camera: int, aspect: float) -> None:
        """Put into the scene what the camera may see."""
        model = self._model
        up = SPARE * math.tan(math.radians(model.cam_fovy[camera]) / 2)
        slope = np.array([aspect * up, up])
        position, rotation = data.cam_xpos[camera], data.cam_xmat[camera].reshape(3, 3)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SKYBOX] = not _sees_floor_only(self._floor, position, rotation, slope)
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, camera
        try:
            model.geom_group[_is_outside(model, data, position, rotation, slope)] = HIDDEN_GROUP
            mujoco.mjv_updateScene(model, data, self._option, None, view, mujoco.mjtCatBit.mjCAT_ALL, self._scene)
        finally:
            model.geom_group[:] = self._groups

    def close(self) -> None:
        """Free the OpenGL context; nothing can be drawn afterwards."""
        self._context.free()
        self._gl.free()


def _is_outside(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    position: NDArray[np.float64],
    rotation: NDArray[np.float64],
    slope: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Say of each geom `(G,)` whether the sphere around it lies outside the camera's view; never of planes, which have none.

    The view spans `slope` (2,), right and up, per metre of depth, on either side. MuJoCo's cameras look along -z.
    """
    seen = (data.geom_xpos - position) @ rotation
    radius, depth = model.geom_rbound, -seen[:, 2]
    beyond = (np.abs(seen[:, :2]) - depth[:, None] * slope) / np.hypot(1.0, slope)  # of the nearest side of the view
    return (radius > 0) & ((beyond.max(axis=1) > radius) | (depth < -radius))


def _sees_floor_only(
    floor: Sequence[float], position: NDArray[np.float64], rotation: NDArray[np.float64], slope: NDArray[np.float64]
) -> bool:
    """Say whether the floor, `floor` metres to either side, lies behind all of the picture: it does, if behind its corners."""
    x, y, height = position.tolist()
    corners = (CORNERS * (*slope, 1.0)) @ rotation.T
    return height > 0.0 and all(
        down < 0.0 and abs(x - right * height / down) < floor[0] and abs(y - ahead * height / down) < floor[1]
        for right, ahead, down in corners.tolist()
    )
