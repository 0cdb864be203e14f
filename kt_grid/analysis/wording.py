"""How numbers and parameters are written for people."""

from kt_grid.space import Parameters
from kt_grid.space.objective import Objective


def name(parameters: Parameters) -> str:
    """Write parameters as `axis=value, axis=value`."""
    return ", ".join(f"{axis}={value}" for axis, value in parameters.items()) or "no parameters"


def figure(value: float | None) -> str:
    """Write a score with six decimals, as the tutorial does; nothing for None."""
    return "" if value is None else f"{value:.6f}"


def short(value: float) -> str:
    """Write a score with four decimals, or four digits where it is large or tiny."""
    return f"{value:.4f}" if value == 0 or 1e-3 <= abs(value) < 1e3 else f"{value:.4g}"


def chance(p: float | None) -> str:
    """Write a p-value with three decimals; nothing for None."""
    if p is None:
        return ""
    return f"{p:.3f}" if p >= 0.0005 else "<0.001"


def percent(share: float) -> str:
    """Write a share as a whole percentage."""
    return f"{share:.0%}".replace("%", " %")


def count(number: int, noun: str) -> str:
    """Write a number of things."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def are(number: int) -> str:
    """Return the verb that goes with a number of things."""
    return "is" if number == 1 else "are"


def direction(objective: Objective) -> str:
    """Say which scores are the better ones."""
    return "higher is better" if objective.direction == "max" else "lower is better"
