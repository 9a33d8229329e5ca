"""Write the dashboards' JSON for Grafana: python -m infra.grafana"""

from infra.grafana.generate import FOLDER, render_dashboards


def main() -> None:
    """Write a file for each dashboard to `dashboards/`."""
    for name, text in render_dashboards().items():
        (FOLDER / name).write_text(text)


if __name__ == "__main__":
    main()
