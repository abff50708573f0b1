from setuptools import find_packages, setup

setup(
    name="finevla_models",
    version="0.1.0",
    packages=find_packages(exclude=["test"]),
    package_data={"finevla_models": ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/finevla_models"]),
        ("share/finevla_models", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    description="Torch definitions: backbones, action heads, losses.",
    license="Apache-2.0",
)
