"""Options of a model's server, for the model that is measured and for the judge."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from finevla_tools.annotate.vlm_server import VlmOptions


def add_server_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of an OpenAI-compatible server."""
    options = parser.add_argument_group("any OpenAI-compatible server; docs/annotate_vlm.md")
    options.add_argument("--server", default="http://localhost:8000/v1", metavar="URL", help="address of the server")
    options.add_argument(
        "--key-env", default="OPENAI_API_KEY", metavar="NAME", help="environment variable with the server's key"
    )
    options.add_argument("--concurrency", type=int, default=4, help="requests at a time")
    options.add_argument("--requests-per-minute", type=float, metavar="N", help="at most; default: as fast as it goes")
    options.add_argument("--thinking", action="store_true", help="let the model think before it answers")
    options.add_argument("--max-tokens", type=int, default=8192, metavar="N", help="of one answer")
    options.add_argument("--price-in", type=float, default=0.0, metavar="P", help="of a million tokens of a prompt")
    options.add_argument("--price-out", type=float, default=0.0, metavar="P", help="of a million tokens of an answer")
    options.add_argument("--most-cost", type=float, metavar="P", help="stop before this is passed; by default never")
    options.add_argument(
        "--most-tokens", type=int, metavar="N", help="stop before this many are used; by default never"
    )
    options.add_argument(
        "--plain-requests", action="store_true",
        help="leave response_format and chat_template_kwargs out, for servers that refuse what they do not know",
    )  # fmt: skip


def server_options(arguments: argparse.Namespace, model: str, url: str = "", temperature: float = 0.0) -> "VlmOptions":
    """Return the options as the client takes them; raises `FineVLAError` for what cannot be."""
    from finevla_tools.annotate.vlm_budget import VlmPrices
    from finevla_tools.annotate.vlm_server import VlmOptions

    return VlmOptions(
        url=url or arguments.server,
        model=model,
        key_variable=arguments.key_env,
        max_tokens=arguments.max_tokens,
        temperature=temperature,
        concurrency=arguments.concurrency,
        requests_per_minute=arguments.requests_per_minute,
        prices=VlmPrices(arguments.price_in, arguments.price_out),
        most_cost=arguments.most_cost,
        most_tokens=arguments.most_tokens,
        thinking_off=not arguments.thinking and not arguments.plain_requests,
        response_format=not arguments.plain_requests,
    )
