from setuptools import find_packages, setup

setup(
    name="finevla_core",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_core": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_core"]),
        ("share/finevla_core", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="The domain, free of ROS and torch: instructions, observations, chunks, bundles, safety.",
    license="Apache-2.0",
)
