"""Make a virtual environment with the ROS wheels look like /opt/ros/jazzy: scripts that a workspace can be built on.

colcon records the environment as its underlay, so that `. install/setup.bash` alone is enough afterwards.
"""

import sys
from pathlib import Path

TEMPLATE = """# Made by tools/setup/underlay.py: the ROS 2 wheels of this environment as an underlay.
_finevla_prepend() {{
  eval "_finevla_now=\\"\\${{$1:-}}\\""
  case ":$_finevla_now:" in
    *":$2:"*) ;;
    *) eval "export $1=\\"$2${{_finevla_now:+:$_finevla_now}}\\"" ;;
  esac
  unset _finevla_now
}}
_finevla_prepend AMENT_PREFIX_PATH "{prefix}"
_finevla_prepend CMAKE_PREFIX_PATH "{prefix}"
_finevla_prepend PATH "{prefix}/bin"
{libraries}
unset -f _finevla_prepend
export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
export ROS_AUTOMATIC_DISCOVERY_RANGE="${{ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}}"
"""


def script(prefix: Path, libraries: list[Path]) -> str:
    """Text of the script, for sh, bash and zsh alike."""
    lines = "\n".join(f'_finevla_prepend LD_LIBRARY_PATH "{path}"' for path in libraries)
    return TEMPLATE.format(prefix=prefix, libraries=lines)


def write(prefix: Path) -> None:
    """Write `setup.*` and `local_setup.*` into the environment."""
    libraries = [prefix / "lib", *sorted(prefix.glob("lib/python3*/site-packages/ros_*.libs"))]
    text = script(prefix, libraries)
    for name in ("setup", "local_setup"):
        for shell in ("sh", "bash", "zsh"):
            (prefix / f"{name}.{shell}").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.prefix))
    print("wrote setup scripts into the environment")
