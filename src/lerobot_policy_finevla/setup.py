from setuptools import find_packages, setup

setup(
    name="lerobot_policy_finevla",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"lerobot_policy_finevla": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/lerobot_policy_finevla"]),
        ("share/lerobot_policy_finevla", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="FineVLA's policies as a plug-in of LeRobot: lerobot-train --policy.type=finevla.",
    license="Apache-2.0",
)
