"""The parser of all commands: help that shows defaults, mistakes as one sentence, and options that several commands share."""

import argparse
from pathlib import Path
from typing import Any, NoReturn

from finevla_core.policy.onnx_options import PRECISIONS, PROVIDERS


class HelpFormatter(argparse.HelpFormatter):
    """Shows the value that an option has where nobody gives one."""

    def _get_help_string(self, action: argparse.Action) -> str:
        text = action.help or ""
        told = not action.option_strings or "default" in text or "without it" in text or text.endswith("]")
        shown = isinstance(action.default, (int, float, str, Path)) and action.default not in (
            False,
            "",
            argparse.SUPPRESS,
        )
        return text if told or not shown else f"{text} [%(default)s]"


class RawHelpFormatter(HelpFormatter, argparse.RawDescriptionHelpFormatter):
    """`HelpFormatter` that keeps the lines of the description."""


class Parser(argparse.ArgumentParser):
    """A parser whose mistakes are one sentence, as all others of the command line, and name the help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"formatter_class": HelpFormatter, **settings})

    def error(self, message: str) -> NoReturn:
        """Print the mistake and end with exit code 2."""
        self.exit(2, f"error: {message.removesuffix('.')}; see '{self.prog} --help'\n")


def add_execution_options(parser: argparse.ArgumentParser) -> None:
    """Add --provider and --precision, which bundles of runtime "onnx" have a choice of."""
    parser.add_argument(
        "--provider",
        choices=tuple(PROVIDERS),
        default="auto",
        help="of ONNX Runtime, for bundles of runtime onnx; auto = TensorRT, else CUDA, else CPU",
    )
    parser.add_argument("--precision", choices=PRECISIONS, default="fp32", help="number format of TensorRT")
