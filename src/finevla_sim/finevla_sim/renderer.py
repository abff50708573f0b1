"""Off-screen pictures of MuJoCo models; one GL context serves every scene, because making one takes longer than a scene.

All models here share their assets (no meshes, one sky), which is what lets them share the context.
"""

import mujoco
import numpy as np
from numpy.typing import NDArray

from finevla_core.errors import FineVLAError
from finevla_sim.model import MAX_PICTURE, VISUAL_GROUP

MAX_GEOMS = 400


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
        self._model = model
        self._scene = mujoco.MjvScene(model, MAX_GEOMS)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False

    def picture(self, data: mujoco.MjData, camera: str, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Render a named camera's image, `(H, W, 3)` RGB, for `size` (H, W)."""
        self._gl.make_current()
        view = mujoco.MjvCamera()
        view.type, view.fixedcamid = mujoco.mjtCamera.mjCAMERA_FIXED, self._model.camera(camera).id
        everything = mujoco.mjtCatBit.mjCAT_ALL
        mujoco.mjv_updateScene(self._model, data, self._option, None, view, everything, self._scene)
        height, width = size
        frame = mujoco.MjrRect(0, 0, width, height)
        mujoco.mjr_render(frame, self._scene, self._context)
        pixels = np.empty((height, width, 3), np.uint8)
        mujoco.mjr_readPixels(pixels, None, frame, self._context)
        return pixels[::-1].copy()  # OpenGL's first row is the lowest

    def close(self) -> None:
        """Free the OpenGL context; nothing can be drawn afterwards."""
        self._context.free()
        self._gl.free()
