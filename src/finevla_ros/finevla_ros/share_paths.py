"""Where the installed share folder of the package finevla is, and how a robot or bundle is found by its short name."""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from finevla_core.bundle import read_manifest
from finevla_core.errors import FineVLAError


def share() -> Path:
    """The share folder of `finevla` (launch, config, urdf, models)."""
    try:
        return Path(get_package_share_directory("finevla"))
    except PackageNotFoundError as error:
        raise FineVLAError("package 'finevla' is not in this environment; run '. install/setup.bash' first") from error


def robot_file(robot: str) -> Path:
    """A robot file by path, or by name from `config/robots/`."""
    return _find(robot, share() / "config" / "robots", ".yaml", "robot")


def safety_file(safety: str) -> Path | None:
    """A safety file by path, or by name from `config/safety/`; "none" is none."""
    return None if safety == "none" else _find(safety, share() / "config" / "safety", ".yaml", "safety file")


def bundle_directory(bundle: str) -> Path:
    """A policy bundle by path, or by name from `models/`, also "examples/pi0_aloha"."""
    return _find(bundle, share() / "models", "", "bundle")


def bundle_runtime(bundle: str) -> str:
    """What runs a policy bundle ("onnx", "torch" or "remote"); empty for one that cannot be read: who loads it says why."""
    try:
        return read_manifest(bundle_directory(bundle)).runtime
    except FineVLAError:
        return ""


def _find(given: str, folder: Path, suffix: str, what: str) -> Path:
    """A path as it is given, if something is there; else the name below `folder`."""
    is_path = "/" in given or given.endswith((".yaml", ".yml"))
    path = Path(given) if is_path else folder / f"{given}{suffix}"
    if is_path and not path.exists() and ".." not in path.parts and (folder / f"{given}{suffix}").exists():
        path = folder / f"{given}{suffix}"
    if not path.exists():
        files = folder.glob(f"*{suffix}") if suffix else (p.parent for p in folder.rglob("manifest.yaml"))
        known = ", ".join(sorted(str(p.relative_to(folder)).removesuffix(".yaml") for p in files)) or "none"
        raise FineVLAError(f"{what} '{given}' is not at '{path}'; give a path or one of: {known}")
    return path
