"""docs/security.md lists the ACLs that streams/doctor/acls.py declares."""

from support.paths import ROOT

from streams.doctor.acls import ACLS, WRITE
from streams.kafka import topics

PAGE = (ROOT / "docs" / "security.md").read_text()


def render_row(role):
    names = {}
    for acl in ACLS[role]:
        kind = f"{acl.operation.name.lower()} {acl.resource.name.lower().replace('_', ' ')}"
        names.setdefault(kind, []).append(f"`{acl.name}{'*' if acl.prefixed else ''}`")
    return (
        f"| `fraud {role}` | "
        + "; ".join(f"{kind} {', '.join(listed)}" for kind, listed in names.items())
        + " |"
    )


def test_the_page_lists_exactly_the_declared_acls():
    assert [line for line in PAGE.splitlines() if line.startswith("| `fraud ")] == [
        render_row(role) for role in ACLS
    ]


def test_only_the_scorer_writes_decisions():
    for name in (topics.PREDICTIONS, topics.ALERTS, topics.DEAD_LETTERS):
        assert [
            role
            for role, acls in ACLS.items()
            if any(acl.operation is WRITE and acl.name == name for acl in acls)
        ] == ["score"]
