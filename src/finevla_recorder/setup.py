from setuptools import find_packages, setup

setup(
    name="finevla_recorder",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_recorder": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_recorder"]),
        ("share/finevla_recorder", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Episode recorder node: the topics of the running stack to rosbag2 (MCAP) recordings.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["recorder = finevla_recorder.executables:recorder"]},
)
