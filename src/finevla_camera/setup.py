from setuptools import find_packages, setup

setup(
    name="finevla_camera",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_camera": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_camera"]),
        ("share/finevla_camera", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Camera ingest node: time-aligned images and joint state to one Observation.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["camera_ingest = finevla_camera.executables:camera_ingest"]},
)
