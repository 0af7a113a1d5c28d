from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("guardrails", "0002_guardrails_trust_claims_and_requests")]

    operations = [
        migrations.AddField(model_name="policy", name="fetch_hosts", field=models.TextField(blank=True)),
    ]
