from setuptools import find_packages, setup

setup(
    name="finevla_control",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_control": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_control"]),
        ("share/finevla_control", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Safety bridge node: action chunks to controller trajectories, or not; driver of the Piper arm.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "safety_bridge = finevla_control.executables:safety_bridge",
            "motion = finevla_control.executables:motion",
            "safety_watchdog = finevla_control.executables:safety_watchdog",
            "piper_driver = finevla_control.executables:piper_driver",
            "vendor_bridge = finevla_control.executables:vendor_bridge",
            "robot_state_publisher = finevla_control.executables:robot_state_publisher",
            "piper_estop = finevla_control.piper.estop:main",
        ]
    },
)
