"""Findings that were taken in before there was an inbox get the figures it reads.

The formula itself is asked by the pipeline, for whatever was weighed more than a day ago.
"""

from typing import Any

from django.db import migrations, models
from django.db.models import Count, F, Max, OuterRef, Subquery

RANKS = ("info", "cosmetic", "minor", "major", "critical")
STEPS = 4


def fill(apps: Any, schema_editor: Any) -> None:
    finding, report = apps.get_model("triage", "Finding"), apps.get_model("triage", "Report")
    for rank, severity in enumerate(RANKS):
        finding.objects.filter(severity=severity).update(rank=rank, worst=rank, points=STEPS * rank)
    finding.objects.update(last_seen_at=F("seen_at"), weighed_at=F("seen_at"))
    finding.objects.filter(state="OPEN").update(state="NEW")
    filed = report.objects.filter(pk=OuterRef("report_id")).values("suggested_action")[:1]
    finding.objects.exclude(report=None).update(is_from_agent=True, suggested_action=Subquery(filed))
    groups = finding.objects.exclude(root=None).values("root_id").order_by("root_id")
    for group in groups.annotate(n=Count("pk"), top=Max("rank"), seen=Max("seen_at")).iterator():
        head = finding.objects.get(pk=group["root_id"])
        head.size, head.worst = group["n"] + 1, max(head.rank, group["top"])
        head.last_seen_at = max(head.seen_at, group["seen"])
        head.save(update_fields=["size", "worst", "last_seen_at"])


def empty(apps: Any, schema_editor: Any) -> None:
    """Back to the two states there were."""
    finding = apps.get_model("triage", "Finding")
    finding.objects.exclude(state="RESOLVED").update(state="OPEN")


class Migration(migrations.Migration):
    dependencies = [("triage", "0003_inbox_findings_and_decisions")]

    operations = [
        migrations.RunPython(fill, empty),
        migrations.AlterField(model_name="finding", name="last_seen_at", field=models.DateTimeField()),
    ]
