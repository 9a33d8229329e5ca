"""Writes the dashboards' JSON, which Grafana reads: python -m infra.grafana"""

from infra.grafana.generate import FOLDER, dashboards


def main() -> None:
    """One file a dashboard, in `dashboards/`."""
    for name, text in dashboards().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
