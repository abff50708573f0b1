from setuptools import find_packages, setup

setup(
    name="finevla_policy",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_policy": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_policy"]),
        ("share/finevla_policy", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Policy node (lifecycle): instruction and observation to ActionChunk.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["policy = finevla_policy.executables:policy"]},
)
