from setuptools import find_packages, setup

setup(
    name="finevla_ros",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_ros": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_ros"]),
        ("share/finevla_ros", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="What every FineVLA node shares: parameters from dataclasses, message conversion, QoS, diagnostics.",
    license="Apache-2.0",
    entry_points={"launch.frontend.launch_extension": ["finevla_ros = finevla_ros.launch_extension"]},
)
