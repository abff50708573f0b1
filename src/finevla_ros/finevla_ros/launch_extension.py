"""What our launch files need that `ros2 launch` has not: `$(bundle-runtime BUNDLE)`, what runs a policy bundle.

`ros2 launch` finds this module by the entry point `launch.frontend.launch_extension` of this package; `finevla up`, which reads
the same files, has the same substitution (`finevla_tools.launch_substitution`).
"""

from collections.abc import Iterable, Sequence
from typing import Any

from launch.frontend import expose_substitution
from launch.substitution import Substitution
from launch.utilities import normalize_to_list_of_substitutions, perform_substitutions

from finevla_ros.share_paths import bundle_runtime
from launch import LaunchContext


@expose_substitution("bundle-runtime")
class BundleRuntime(Substitution):  # type: ignore[misc]
    """The runtime of a bundle, by its name in models or its path: "onnx", "torch" or "remote"; empty if it cannot be read."""

    def __init__(self, bundle: Any) -> None:
        super().__init__()
        self._bundle = normalize_to_list_of_substitutions(bundle)

    @classmethod
    def parse(cls, data: Sequence[Iterable[Any]]) -> tuple[type["BundleRuntime"], dict[str, Any]]:
        """Take the one argument of the substitution."""
        if len(data) != 1:
            raise TypeError(f"bundle-runtime takes one bundle, not {len(data)}")
        return cls, {"bundle": data[0]}

    def describe(self) -> str:
        """Return how it is written in Python."""
        return f"BundleRuntime({' + '.join(part.describe() for part in self._bundle)})"

    def perform(self, context: LaunchContext) -> str:
        """Return the name of the runtime that the bundle's manifest has ("onnx", "torch" or "remote")."""
        return bundle_runtime(perform_substitutions(context, self._bundle))
