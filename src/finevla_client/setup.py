from setuptools import find_packages, setup

setup(
    name="finevla_client",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_client": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_client"]),
        ("share/finevla_client", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Python client of the running stack: steer, look, move, stop, record.",
    license="Apache-2.0",
)
