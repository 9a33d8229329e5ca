"""The dashboards as JSON."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from infra.grafana import drift, host_and_api, model, stream

FOLDER = Path(__file__).parent / "dashboards"


def render_dashboards() -> dict[str, str]:
    """Return each dashboard's JSON by file name; the text is reproducible."""
    boards = [module.build().build() for module in (stream, model, drift, host_and_api)]
    return {
        f"{board.uid}.json": JSONEncoder(sort_keys=True, indent=2).encode(board) + "\n"
        for board in boards
    }
