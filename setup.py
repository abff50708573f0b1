"""The root package: launch, config, urdf and models as shared data, and the tools with their command line."""

from pathlib import Path

from setuptools import find_packages, setup

NAME = "finevla"
SHARED = ("launch", "config", "urdf", "models")


def shared_files() -> list[tuple[str, list[str]]]:
    """Every file below the shared folders, each installed at the same relative place in share/finevla."""
    found: dict[str, list[str]] = {}
    for top in SHARED:
        for path in sorted(Path(top).rglob("*")):
            if path.is_file() and not any(part.startswith(".") for part in path.parts):
                found.setdefault(f"share/{NAME}/{path.parent}", []).append(str(path))
    return sorted(found.items())


setup(
    name=NAME,
    version="0.1.0",
    package_dir={"": "tools"},
    packages=find_packages("tools"),
    package_data={"finevla_tools": ["py.typed", "annotate/prompts/*", "benchmarks/prompts/*", "report/templates/*", "review/page/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        *shared_files(),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="FineVLA for ROS 2: bring-up and tools",
    license="Apache-2.0",
    entry_points={"console_scripts": ["finevla = finevla_tools.cli:main"]},
)
