"""Is Hugging Face's hub reached? Asked once: its own client tries each of a dozen files six times, minutes in all."""

from pathlib import Path

TIMEOUT_S = 10.0


def from_cache_alone(source: str) -> bool:
    """Return whether `source`, a folder or a hub's id, must be taken from this machine, because the hub is not reached.

    True as well where HF_HUB_OFFLINE asks for it. A hub that answers, with whatever, is reached.
    """
    if Path(source).is_dir():
        return True
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    try:
        HfApi().model_info(source, timeout=TIMEOUT_S)
    except HfHubHTTPError:
        return False
    except Exception:  # of the network or of the offline mode, by whichever HTTP library it is
        return True
    return False
