from setuptools import find_packages, setup

setup(
    name="finevla_sim",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_sim": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_sim"]),
        ("share/finevla_sim", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="MuJoCo Cobot Magic that answers on the robot's own topics; scenes, tasks, demonstrator.",
    license="Apache-2.0",
    entry_points={"console_scripts": ["simulator = finevla_sim.executables:simulator"]},
)
