"""The automatic way back of a rollout, in words."""

from django.utils.translation import gettext

from versions.rollout.guards import GuardLimits


def rules(limits: GuardLimits) -> list[str]:
    """The automatic way back in words."""
    points = {"points": f"{limits.failed_points:g}"}
    return [
        gettext("more than %(points)s points more of its calls fail than with the old release") % points,
        gettext("more than %(points)s points more of its calls are refused") % {"points": f"{limits.refused_points:g}"},
        gettext("its p95 to the first byte is over %(factor)s times the old one's") % {"factor": f"{limits.slower:g}"},
        gettext("more than %(points)s points more of its calls lose a parameter or have one clamped")
        % {"points": f"{limits.lossy_points:g}"},
        *([gettext("it misses a pinned (golden) answer that the old release gives")] if limits.golden else []),
    ]
