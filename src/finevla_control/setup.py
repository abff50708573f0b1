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
            "safety_bridge = finevla_control.bridge_node:main",
            "motion = finevla_control.motion_node:main",
            "safety_watchdog = finevla_control.watchdog_node:main",
            "piper_driver = finevla_control.piper_node:main",
            "vendor_bridge = finevla_control.vendor_node:main",
            "robot_state_publisher = finevla_control.robot_state_node:main",
            "piper_estop = finevla_control.piper.estop:main",
        ]
    },
)
